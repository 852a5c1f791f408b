import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { output, until } from "../harness/command.js";
import { build, root } from "../harness/paths.js";
import { freePort } from "../harness/sandbox.js";
import { World } from "../harness/world.js";
import { print } from "./table.js";
const rounds = Number(process.argv[2] ?? 5);
const seconds = 4;
const quiet = { log_level: "warn" };
const world = await World.create({ server: { config: quiet }, agent: { config: quiet } });
async function rate(url, token, script) {
  const more = [...token ? ["-H", `Authorization: Bearer ${token}`] : [], ...script ? ["-s", script] : []];
  const text = await output(["wrk", "-t1", "-c32", `-d${seconds}s`, ...more, url]);
  if (/Non-2xx/.test(text)) {
    throw new Error(text);
  }
  return Number(text.match(/Requests\/sec:\s*([\d.]+)/)[1]);
}
async function startFloor(sqlOne, sqlPage, options = "") {
  const port = await freePort();
  for (let i = 0; i < 2; i++) {
    const child = spawn(`${build}/tests/bench/api_floor`, [world.cluster.conninfo("postgres") + options, String(port), sqlOne, sqlPage], { stdio: "inherit" });
    world.sandbox.undoProcess(child.pid);
  }
  const url = `http://127.0.0.1:${port}`;
  await until("the floor answers", async () => (await fetch(`${url}/page`)).status === 200, 5e3);
  return url;
}
async function makeRoom() {
  await world.agent.stop();
  await world.operator.expect(201, "POST", "/v1/admin/pools", { body: { location_id: world.location.id, name: "room", cidr: "10.96.0.0/16" } });
  await world.cluster.sql(`UPDATE nodes SET id_base = 65536, id_count = 65000, capacity_vcpus = 65536, overcommit_vcpu_percent = 10000,
        capacity_memory_bytes = 1::bigint << 52, capacity_disk_bytes = 1::bigint << 52; UPDATE node_status SET last_seen_at = 'infinity', online = true`);
}
async function creates() {
  await makeRoom();
  const order = world.order();
  const script = world.sandbox.path("create.lua");
  writeFileSync(script, `local n = 0
local run = tostring(os.time()) .. tostring(math.random(1000000))
request = function()
  n = n + 1
  local body = '${JSON.stringify({ ...order, name: "@" })}'
  return wrk.format("POST", "/v1/vps", { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer ${world.customer.api.token}",
    ["Idempotency-Key"] = run .. "-" .. n }, (body:gsub("@", "w" .. run .. "-" .. n)))
end
`);
  const body = `jsonb_build_object('body', '${JSON.stringify(order)}'::jsonb || jsonb_build_object('name', 'f' || gen_random_uuid()))`;
  const floor = await startFloor("SELECT $1::text", `SELECT (croft_vps_create(${body})).body`, ` options='-c croft.tenant=${world.customer.id}'`);
  const result = { ours: [], floor: [] };
  for (let round = 0; round < rounds; round++) {
    result.floor.push(await rate(`${floor}/page`));
    result.ours.push(await rate(world.server.url, void 0, script));
  }
  return result;
}
async function textOf(name) {
  const folder = world.sandbox.path("sql");
  mkdirSync(folder, { recursive: true });
  await output(["sh", "-c", `${root}/server/sql/embed.py --expand ${folder} ${root}/server/sql/*.sql`]);
  return readFileSync(`${folder}/${name}.sql`, "utf8");
}
async function inside(text, role, request, times) {
  return Number(await world.cluster.sql(`SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan;
        SET LOCAL croft.tenant = '${world.customer.id}'; SET LOCAL ROLE ${role};
        DO $do$ DECLARE bench_row record; bench_request jsonb := '${JSON.stringify(request)}'; bench_from timestamptz := clock_timestamp(); BEGIN
            FOR i IN 1..${times} LOOP FOR bench_row IN ${text.replaceAll("$1", "bench_request")} LOOP NULL; END LOOP; END LOOP;
            PERFORM set_config('croft.took', (extract(epoch FROM clock_timestamp() - bench_from) * 1e6 / ${times})::text, true); END $do$;
        SELECT current_setting('croft.took')`));
}
async function security() {
  await world.cluster.sql("CREATE ROLE bench_bare BYPASSRLS; GRANT croft_tenant TO bench_bare");
  const { items } = (await world.customer.api.raw("GET", "/v1/vps?limit=1")).json;
  const lines = [];
  for (const [name, what, request, times] of [["vps_read", "read of one", { id: items[0].id, query: {} }, 2e4], ["vps_list", "page of fifty", { query: {} }, 1e3]]) {
    const text = await textOf(name);
    const ours = [];
    const floor = [];
    for (let round = 0; round < rounds * 2; round++) {
      floor.push(await inside(text, "bench_bare", request, times));
      ours.push(await inside(text, "croft_tenant", request, times));
    }
    lines.push({ what, ours, floor, unit: "\xB5s", goal: "stated", goalRatio: Infinity, better: "less" });
  }
  print("Row-level security: the same statement inside PostgreSQL, with the tenant's policies and as a role that they are not for", lines);
}
try {
  for (let i = 0; i < 50; i += 10) {
    await Promise.all(Array.from({ length: 10 }, () => world.createVps()));
  }
  await world.cluster.sql("ANALYZE");
  const { api } = world.customer;
  const { items } = (await api.raw("GET", "/v1/vps?limit=50")).json;
  const id = items[0].id;
  const sqlOne = "SELECT v.body FROM vps v WHERE v.id = $1::uuid AND v.deleted_at IS NULL";
  const sqlPage = `SELECT '{"items":[' || string_agg(body, ',') || '],"next_cursor":null}' FROM (SELECT v.body FROM vps v WHERE v.tenant_id = '${world.customer.id}' AND v.deleted_at IS NULL ORDER BY v.id LIMIT 50) page`;
  const floor = await startFloor(sqlOne, sqlPage);
  for (const [mine, bare] of [[`/v1/vps/${id}`, `/one/${id}`], ["/v1/vps?limit=50", "/page"]]) {
    const [a, b] = [(await api.raw("GET", mine)).json, await (await fetch(floor + bare)).json()];
    if (JSON.stringify(a) !== JSON.stringify(b)) {
      throw new Error(`the floor sends something else: ${JSON.stringify(b)}, not ${JSON.stringify(a)}`);
    }
  }
  const figures = { one: [], oneFloor: [], page: [], pageFloor: [] };
  await rate(`${world.server.url}/v1/vps/${id}`, api.token);
  for (let round = 0; round < rounds; round++) {
    figures.oneFloor.push(await rate(`${floor}/one/${id}`));
    figures.one.push(await rate(`${world.server.url}/v1/vps/${id}`, api.token));
    figures.pageFloor.push(await rate(`${floor}/page`));
    figures.page.push(await rate(`${world.server.url}/v1/vps?limit=50`, api.token));
  }
  print("Reads (`tests/bench/api`)", [
    { what: "authenticated read of one vps", ours: figures.one, floor: figures.oneFloor, unit: "a second", goal: "at least 0.6", goalRatio: 0.6, better: "more" },
    { what: "authenticated page of fifty", ours: figures.page, floor: figures.pageFloor, unit: "a second", goal: "at least 0.6", goalRatio: 0.6, better: "more" }
  ]);
  await security();
  const made = await creates();
  print("Creates (`tests/bench/api`)", [
    { what: "create, answered 202", ours: made.ours, floor: made.floor, unit: "a second", goal: "stated", goalRatio: 0, better: "more" }
  ]);
} finally {
  await world.close();
}
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vYmVuY2gvYXBpLnRzIl0sCiAgInNvdXJjZXNDb250ZW50IjogWyIvLyBBdXRoZW50aWNhdGVkIHJlYWRzIG9mIG9uZSB2cHMgYW5kIG9mIGEgcGFnZSBvZiBmaWZ0eSwgYmVzaWRlIGEgYmFyZSBldmh0dHAgKyBsaWJwcSBwcm9ncmFtIHRoYXQgc2VuZHNcbi8vIHRoZSBzYW1lIGJ5dGVzIGZyb20gdGhlIHNhbWUgZGF0YWJhc2U7IGNyZWF0ZXMgYmVzaWRlIHRoZSBzYW1lIHByb2dyYW0gdGhhdCBjYWxscyB0aGUgc2FtZSBmdW5jdGlvbiBmb3Igbm9ib2R5IGluIHBhcnRpY3VsYXIuIHdya1xuLy8gZHJpdmVzIGJvdGgsIGluIHR1cm5zLiBBbmQgd2hhdCByb3ctbGV2ZWwgc2VjdXJpdHkgY29zdHMgaW5zaWRlIFBvc3RncmVTUUwuXG5pbXBvcnQgeyBzcGF3biB9IGZyb20gXCJub2RlOmNoaWxkX3Byb2Nlc3NcIjtcbmltcG9ydCB7IG1rZGlyU3luYywgcmVhZEZpbGVTeW5jLCB3cml0ZUZpbGVTeW5jIH0gZnJvbSBcIm5vZGU6ZnNcIjtcbmltcG9ydCB7IG91dHB1dCwgdW50aWwgfSBmcm9tIFwiLi4vaGFybmVzcy9jb21tYW5kLmpzXCI7XG5pbXBvcnQgeyBidWlsZCwgcm9vdCB9IGZyb20gXCIuLi9oYXJuZXNzL3BhdGhzLmpzXCI7XG5pbXBvcnQgeyBmcmVlUG9ydCB9IGZyb20gXCIuLi9oYXJuZXNzL3NhbmRib3guanNcIjtcbmltcG9ydCB7IFdvcmxkIH0gZnJvbSBcIi4uL2hhcm5lc3Mvd29ybGQuanNcIjtcbmltcG9ydCB7IHByaW50IH0gZnJvbSBcIi4vdGFibGUuanNcIjtcblxuY29uc3Qgcm91bmRzID0gTnVtYmVyKHByb2Nlc3MuYXJndlsyXSA/PyA1KTtcbmNvbnN0IHNlY29uZHMgPSA0O1xuXG5jb25zdCBxdWlldCA9IHsgbG9nX2xldmVsOiBcIndhcm5cIiB9O1xuY29uc3Qgd29ybGQgPSBhd2FpdCBXb3JsZC5jcmVhdGUoeyBzZXJ2ZXI6IHsgY29uZmlnOiBxdWlldCB9LCBhZ2VudDogeyBjb25maWc6IHF1aWV0IH0gfSk7XG5cbmFzeW5jIGZ1bmN0aW9uIHJhdGUodXJsOiBzdHJpbmcsIHRva2VuPzogc3RyaW5nLCBzY3JpcHQ/OiBzdHJpbmcpOiBQcm9taXNlPG51bWJlcj4ge1xuICAgIGNvbnN0IG1vcmUgPSBbLi4uKHRva2VuID8gW1wiLUhcIiwgYEF1dGhvcml6YXRpb246IEJlYXJlciAke3Rva2VufWBdIDogW10pLCAuLi4oc2NyaXB0ID8gW1wiLXNcIiwgc2NyaXB0XSA6IFtdKV07XG4gICAgY29uc3QgdGV4dCA9IGF3YWl0IG91dHB1dChbXCJ3cmtcIiwgXCItdDFcIiwgXCItYzMyXCIsIGAtZCR7c2Vjb25kc31zYCwgLi4ubW9yZSwgdXJsXSk7XG4gICAgaWYgKC9Ob24tMnh4Ly50ZXN0KHRleHQpKSB7XG4gICAgICAgIHRocm93IG5ldyBFcnJvcih0ZXh0KTtcbiAgICB9XG4gICAgcmV0dXJuIE51bWJlcih0ZXh0Lm1hdGNoKC9SZXF1ZXN0c1xcL3NlYzpcXHMqKFtcXGQuXSspLykhWzFdKTtcbn1cblxuYXN5bmMgZnVuY3Rpb24gc3RhcnRGbG9vcihzcWxPbmU6IHN0cmluZywgc3FsUGFnZTogc3RyaW5nLCBvcHRpb25zID0gXCJcIik6IFByb21pc2U8c3RyaW5nPiB7XG4gICAgY29uc3QgcG9ydCA9IGF3YWl0IGZyZWVQb3J0KCk7XG4gICAgZm9yIChsZXQgaSA9IDA7IGkgPCAyOyBpKyspIHsgLy8gYXMgbWFueSBhcyB0aGUgc2VydmVyIGhhcyB3b3JrZXJzXG4gICAgICAgIGNvbnN0IGNoaWxkID0gc3Bhd24oYCR7YnVpbGR9L3Rlc3RzL2JlbmNoL2FwaV9mbG9vcmAsIFt3b3JsZC5jbHVzdGVyLmNvbm5pbmZvKFwicG9zdGdyZXNcIikgKyBvcHRpb25zLCBTdHJpbmcocG9ydCksIHNxbE9uZSwgc3FsUGFnZV0sIHsgc3RkaW86IFwiaW5oZXJpdFwiIH0pO1xuICAgICAgICB3b3JsZC5zYW5kYm94LnVuZG9Qcm9jZXNzKGNoaWxkLnBpZCEpO1xuICAgIH1cbiAgICBjb25zdCB1cmwgPSBgaHR0cDovLzEyNy4wLjAuMToke3BvcnR9YDtcbiAgICBhd2FpdCB1bnRpbChcInRoZSBmbG9vciBhbnN3ZXJzXCIsIGFzeW5jICgpID0+IChhd2FpdCBmZXRjaChgJHt1cmx9L3BhZ2VgKSkuc3RhdHVzID09PSAyMDAsIDUwMDApO1xuICAgIHJldHVybiB1cmw7XG59XG5cbi8vIFJvb20gZm9yIHRlbnMgb2YgdGhvdXNhbmRzLCBvbiBhIG5vZGUgd2hvc2UgYWdlbnQgaXMgYXdheSwgc28gdGhhdCBvbmx5IHdoYXQgYSBjcmVhdGUgY29zdHMgdGhlIHNlcnZlciBhbmQgUG9zdGdyZVNRTCBpcyBtZWFzdXJlZC5cbmFzeW5jIGZ1bmN0aW9uIG1ha2VSb29tKCk6IFByb21pc2U8dm9pZD4ge1xuICAgIGF3YWl0IHdvcmxkLmFnZW50LnN0b3AoKTtcbiAgICBhd2FpdCB3b3JsZC5vcGVyYXRvci5leHBlY3QoMjAxLCBcIlBPU1RcIiwgXCIvdjEvYWRtaW4vcG9vbHNcIiwgeyBib2R5OiB7IGxvY2F0aW9uX2lkOiB3b3JsZC5sb2NhdGlvbi5pZCwgbmFtZTogXCJyb29tXCIsIGNpZHI6IFwiMTAuOTYuMC4wLzE2XCIgfSB9KTtcbiAgICBhd2FpdCB3b3JsZC5jbHVzdGVyLnNxbChgVVBEQVRFIG5vZGVzIFNFVCBpZF9iYXNlID0gNjU1MzYsIGlkX2NvdW50ID0gNjUwMDAsIGNhcGFjaXR5X3ZjcHVzID0gNjU1MzYsIG92ZXJjb21taXRfdmNwdV9wZXJjZW50ID0gMTAwMDAsXG4gICAgICAgIGNhcGFjaXR5X21lbW9yeV9ieXRlcyA9IDE6OmJpZ2ludCA8PCA1MiwgY2FwYWNpdHlfZGlza19ieXRlcyA9IDE6OmJpZ2ludCA8PCA1MjsgVVBEQVRFIG5vZGVfc3RhdHVzIFNFVCBsYXN0X3NlZW5fYXQgPSAnaW5maW5pdHknLCBvbmxpbmUgPSB0cnVlYCk7XG59XG5cbmFzeW5jIGZ1bmN0aW9uIGNyZWF0ZXMoKTogUHJvbWlzZTx7IG91cnM6IG51bWJlcltdOyBmbG9vcjogbnVtYmVyW10gfT4ge1xuICAgIGF3YWl0IG1ha2VSb29tKCk7XG4gICAgY29uc3Qgb3JkZXIgPSB3b3JsZC5vcmRlcigpO1xuICAgIGNvbnN0IHNjcmlwdCA9IHdvcmxkLnNhbmRib3gucGF0aChcImNyZWF0ZS5sdWFcIik7XG4gICAgd3JpdGVGaWxlU3luYyhzY3JpcHQsIGBsb2NhbCBuID0gMFxubG9jYWwgcnVuID0gdG9zdHJpbmcob3MudGltZSgpKSAuLiB0b3N0cmluZyhtYXRoLnJhbmRvbSgxMDAwMDAwKSlcbnJlcXVlc3QgPSBmdW5jdGlvbigpXG4gIG4gPSBuICsgMVxuICBsb2NhbCBib2R5ID0gJyR7SlNPTi5zdHJpbmdpZnkoeyAuLi5vcmRlciwgbmFtZTogXCJAXCIgfSl9J1xuICByZXR1cm4gd3JrLmZvcm1hdChcIlBPU1RcIiwgXCIvdjEvdnBzXCIsIHsgW1wiQ29udGVudC1UeXBlXCJdID0gXCJhcHBsaWNhdGlvbi9qc29uXCIsIFtcIkF1dGhvcml6YXRpb25cIl0gPSBcIkJlYXJlciAke3dvcmxkLmN1c3RvbWVyLmFwaS50b2tlbn1cIixcbiAgICBbXCJJZGVtcG90ZW5jeS1LZXlcIl0gPSBydW4gLi4gXCItXCIgLi4gbiB9LCAoYm9keTpnc3ViKFwiQFwiLCBcIndcIiAuLiBydW4gLi4gXCItXCIgLi4gbikpKVxuZW5kXG5gKTtcbiAgICBjb25zdCBib2R5ID0gYGpzb25iX2J1aWxkX29iamVjdCgnYm9keScsICcke0pTT04uc3RyaW5naWZ5KG9yZGVyKX0nOjpqc29uYiB8fCBqc29uYl9idWlsZF9vYmplY3QoJ25hbWUnLCAnZicgfHwgZ2VuX3JhbmRvbV91dWlkKCkpKWA7XG4gICAgY29uc3QgZmxvb3IgPSBhd2FpdCBzdGFydEZsb29yKFwiU0VMRUNUICQxOjp0ZXh0XCIsIGBTRUxFQ1QgKGNyb2Z0X3Zwc19jcmVhdGUoJHtib2R5fSkpLmJvZHlgLCBgIG9wdGlvbnM9Jy1jIGNyb2Z0LnRlbmFudD0ke3dvcmxkLmN1c3RvbWVyLmlkfSdgKTtcbiAgICBjb25zdCByZXN1bHQgPSB7IG91cnM6IFtdIGFzIG51bWJlcltdLCBmbG9vcjogW10gYXMgbnVtYmVyW10gfTtcbiAgICBmb3IgKGxldCByb3VuZCA9IDA7IHJvdW5kIDwgcm91bmRzOyByb3VuZCsrKSB7XG4gICAgICAgIHJlc3VsdC5mbG9vci5wdXNoKGF3YWl0IHJhdGUoYCR7Zmxvb3J9L3BhZ2VgKSk7XG4gICAgICAgIHJlc3VsdC5vdXJzLnB1c2goYXdhaXQgcmF0ZSh3b3JsZC5zZXJ2ZXIudXJsLCB1bmRlZmluZWQsIHNjcmlwdCkpO1xuICAgIH1cbiAgICByZXR1cm4gcmVzdWx0O1xufVxuXG4vLyBUaGUgdGV4dCB0aGF0IHRoZSBzZXJ2ZXIgcnVucywgd2l0aCB0aGUgb3JkZXIgb2YgYSBsaXN0IGZpbGxlZCBpbi5cbmFzeW5jIGZ1bmN0aW9uIHRleHRPZihuYW1lOiBzdHJpbmcpOiBQcm9taXNlPHN0cmluZz4ge1xuICAgIGNvbnN0IGZvbGRlciA9IHdvcmxkLnNhbmRib3gucGF0aChcInNxbFwiKTtcbiAgICBta2RpclN5bmMoZm9sZGVyLCB7IHJlY3Vyc2l2ZTogdHJ1ZSB9KTtcbiAgICBhd2FpdCBvdXRwdXQoW1wic2hcIiwgXCItY1wiLCBgJHtyb290fS9zZXJ2ZXIvc3FsL2VtYmVkLnB5IC0tZXhwYW5kICR7Zm9sZGVyfSAke3Jvb3R9L3NlcnZlci9zcWwvKi5zcWxgXSk7XG4gICAgcmV0dXJuIHJlYWRGaWxlU3luYyhgJHtmb2xkZXJ9LyR7bmFtZX0uc3FsYCwgXCJ1dGY4XCIpO1xufVxuXG4vLyBNaWNyb3NlY29uZHMgdGhhdCBhIHN0YXRlbWVudCB0YWtlcyBpbnNpZGUgUG9zdGdyZVNRTCwgdW5kZXIgYSByb2xlIGFuZCB3aXRoIGEgcGxhbiB0aGF0IGlzIGtlcHQsIGFzIHRoZSBzZXJ2ZXIgaGFzIGl0LlxuYXN5bmMgZnVuY3Rpb24gaW5zaWRlKHRleHQ6IHN0cmluZywgcm9sZTogc3RyaW5nLCByZXF1ZXN0OiBvYmplY3QsIHRpbWVzOiBudW1iZXIpOiBQcm9taXNlPG51bWJlcj4ge1xuICAgIHJldHVybiBOdW1iZXIoYXdhaXQgd29ybGQuY2x1c3Rlci5zcWwoYFNFVCBMT0NBTCBqaXQgPSBvZmY7IFNFVCBMT0NBTCBlbmFibGVfc2Vxc2NhbiA9IG9mZjsgU0VUIExPQ0FMIHBsYW5fY2FjaGVfbW9kZSA9IGZvcmNlX2dlbmVyaWNfcGxhbjtcbiAgICAgICAgU0VUIExPQ0FMIGNyb2Z0LnRlbmFudCA9ICcke3dvcmxkLmN1c3RvbWVyLmlkfSc7IFNFVCBMT0NBTCBST0xFICR7cm9sZX07XG4gICAgICAgIERPICRkbyQgREVDTEFSRSBiZW5jaF9yb3cgcmVjb3JkOyBiZW5jaF9yZXF1ZXN0IGpzb25iIDo9ICcke0pTT04uc3RyaW5naWZ5KHJlcXVlc3QpfSc7IGJlbmNoX2Zyb20gdGltZXN0YW1wdHogOj0gY2xvY2tfdGltZXN0YW1wKCk7IEJFR0lOXG4gICAgICAgICAgICBGT1IgaSBJTiAxLi4ke3RpbWVzfSBMT09QIEZPUiBiZW5jaF9yb3cgSU4gJHt0ZXh0LnJlcGxhY2VBbGwoXCIkMVwiLCBcImJlbmNoX3JlcXVlc3RcIil9IExPT1AgTlVMTDsgRU5EIExPT1A7IEVORCBMT09QO1xuICAgICAgICAgICAgUEVSRk9STSBzZXRfY29uZmlnKCdjcm9mdC50b29rJywgKGV4dHJhY3QoZXBvY2ggRlJPTSBjbG9ja190aW1lc3RhbXAoKSAtIGJlbmNoX2Zyb20pICogMWU2IC8gJHt0aW1lc30pOjp0ZXh0LCB0cnVlKTsgRU5EICRkbyQ7XG4gICAgICAgIFNFTEVDVCBjdXJyZW50X3NldHRpbmcoJ2Nyb2Z0LnRvb2snKWApKTtcbn1cblxuYXN5bmMgZnVuY3Rpb24gc2VjdXJpdHkoKTogUHJvbWlzZTx2b2lkPiB7XG4gICAgYXdhaXQgd29ybGQuY2x1c3Rlci5zcWwoXCJDUkVBVEUgUk9MRSBiZW5jaF9iYXJlIEJZUEFTU1JMUzsgR1JBTlQgY3JvZnRfdGVuYW50IFRPIGJlbmNoX2JhcmVcIik7XG4gICAgY29uc3QgeyBpdGVtcyB9ID0gKGF3YWl0IHdvcmxkLmN1c3RvbWVyLmFwaS5yYXcoXCJHRVRcIiwgXCIvdjEvdnBzP2xpbWl0PTFcIikpLmpzb247XG4gICAgY29uc3QgbGluZXMgPSBbXTtcbiAgICBmb3IgKGNvbnN0IFtuYW1lLCB3aGF0LCByZXF1ZXN0LCB0aW1lc10gb2YgW1tcInZwc19yZWFkXCIsIFwicmVhZCBvZiBvbmVcIiwgeyBpZDogaXRlbXNbMF0uaWQsIHF1ZXJ5OiB7fSB9LCAyMF8wMDBdLCBbXCJ2cHNfbGlzdFwiLCBcInBhZ2Ugb2YgZmlmdHlcIiwgeyBxdWVyeToge30gfSwgMTAwMF1dIGFzIGNvbnN0KSB7XG4gICAgICAgIGNvbnN0IHRleHQgPSBhd2FpdCB0ZXh0T2YobmFtZSk7XG4gICAgICAgIGNvbnN0IG91cnM6IG51bWJlcltdID0gW107XG4gICAgICAgIGNvbnN0IGZsb29yOiBudW1iZXJbXSA9IFtdO1xuICAgICAgICBmb3IgKGxldCByb3VuZCA9IDA7IHJvdW5kIDwgcm91bmRzICogMjsgcm91bmQrKykge1xuICAgICAgICAgICAgZmxvb3IucHVzaChhd2FpdCBpbnNpZGUodGV4dCwgXCJiZW5jaF9iYXJlXCIsIHJlcXVlc3QsIHRpbWVzKSk7XG4gICAgICAgICAgICBvdXJzLnB1c2goYXdhaXQgaW5zaWRlKHRleHQsIFwiY3JvZnRfdGVuYW50XCIsIHJlcXVlc3QsIHRpbWVzKSk7XG4gICAgICAgIH1cbiAgICAgICAgbGluZXMucHVzaCh7IHdoYXQsIG91cnMsIGZsb29yLCB1bml0OiBcIlx1MDBCNXNcIiwgZ29hbDogXCJzdGF0ZWRcIiwgZ29hbFJhdGlvOiBJbmZpbml0eSwgYmV0dGVyOiBcImxlc3NcIiBhcyBjb25zdCB9KTtcbiAgICB9XG4gICAgcHJpbnQoXCJSb3ctbGV2ZWwgc2VjdXJpdHk6IHRoZSBzYW1lIHN0YXRlbWVudCBpbnNpZGUgUG9zdGdyZVNRTCwgd2l0aCB0aGUgdGVuYW50J3MgcG9saWNpZXMgYW5kIGFzIGEgcm9sZSB0aGF0IHRoZXkgYXJlIG5vdCBmb3JcIiwgbGluZXMpO1xufVxuXG50cnkge1xuICAgIGZvciAobGV0IGkgPSAwOyBpIDwgNTA7IGkgKz0gMTApIHtcbiAgICAgICAgYXdhaXQgUHJvbWlzZS5hbGwoQXJyYXkuZnJvbSh7IGxlbmd0aDogMTAgfSwgKCkgPT4gd29ybGQuY3JlYXRlVnBzKCkpKTtcbiAgICB9XG4gICAgYXdhaXQgd29ybGQuY2x1c3Rlci5zcWwoXCJBTkFMWVpFXCIpOyAvLyBhcyBhdXRvdmFjdXVtIGRvZXMgYSBtaW51dGUgbGF0ZXJcbiAgICBjb25zdCB7IGFwaSB9ID0gd29ybGQuY3VzdG9tZXI7XG4gICAgY29uc3QgeyBpdGVtcyB9ID0gKGF3YWl0IGFwaS5yYXcoXCJHRVRcIiwgXCIvdjEvdnBzP2xpbWl0PTUwXCIpKS5qc29uO1xuICAgIGNvbnN0IGlkID0gaXRlbXNbMF0uaWQ7XG4gICAgY29uc3Qgc3FsT25lID0gXCJTRUxFQ1Qgdi5ib2R5IEZST00gdnBzIHYgV0hFUkUgdi5pZCA9ICQxOjp1dWlkIEFORCB2LmRlbGV0ZWRfYXQgSVMgTlVMTFwiO1xuICAgIGNvbnN0IHNxbFBhZ2UgPSBgU0VMRUNUICd7XCJpdGVtc1wiOlsnIHx8IHN0cmluZ19hZ2coYm9keSwgJywnKSB8fCAnXSxcIm5leHRfY3Vyc29yXCI6bnVsbH0nIEZST00gKFNFTEVDVCB2LmJvZHkgRlJPTSB2cHMgdiBXSEVSRSB2LnRlbmFudF9pZCA9ICcke3dvcmxkLmN1c3RvbWVyLmlkfScgQU5EIHYuZGVsZXRlZF9hdCBJUyBOVUxMIE9SREVSIEJZIHYuaWQgTElNSVQgNTApIHBhZ2VgO1xuICAgIGNvbnN0IGZsb29yID0gYXdhaXQgc3RhcnRGbG9vcihzcWxPbmUsIHNxbFBhZ2UpO1xuICAgIGZvciAoY29uc3QgW21pbmUsIGJhcmVdIG9mIFtbYC92MS92cHMvJHtpZH1gLCBgL29uZS8ke2lkfWBdLCBbXCIvdjEvdnBzP2xpbWl0PTUwXCIsIFwiL3BhZ2VcIl1dIGFzIGNvbnN0KSB7XG4gICAgICAgIGNvbnN0IFthLCBiXSA9IFsoYXdhaXQgYXBpLnJhdyhcIkdFVFwiLCBtaW5lKSkuanNvbiwgYXdhaXQgKGF3YWl0IGZldGNoKGZsb29yICsgYmFyZSkpLmpzb24oKV07XG4gICAgICAgIGlmIChKU09OLnN0cmluZ2lmeShhKSAhPT0gSlNPTi5zdHJpbmdpZnkoYikpIHtcbiAgICAgICAgICAgIHRocm93IG5ldyBFcnJvcihgdGhlIGZsb29yIHNlbmRzIHNvbWV0aGluZyBlbHNlOiAke0pTT04uc3RyaW5naWZ5KGIpfSwgbm90ICR7SlNPTi5zdHJpbmdpZnkoYSl9YCk7XG4gICAgICAgIH1cbiAgICB9XG4gICAgY29uc3QgZmlndXJlcyA9IHsgb25lOiBbXSBhcyBudW1iZXJbXSwgb25lRmxvb3I6IFtdIGFzIG51bWJlcltdLCBwYWdlOiBbXSBhcyBudW1iZXJbXSwgcGFnZUZsb29yOiBbXSBhcyBudW1iZXJbXSB9O1xuICAgIGF3YWl0IHJhdGUoYCR7d29ybGQuc2VydmVyLnVybH0vdjEvdnBzLyR7aWR9YCwgYXBpLnRva2VuKTtcbiAgICBmb3IgKGxldCByb3VuZCA9IDA7IHJvdW5kIDwgcm91bmRzOyByb3VuZCsrKSB7XG4gICAgICAgIGZpZ3VyZXMub25lRmxvb3IucHVzaChhd2FpdCByYXRlKGAke2Zsb29yfS9vbmUvJHtpZH1gKSk7XG4gICAgICAgIGZpZ3VyZXMub25lLnB1c2goYXdhaXQgcmF0ZShgJHt3b3JsZC5zZXJ2ZXIudXJsfS92MS92cHMvJHtpZH1gLCBhcGkudG9rZW4pKTtcbiAgICAgICAgZmlndXJlcy5wYWdlRmxvb3IucHVzaChhd2FpdCByYXRlKGAke2Zsb29yfS9wYWdlYCkpO1xuICAgICAgICBmaWd1cmVzLnBhZ2UucHVzaChhd2FpdCByYXRlKGAke3dvcmxkLnNlcnZlci51cmx9L3YxL3Zwcz9saW1pdD01MGAsIGFwaS50b2tlbikpO1xuICAgIH1cbiAgICBwcmludChcIlJlYWRzIChgdGVzdHMvYmVuY2gvYXBpYClcIiwgW1xuICAgICAgICB7IHdoYXQ6IFwiYXV0aGVudGljYXRlZCByZWFkIG9mIG9uZSB2cHNcIiwgb3VyczogZmlndXJlcy5vbmUsIGZsb29yOiBmaWd1cmVzLm9uZUZsb29yLCB1bml0OiBcImEgc2Vjb25kXCIsIGdvYWw6IFwiYXQgbGVhc3QgMC42XCIsIGdvYWxSYXRpbzogMC42LCBiZXR0ZXI6IFwibW9yZVwiIH0sXG4gICAgICAgIHsgd2hhdDogXCJhdXRoZW50aWNhdGVkIHBhZ2Ugb2YgZmlmdHlcIiwgb3VyczogZmlndXJlcy5wYWdlLCBmbG9vcjogZmlndXJlcy5wYWdlRmxvb3IsIHVuaXQ6IFwiYSBzZWNvbmRcIiwgZ29hbDogXCJhdCBsZWFzdCAwLjZcIiwgZ29hbFJhdGlvOiAwLjYsIGJldHRlcjogXCJtb3JlXCIgfSxcbiAgICBdKTtcbiAgICBhd2FpdCBzZWN1cml0eSgpO1xuICAgIGNvbnN0IG1hZGUgPSBhd2FpdCBjcmVhdGVzKCk7XG4gICAgcHJpbnQoXCJDcmVhdGVzIChgdGVzdHMvYmVuY2gvYXBpYClcIiwgW1xuICAgICAgICB7IHdoYXQ6IFwiY3JlYXRlLCBhbnN3ZXJlZCAyMDJcIiwgb3VyczogbWFkZS5vdXJzLCBmbG9vcjogbWFkZS5mbG9vciwgdW5pdDogXCJhIHNlY29uZFwiLCBnb2FsOiBcInN0YXRlZFwiLCBnb2FsUmF0aW86IDAsIGJldHRlcjogXCJtb3JlXCIgfSxcbiAgICBdKTtcbn0gZmluYWxseSB7XG4gICAgYXdhaXQgd29ybGQuY2xvc2UoKTtcbn1cbiJdLAogICJtYXBwaW5ncyI6ICJBQUdBLFNBQVMsYUFBYTtBQUN0QixTQUFTLFdBQVcsY0FBYyxxQkFBcUI7QUFDdkQsU0FBUyxRQUFRLGFBQWE7QUFDOUIsU0FBUyxPQUFPLFlBQVk7QUFDNUIsU0FBUyxnQkFBZ0I7QUFDekIsU0FBUyxhQUFhO0FBQ3RCLFNBQVMsYUFBYTtBQUV0QixNQUFNLFNBQVMsT0FBTyxRQUFRLEtBQUssQ0FBQyxLQUFLLENBQUM7QUFDMUMsTUFBTSxVQUFVO0FBRWhCLE1BQU0sUUFBUSxFQUFFLFdBQVcsT0FBTztBQUNsQyxNQUFNLFFBQVEsTUFBTSxNQUFNLE9BQU8sRUFBRSxRQUFRLEVBQUUsUUFBUSxNQUFNLEdBQUcsT0FBTyxFQUFFLFFBQVEsTUFBTSxFQUFFLENBQUM7QUFFeEYsZUFBZSxLQUFLLEtBQWEsT0FBZ0IsUUFBa0M7QUFDL0UsUUFBTSxPQUFPLENBQUMsR0FBSSxRQUFRLENBQUMsTUFBTSx5QkFBeUIsS0FBSyxFQUFFLElBQUksQ0FBQyxHQUFJLEdBQUksU0FBUyxDQUFDLE1BQU0sTUFBTSxJQUFJLENBQUMsQ0FBRTtBQUMzRyxRQUFNLE9BQU8sTUFBTSxPQUFPLENBQUMsT0FBTyxPQUFPLFFBQVEsS0FBSyxPQUFPLEtBQUssR0FBRyxNQUFNLEdBQUcsQ0FBQztBQUMvRSxNQUFJLFVBQVUsS0FBSyxJQUFJLEdBQUc7QUFDdEIsVUFBTSxJQUFJLE1BQU0sSUFBSTtBQUFBLEVBQ3hCO0FBQ0EsU0FBTyxPQUFPLEtBQUssTUFBTSwyQkFBMkIsRUFBRyxDQUFDLENBQUM7QUFDN0Q7QUFFQSxlQUFlLFdBQVcsUUFBZ0IsU0FBaUIsVUFBVSxJQUFxQjtBQUN0RixRQUFNLE9BQU8sTUFBTSxTQUFTO0FBQzVCLFdBQVMsSUFBSSxHQUFHLElBQUksR0FBRyxLQUFLO0FBQ3hCLFVBQU0sUUFBUSxNQUFNLEdBQUcsS0FBSywwQkFBMEIsQ0FBQyxNQUFNLFFBQVEsU0FBUyxVQUFVLElBQUksU0FBUyxPQUFPLElBQUksR0FBRyxRQUFRLE9BQU8sR0FBRyxFQUFFLE9BQU8sVUFBVSxDQUFDO0FBQ3pKLFVBQU0sUUFBUSxZQUFZLE1BQU0sR0FBSTtBQUFBLEVBQ3hDO0FBQ0EsUUFBTSxNQUFNLG9CQUFvQixJQUFJO0FBQ3BDLFFBQU0sTUFBTSxxQkFBcUIsYUFBYSxNQUFNLE1BQU0sR0FBRyxHQUFHLE9BQU8sR0FBRyxXQUFXLEtBQUssR0FBSTtBQUM5RixTQUFPO0FBQ1g7QUFHQSxlQUFlLFdBQTBCO0FBQ3JDLFFBQU0sTUFBTSxNQUFNLEtBQUs7QUFDdkIsUUFBTSxNQUFNLFNBQVMsT0FBTyxLQUFLLFFBQVEsbUJBQW1CLEVBQUUsTUFBTSxFQUFFLGFBQWEsTUFBTSxTQUFTLElBQUksTUFBTSxRQUFRLE1BQU0sZUFBZSxFQUFFLENBQUM7QUFDNUksUUFBTSxNQUFNLFFBQVEsSUFBSTtBQUFBLHdKQUM0SDtBQUN4SjtBQUVBLGVBQWUsVUFBd0Q7QUFDbkUsUUFBTSxTQUFTO0FBQ2YsUUFBTSxRQUFRLE1BQU0sTUFBTTtBQUMxQixRQUFNLFNBQVMsTUFBTSxRQUFRLEtBQUssWUFBWTtBQUM5QyxnQkFBYyxRQUFRO0FBQUE7QUFBQTtBQUFBO0FBQUEsa0JBSVIsS0FBSyxVQUFVLEVBQUUsR0FBRyxPQUFPLE1BQU0sSUFBSSxDQUFDLENBQUM7QUFBQSw4R0FDcUQsTUFBTSxTQUFTLElBQUksS0FBSztBQUFBO0FBQUE7QUFBQSxDQUdySTtBQUNHLFFBQU0sT0FBTywrQkFBK0IsS0FBSyxVQUFVLEtBQUssQ0FBQztBQUNqRSxRQUFNLFFBQVEsTUFBTSxXQUFXLG1CQUFtQiw0QkFBNEIsSUFBSSxXQUFXLDZCQUE2QixNQUFNLFNBQVMsRUFBRSxHQUFHO0FBQzlJLFFBQU0sU0FBUyxFQUFFLE1BQU0sQ0FBQyxHQUFlLE9BQU8sQ0FBQyxFQUFjO0FBQzdELFdBQVMsUUFBUSxHQUFHLFFBQVEsUUFBUSxTQUFTO0FBQ3pDLFdBQU8sTUFBTSxLQUFLLE1BQU0sS0FBSyxHQUFHLEtBQUssT0FBTyxDQUFDO0FBQzdDLFdBQU8sS0FBSyxLQUFLLE1BQU0sS0FBSyxNQUFNLE9BQU8sS0FBSyxRQUFXLE1BQU0sQ0FBQztBQUFBLEVBQ3BFO0FBQ0EsU0FBTztBQUNYO0FBR0EsZUFBZSxPQUFPLE1BQStCO0FBQ2pELFFBQU0sU0FBUyxNQUFNLFFBQVEsS0FBSyxLQUFLO0FBQ3ZDLFlBQVUsUUFBUSxFQUFFLFdBQVcsS0FBSyxDQUFDO0FBQ3JDLFFBQU0sT0FBTyxDQUFDLE1BQU0sTUFBTSxHQUFHLElBQUksaUNBQWlDLE1BQU0sSUFBSSxJQUFJLG1CQUFtQixDQUFDO0FBQ3BHLFNBQU8sYUFBYSxHQUFHLE1BQU0sSUFBSSxJQUFJLFFBQVEsTUFBTTtBQUN2RDtBQUdBLGVBQWUsT0FBTyxNQUFjLE1BQWMsU0FBaUIsT0FBZ0M7QUFDL0YsU0FBTyxPQUFPLE1BQU0sTUFBTSxRQUFRLElBQUk7QUFBQSxvQ0FDTixNQUFNLFNBQVMsRUFBRSxxQkFBcUIsSUFBSTtBQUFBLG9FQUNWLEtBQUssVUFBVSxPQUFPLENBQUM7QUFBQSwwQkFDakUsS0FBSywwQkFBMEIsS0FBSyxXQUFXLE1BQU0sZUFBZSxDQUFDO0FBQUEsMkdBQ1ksS0FBSztBQUFBLDZDQUNuRSxDQUFDO0FBQzlDO0FBRUEsZUFBZSxXQUEwQjtBQUNyQyxRQUFNLE1BQU0sUUFBUSxJQUFJLG9FQUFvRTtBQUM1RixRQUFNLEVBQUUsTUFBTSxLQUFLLE1BQU0sTUFBTSxTQUFTLElBQUksSUFBSSxPQUFPLGlCQUFpQixHQUFHO0FBQzNFLFFBQU0sUUFBUSxDQUFDO0FBQ2YsYUFBVyxDQUFDLE1BQU0sTUFBTSxTQUFTLEtBQUssS0FBSyxDQUFDLENBQUMsWUFBWSxlQUFlLEVBQUUsSUFBSSxNQUFNLENBQUMsRUFBRSxJQUFJLE9BQU8sQ0FBQyxFQUFFLEdBQUcsR0FBTSxHQUFHLENBQUMsWUFBWSxpQkFBaUIsRUFBRSxPQUFPLENBQUMsRUFBRSxHQUFHLEdBQUksQ0FBQyxHQUFZO0FBQzNLLFVBQU0sT0FBTyxNQUFNLE9BQU8sSUFBSTtBQUM5QixVQUFNLE9BQWlCLENBQUM7QUFDeEIsVUFBTSxRQUFrQixDQUFDO0FBQ3pCLGFBQVMsUUFBUSxHQUFHLFFBQVEsU0FBUyxHQUFHLFNBQVM7QUFDN0MsWUFBTSxLQUFLLE1BQU0sT0FBTyxNQUFNLGNBQWMsU0FBUyxLQUFLLENBQUM7QUFDM0QsV0FBSyxLQUFLLE1BQU0sT0FBTyxNQUFNLGdCQUFnQixTQUFTLEtBQUssQ0FBQztBQUFBLElBQ2hFO0FBQ0EsVUFBTSxLQUFLLEVBQUUsTUFBTSxNQUFNLE9BQU8sTUFBTSxTQUFNLE1BQU0sVUFBVSxXQUFXLFVBQVUsUUFBUSxPQUFnQixDQUFDO0FBQUEsRUFDOUc7QUFDQSxRQUFNLDRIQUE0SCxLQUFLO0FBQzNJO0FBRUEsSUFBSTtBQUNBLFdBQVMsSUFBSSxHQUFHLElBQUksSUFBSSxLQUFLLElBQUk7QUFDN0IsVUFBTSxRQUFRLElBQUksTUFBTSxLQUFLLEVBQUUsUUFBUSxHQUFHLEdBQUcsTUFBTSxNQUFNLFVBQVUsQ0FBQyxDQUFDO0FBQUEsRUFDekU7QUFDQSxRQUFNLE1BQU0sUUFBUSxJQUFJLFNBQVM7QUFDakMsUUFBTSxFQUFFLElBQUksSUFBSSxNQUFNO0FBQ3RCLFFBQU0sRUFBRSxNQUFNLEtBQUssTUFBTSxJQUFJLElBQUksT0FBTyxrQkFBa0IsR0FBRztBQUM3RCxRQUFNLEtBQUssTUFBTSxDQUFDLEVBQUU7QUFDcEIsUUFBTSxTQUFTO0FBQ2YsUUFBTSxVQUFVLCtIQUErSCxNQUFNLFNBQVMsRUFBRTtBQUNoSyxRQUFNLFFBQVEsTUFBTSxXQUFXLFFBQVEsT0FBTztBQUM5QyxhQUFXLENBQUMsTUFBTSxJQUFJLEtBQUssQ0FBQyxDQUFDLFdBQVcsRUFBRSxJQUFJLFFBQVEsRUFBRSxFQUFFLEdBQUcsQ0FBQyxvQkFBb0IsT0FBTyxDQUFDLEdBQVk7QUFDbEcsVUFBTSxDQUFDLEdBQUcsQ0FBQyxJQUFJLEVBQUUsTUFBTSxJQUFJLElBQUksT0FBTyxJQUFJLEdBQUcsTUFBTSxPQUFPLE1BQU0sTUFBTSxRQUFRLElBQUksR0FBRyxLQUFLLENBQUM7QUFDM0YsUUFBSSxLQUFLLFVBQVUsQ0FBQyxNQUFNLEtBQUssVUFBVSxDQUFDLEdBQUc7QUFDekMsWUFBTSxJQUFJLE1BQU0sbUNBQW1DLEtBQUssVUFBVSxDQUFDLENBQUMsU0FBUyxLQUFLLFVBQVUsQ0FBQyxDQUFDLEVBQUU7QUFBQSxJQUNwRztBQUFBLEVBQ0o7QUFDQSxRQUFNLFVBQVUsRUFBRSxLQUFLLENBQUMsR0FBZSxVQUFVLENBQUMsR0FBZSxNQUFNLENBQUMsR0FBZSxXQUFXLENBQUMsRUFBYztBQUNqSCxRQUFNLEtBQUssR0FBRyxNQUFNLE9BQU8sR0FBRyxXQUFXLEVBQUUsSUFBSSxJQUFJLEtBQUs7QUFDeEQsV0FBUyxRQUFRLEdBQUcsUUFBUSxRQUFRLFNBQVM7QUFDekMsWUFBUSxTQUFTLEtBQUssTUFBTSxLQUFLLEdBQUcsS0FBSyxRQUFRLEVBQUUsRUFBRSxDQUFDO0FBQ3RELFlBQVEsSUFBSSxLQUFLLE1BQU0sS0FBSyxHQUFHLE1BQU0sT0FBTyxHQUFHLFdBQVcsRUFBRSxJQUFJLElBQUksS0FBSyxDQUFDO0FBQzFFLFlBQVEsVUFBVSxLQUFLLE1BQU0sS0FBSyxHQUFHLEtBQUssT0FBTyxDQUFDO0FBQ2xELFlBQVEsS0FBSyxLQUFLLE1BQU0sS0FBSyxHQUFHLE1BQU0sT0FBTyxHQUFHLG9CQUFvQixJQUFJLEtBQUssQ0FBQztBQUFBLEVBQ2xGO0FBQ0EsUUFBTSw2QkFBNkI7QUFBQSxJQUMvQixFQUFFLE1BQU0saUNBQWlDLE1BQU0sUUFBUSxLQUFLLE9BQU8sUUFBUSxVQUFVLE1BQU0sWUFBWSxNQUFNLGdCQUFnQixXQUFXLEtBQUssUUFBUSxPQUFPO0FBQUEsSUFDNUosRUFBRSxNQUFNLCtCQUErQixNQUFNLFFBQVEsTUFBTSxPQUFPLFFBQVEsV0FBVyxNQUFNLFlBQVksTUFBTSxnQkFBZ0IsV0FBVyxLQUFLLFFBQVEsT0FBTztBQUFBLEVBQ2hLLENBQUM7QUFDRCxRQUFNLFNBQVM7QUFDZixRQUFNLE9BQU8sTUFBTSxRQUFRO0FBQzNCLFFBQU0sK0JBQStCO0FBQUEsSUFDakMsRUFBRSxNQUFNLHdCQUF3QixNQUFNLEtBQUssTUFBTSxPQUFPLEtBQUssT0FBTyxNQUFNLFlBQVksTUFBTSxVQUFVLFdBQVcsR0FBRyxRQUFRLE9BQU87QUFBQSxFQUN2SSxDQUFDO0FBQ0wsVUFBRTtBQUNFLFFBQU0sTUFBTSxNQUFNO0FBQ3RCOyIsCiAgIm5hbWVzIjogW10KfQo=
