// Authenticated reads of one vps and of a page of fifty, beside a bare evhttp + libpq program that sends
// the same bytes from the same database; creates beside the same program that calls the same function for nobody in particular. wrk
// drives both, in turns. And what row-level security costs inside PostgreSQL.
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

async function rate(url: string, token?: string, script?: string): Promise<number> {
    const more = [...(token ? ["-H", `Authorization: Bearer ${token}`] : []), ...(script ? ["-s", script] : [])];
    const text = await output(["wrk", "-t1", "-c32", `-d${seconds}s`, ...more, url]);
    if (/Non-2xx/.test(text)) {
        throw new Error(text);
    }
    return Number(text.match(/Requests\/sec:\s*([\d.]+)/)![1]);
}

async function startFloor(sqlOne: string, sqlPage: string, options = ""): Promise<string> {
    const port = await freePort();
    for (let i = 0; i < 2; i++) { // as many as the server has workers
        const child = spawn(`${build}/tests/bench/api_floor`, [world.cluster.conninfo("postgres") + options, String(port), sqlOne, sqlPage], { stdio: "inherit" });
        world.sandbox.undoProcess(child.pid!);
    }
    const url = `http://127.0.0.1:${port}`;
    await until("the floor answers", async () => (await fetch(`${url}/page`)).status === 200, 5000);
    return url;
}

// Room for tens of thousands, on a node whose agent is away, so that only what a create costs the server and PostgreSQL is measured.
async function makeRoom(): Promise<void> {
    await world.agent.stop();
    await world.operator.expect(201, "POST", "/v1/admin/pools", { body: { location_id: world.location.id, name: "room", cidr: "10.96.0.0/16" } });
    await world.cluster.sql(`UPDATE nodes SET id_base = 65536, id_count = 65000, capacity_vcpus = 65536, overcommit_vcpu_percent = 10000,
        capacity_memory_bytes = 1::bigint << 52, capacity_disk_bytes = 1::bigint << 52; UPDATE node_status SET last_seen_at = 'infinity', online = true`);
}

async function creates(): Promise<{ ours: number[]; floor: number[] }> {
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
    const result = { ours: [] as number[], floor: [] as number[] };
    for (let round = 0; round < rounds; round++) {
        result.floor.push(await rate(`${floor}/page`));
        result.ours.push(await rate(world.server.url, undefined, script));
    }
    return result;
}

// The text that the server runs, with the order of a list filled in.
async function textOf(name: string): Promise<string> {
    const folder = world.sandbox.path("sql");
    mkdirSync(folder, { recursive: true });
    await output(["sh", "-c", `${root}/server/sql/embed.py --expand ${folder} ${root}/server/sql/*.sql`]);
    return readFileSync(`${folder}/${name}.sql`, "utf8");
}

// Microseconds that a statement takes inside PostgreSQL, under a role and with a plan that is kept, as the server has it.
async function inside(text: string, role: string, request: object, times: number): Promise<number> {
    return Number(await world.cluster.sql(`SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan;
        SET LOCAL croft.tenant = '${world.customer.id}'; SET LOCAL ROLE ${role};
        DO $do$ DECLARE bench_row record; bench_request jsonb := '${JSON.stringify(request)}'; bench_from timestamptz := clock_timestamp(); BEGIN
            FOR i IN 1..${times} LOOP FOR bench_row IN ${text.replaceAll("$1", "bench_request")} LOOP NULL; END LOOP; END LOOP;
            PERFORM set_config('croft.took', (extract(epoch FROM clock_timestamp() - bench_from) * 1e6 / ${times})::text, true); END $do$;
        SELECT current_setting('croft.took')`));
}

async function security(): Promise<void> {
    await world.cluster.sql("CREATE ROLE bench_bare BYPASSRLS; GRANT croft_tenant TO bench_bare");
    const { items } = (await world.customer.api.raw("GET", "/v1/vps?limit=1")).json;
    const lines = [];
    for (const [name, what, request, times] of [["vps_read", "read of one", { id: items[0].id, query: {} }, 20_000], ["vps_list", "page of fifty", { query: {} }, 1000]] as const) {
        const text = await textOf(name);
        const ours: number[] = [];
        const floor: number[] = [];
        for (let round = 0; round < rounds * 2; round++) {
            floor.push(await inside(text, "bench_bare", request, times));
            ours.push(await inside(text, "croft_tenant", request, times));
        }
        lines.push({ what, ours, floor, unit: "µs", goal: "stated", goalRatio: Infinity, better: "less" as const });
    }
    print("Row-level security: the same statement inside PostgreSQL, with the tenant's policies and as a role that they are not for", lines);
}

try {
    for (let i = 0; i < 50; i += 10) {
        await Promise.all(Array.from({ length: 10 }, () => world.createVps()));
    }
    await world.cluster.sql("ANALYZE"); // as autovacuum does a minute later
    const { api } = world.customer;
    const { items } = (await api.raw("GET", "/v1/vps?limit=50")).json;
    const id = items[0].id;
    const sqlOne = "SELECT v.body FROM vps v WHERE v.id = $1::uuid AND v.deleted_at IS NULL";
    const sqlPage = `SELECT '{"items":[' || string_agg(body, ',') || '],"next_cursor":null}' FROM (SELECT v.body FROM vps v WHERE v.tenant_id = '${world.customer.id}' AND v.deleted_at IS NULL ORDER BY v.id LIMIT 50) page`;
    const floor = await startFloor(sqlOne, sqlPage);
    for (const [mine, bare] of [[`/v1/vps/${id}`, `/one/${id}`], ["/v1/vps?limit=50", "/page"]] as const) {
        const [a, b] = [(await api.raw("GET", mine)).json, await (await fetch(floor + bare)).json()];
        if (JSON.stringify(a) !== JSON.stringify(b)) {
            throw new Error(`the floor sends something else: ${JSON.stringify(b)}, not ${JSON.stringify(a)}`);
        }
    }
    const figures = { one: [] as number[], oneFloor: [] as number[], page: [] as number[], pageFloor: [] as number[] };
    await rate(`${world.server.url}/v1/vps/${id}`, api.token);
    for (let round = 0; round < rounds; round++) {
        figures.oneFloor.push(await rate(`${floor}/one/${id}`));
        figures.one.push(await rate(`${world.server.url}/v1/vps/${id}`, api.token));
        figures.pageFloor.push(await rate(`${floor}/page`));
        figures.page.push(await rate(`${world.server.url}/v1/vps?limit=50`, api.token));
    }
    print("Reads (`tests/bench/api`)", [
        { what: "authenticated read of one vps", ours: figures.one, floor: figures.oneFloor, unit: "a second", goal: "at least 0.6", goalRatio: 0.6, better: "more" },
        { what: "authenticated page of fifty", ours: figures.page, floor: figures.pageFloor, unit: "a second", goal: "at least 0.6", goalRatio: 0.6, better: "more" },
    ]);
    await security();
    const made = await creates();
    print("Creates (`tests/bench/api`)", [
        { what: "create, answered 202", ours: made.ours, floor: made.floor, unit: "a second", goal: "stated", goalRatio: 0, better: "more" },
    ]);
} finally {
    await world.close();
}
