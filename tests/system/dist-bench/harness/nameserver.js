import { execFileSync, spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { until } from "./command.js";
import { freePort } from "./sandbox.js";
const prefix = process.env["PDNS_ROOT"] ?? "";
const program = `${prefix}/usr/sbin/pdns_server`;
const schema = `${prefix}/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql`;
const noNameServer = [program, schema].every(existsSync) ? void 0 : "pdns-server and pdns-backend-sqlite3 are not installed";
function modules() {
  const lib = `${prefix}/usr/lib`;
  const machine = readdirSync(lib).find((name) => existsSync(`${lib}/${name}/pdns`));
  return `${lib}/${machine}/pdns`;
}
class NameServer {
  key = "a key of the test";
  #port;
  #api;
  #folder;
  #child;
  constructor(folder, port, api) {
    this.#folder = folder;
    this.#port = port;
    this.#api = api;
  }
  static async create(sandbox, zones) {
    const server = new NameServer(sandbox.path("pdns"), await freePort(), await freePort());
    mkdirSync(server.#folder, { recursive: true });
    const make = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())";
    execFileSync("python3", ["-c", make, `${server.#folder}/zones.db`, schema]);
    await server.start();
    for (const name of zones) {
      await server.#request("/zones", { name, kind: "Native", nameservers: ["ns.example.org."] });
    }
    return server;
  }
  get url() {
    return `http://127.0.0.1:${this.#api}`;
  }
  async #request(path, body) {
    const headers = { "X-API-Key": this.key, "Content-Type": "application/json" };
    const answer = await fetch(`${this.url}/api/v1/servers/localhost${path}`, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
    if (!answer.ok) {
      throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    }
    return answer.json();
  }
  async start() {
    const options = {
      "config-dir": this.#folder,
      "socket-dir": this.#folder,
      "module-dir": modules(),
      launch: "gsqlite3",
      "gsqlite3-database": `${this.#folder}/zones.db`,
      "local-address": "127.0.0.1",
      "local-port": this.#port,
      api: "yes",
      "api-key": this.key,
      webserver: "yes",
      "webserver-address": "127.0.0.1",
      "webserver-port": this.#api,
      daemon: "no",
      guardian: "no",
      "write-pid": "no",
      "cache-ttl": 0,
      "query-cache-ttl": 0,
      "negquery-cache-ttl": 0,
      "zone-cache-refresh-interval": 0
    };
    this.#child = spawn(program, Object.entries(options).map(([name, value]) => `--${name}=${value}`), { stdio: "ignore" });
    await until("the name server answers", () => this.#request("/zones").then(() => true, () => false));
  }
  stop() {
    const child = this.#child;
    this.#child = void 0;
    return new Promise((resolve) => child.once("exit", () => resolve()) && child.kill("SIGKILL"));
  }
  // It neither answers nor hangs up.
  pause() {
    this.#child.kill("SIGSTOP");
  }
  resume() {
    this.#child.kill("SIGCONT");
  }
  // What the world is told; none: [].
  names(address) {
    const resolver = new Resolver({ timeout: 2e3, tries: 1 });
    resolver.setServers([`127.0.0.1:${this.#port}`]);
    return resolver.reverse(address).catch((error) => ["ENOTFOUND", "ENODATA"].includes(error.code) ? [] : Promise.reject(error));
  }
  async close() {
    if (this.#child) {
      await this.stop();
    }
  }
}
export {
  NameServer,
  noNameServer
};
//# sourceMappingURL=data:application/json;base64,ewogICJ2ZXJzaW9uIjogMywKICAic291cmNlcyI6IFsiLi4vLi4vaGFybmVzcy9uYW1lc2VydmVyLnRzIl0sCiAgInNvdXJjZXNDb250ZW50IjogWyIvLyBBIHJlYWwgUG93ZXJETlMgb2YgYSB0ZXN0LCB3aXRoIGEgZGF0YWJhc2Ugb2YgaXRzIG93biAocGFja2FnZXMgcGRucy1zZXJ2ZXIsIHBkbnMtYmFja2VuZC1zcWxpdGUzLCBweXRob24zKS4gUEROU19ST09UIGlzIHdoZXJlXG4vLyB0aGV5IGFyZSB1bnBhY2tlZCwgaWYgbm90IGluIC8uXG5pbXBvcnQgeyB0eXBlIENoaWxkUHJvY2VzcywgZXhlY0ZpbGVTeW5jLCBzcGF3biB9IGZyb20gXCJub2RlOmNoaWxkX3Byb2Nlc3NcIjtcbmltcG9ydCB7IFJlc29sdmVyIH0gZnJvbSBcIm5vZGU6ZG5zL3Byb21pc2VzXCI7XG5pbXBvcnQgeyBleGlzdHNTeW5jLCBta2RpclN5bmMsIHJlYWRkaXJTeW5jIH0gZnJvbSBcIm5vZGU6ZnNcIjtcbmltcG9ydCB7IHVudGlsIH0gZnJvbSBcIi4vY29tbWFuZC5qc1wiO1xuaW1wb3J0IHsgZnJlZVBvcnQsIHR5cGUgU2FuZGJveCB9IGZyb20gXCIuL3NhbmRib3guanNcIjtcblxuY29uc3QgcHJlZml4ID0gcHJvY2Vzcy5lbnZbXCJQRE5TX1JPT1RcIl0gPz8gXCJcIjtcbmNvbnN0IHByb2dyYW0gPSBgJHtwcmVmaXh9L3Vzci9zYmluL3BkbnNfc2VydmVyYDtcbmNvbnN0IHNjaGVtYSA9IGAke3ByZWZpeH0vdXNyL3NoYXJlL3BkbnMtYmFja2VuZC1zcWxpdGUzL3NjaGVtYS9zY2hlbWEuc3FsaXRlMy5zcWxgO1xuXG4vLyBXaHkgdGhlcmUgY2FuIGJlIG5vbmUgaGVyZTsgdW5kZWZpbmVkOiB0aGVyZSBjYW4uXG5leHBvcnQgY29uc3Qgbm9OYW1lU2VydmVyID0gW3Byb2dyYW0sIHNjaGVtYV0uZXZlcnkoZXhpc3RzU3luYykgPyB1bmRlZmluZWQgOiBcInBkbnMtc2VydmVyIGFuZCBwZG5zLWJhY2tlbmQtc3FsaXRlMyBhcmUgbm90IGluc3RhbGxlZFwiO1xuXG5mdW5jdGlvbiBtb2R1bGVzKCk6IHN0cmluZyB7XG4gICAgY29uc3QgbGliID0gYCR7cHJlZml4fS91c3IvbGliYDtcbiAgICBjb25zdCBtYWNoaW5lID0gcmVhZGRpclN5bmMobGliKS5maW5kKChuYW1lKSA9PiBleGlzdHNTeW5jKGAke2xpYn0vJHtuYW1lfS9wZG5zYCkpO1xuICAgIHJldHVybiBgJHtsaWJ9LyR7bWFjaGluZX0vcGRuc2A7XG59XG5cbmV4cG9ydCBjbGFzcyBOYW1lU2VydmVyIHtcbiAgICByZWFkb25seSBrZXkgPSBcImEga2V5IG9mIHRoZSB0ZXN0XCI7XG4gICAgcmVhZG9ubHkgI3BvcnQ6IG51bWJlcjtcbiAgICByZWFkb25seSAjYXBpOiBudW1iZXI7XG4gICAgcmVhZG9ubHkgI2ZvbGRlcjogc3RyaW5nO1xuICAgICNjaGlsZDogQ2hpbGRQcm9jZXNzIHwgdW5kZWZpbmVkO1xuXG4gICAgcHJpdmF0ZSBjb25zdHJ1Y3Rvcihmb2xkZXI6IHN0cmluZywgcG9ydDogbnVtYmVyLCBhcGk6IG51bWJlcikge1xuICAgICAgICB0aGlzLiNmb2xkZXIgPSBmb2xkZXI7XG4gICAgICAgIHRoaXMuI3BvcnQgPSBwb3J0O1xuICAgICAgICB0aGlzLiNhcGkgPSBhcGk7XG4gICAgfVxuXG4gICAgc3RhdGljIGFzeW5jIGNyZWF0ZShzYW5kYm94OiBTYW5kYm94LCB6b25lczogc3RyaW5nW10pOiBQcm9taXNlPE5hbWVTZXJ2ZXI+IHtcbiAgICAgICAgY29uc3Qgc2VydmVyID0gbmV3IE5hbWVTZXJ2ZXIoc2FuZGJveC5wYXRoKFwicGRuc1wiKSwgYXdhaXQgZnJlZVBvcnQoKSwgYXdhaXQgZnJlZVBvcnQoKSk7XG4gICAgICAgIG1rZGlyU3luYyhzZXJ2ZXIuI2ZvbGRlciwgeyByZWN1cnNpdmU6IHRydWUgfSk7XG4gICAgICAgIGNvbnN0IG1ha2UgPSBcImltcG9ydCBzcWxpdGUzLCBzeXM7IHNxbGl0ZTMuY29ubmVjdChzeXMuYXJndlsxXSkuZXhlY3V0ZXNjcmlwdChvcGVuKHN5cy5hcmd2WzJdKS5yZWFkKCkpXCI7XG4gICAgICAgIGV4ZWNGaWxlU3luYyhcInB5dGhvbjNcIiwgW1wiLWNcIiwgbWFrZSwgYCR7c2VydmVyLiNmb2xkZXJ9L3pvbmVzLmRiYCwgc2NoZW1hXSk7XG4gICAgICAgIGF3YWl0IHNlcnZlci5zdGFydCgpO1xuICAgICAgICBmb3IgKGNvbnN0IG5hbWUgb2Ygem9uZXMpIHtcbiAgICAgICAgICAgIGF3YWl0IHNlcnZlci4jcmVxdWVzdChcIi96b25lc1wiLCB7IG5hbWUsIGtpbmQ6IFwiTmF0aXZlXCIsIG5hbWVzZXJ2ZXJzOiBbXCJucy5leGFtcGxlLm9yZy5cIl0gfSk7XG4gICAgICAgIH1cbiAgICAgICAgcmV0dXJuIHNlcnZlcjtcbiAgICB9XG5cbiAgICBnZXQgdXJsKCk6IHN0cmluZyB7XG4gICAgICAgIHJldHVybiBgaHR0cDovLzEyNy4wLjAuMToke3RoaXMuI2FwaX1gO1xuICAgIH1cblxuICAgIGFzeW5jICNyZXF1ZXN0KHBhdGg6IHN0cmluZywgYm9keT86IG9iamVjdCk6IFByb21pc2U8YW55PiB7XG4gICAgICAgIGNvbnN0IGhlYWRlcnMgPSB7IFwiWC1BUEktS2V5XCI6IHRoaXMua2V5LCBcIkNvbnRlbnQtVHlwZVwiOiBcImFwcGxpY2F0aW9uL2pzb25cIiB9O1xuICAgICAgICBjb25zdCBhbnN3ZXIgPSBhd2FpdCBmZXRjaChgJHt0aGlzLnVybH0vYXBpL3YxL3NlcnZlcnMvbG9jYWxob3N0JHtwYXRofWAsIGJvZHkgPyB7IG1ldGhvZDogXCJQT1NUXCIsIGhlYWRlcnMsIGJvZHk6IEpTT04uc3RyaW5naWZ5KGJvZHkpIH0gOiB7IGhlYWRlcnMgfSk7XG4gICAgICAgIGlmICghYW5zd2VyLm9rKSB7XG4gICAgICAgICAgICB0aHJvdyBuZXcgRXJyb3IoYCR7cGF0aH06ICR7YW5zd2VyLnN0YXR1c30gJHthd2FpdCBhbnN3ZXIudGV4dCgpfWApO1xuICAgICAgICB9XG4gICAgICAgIHJldHVybiBhbnN3ZXIuanNvbigpO1xuICAgIH1cblxuICAgIGFzeW5jIHN0YXJ0KCk6IFByb21pc2U8dm9pZD4ge1xuICAgICAgICBjb25zdCBvcHRpb25zID0ge1xuICAgICAgICAgICAgXCJjb25maWctZGlyXCI6IHRoaXMuI2ZvbGRlciwgXCJzb2NrZXQtZGlyXCI6IHRoaXMuI2ZvbGRlciwgXCJtb2R1bGUtZGlyXCI6IG1vZHVsZXMoKSwgbGF1bmNoOiBcImdzcWxpdGUzXCIsXG4gICAgICAgICAgICBcImdzcWxpdGUzLWRhdGFiYXNlXCI6IGAke3RoaXMuI2ZvbGRlcn0vem9uZXMuZGJgLCBcImxvY2FsLWFkZHJlc3NcIjogXCIxMjcuMC4wLjFcIiwgXCJsb2NhbC1wb3J0XCI6IHRoaXMuI3BvcnQsIGFwaTogXCJ5ZXNcIixcbiAgICAgICAgICAgIFwiYXBpLWtleVwiOiB0aGlzLmtleSwgd2Vic2VydmVyOiBcInllc1wiLCBcIndlYnNlcnZlci1hZGRyZXNzXCI6IFwiMTI3LjAuMC4xXCIsIFwid2Vic2VydmVyLXBvcnRcIjogdGhpcy4jYXBpLCBkYWVtb246IFwibm9cIixcbiAgICAgICAgICAgIGd1YXJkaWFuOiBcIm5vXCIsIFwid3JpdGUtcGlkXCI6IFwibm9cIiwgXCJjYWNoZS10dGxcIjogMCwgXCJxdWVyeS1jYWNoZS10dGxcIjogMCwgXCJuZWdxdWVyeS1jYWNoZS10dGxcIjogMCwgXCJ6b25lLWNhY2hlLXJlZnJlc2gtaW50ZXJ2YWxcIjogMCxcbiAgICAgICAgfTtcbiAgICAgICAgdGhpcy4jY2hpbGQgPSBzcGF3bihwcm9ncmFtLCBPYmplY3QuZW50cmllcyhvcHRpb25zKS5tYXAoKFtuYW1lLCB2YWx1ZV0pID0+IGAtLSR7bmFtZX09JHt2YWx1ZX1gKSwgeyBzdGRpbzogXCJpZ25vcmVcIiB9KTtcbiAgICAgICAgYXdhaXQgdW50aWwoXCJ0aGUgbmFtZSBzZXJ2ZXIgYW5zd2Vyc1wiLCAoKSA9PiB0aGlzLiNyZXF1ZXN0KFwiL3pvbmVzXCIpLnRoZW4oKCkgPT4gdHJ1ZSwgKCkgPT4gZmFsc2UpKTtcbiAgICB9XG5cbiAgICBzdG9wKCk6IFByb21pc2U8dm9pZD4ge1xuICAgICAgICBjb25zdCBjaGlsZCA9IHRoaXMuI2NoaWxkITtcbiAgICAgICAgdGhpcy4jY2hpbGQgPSB1bmRlZmluZWQ7XG4gICAgICAgIHJldHVybiBuZXcgUHJvbWlzZSgocmVzb2x2ZSkgPT4gY2hpbGQub25jZShcImV4aXRcIiwgKCkgPT4gcmVzb2x2ZSgpKSAmJiBjaGlsZC5raWxsKFwiU0lHS0lMTFwiKSk7XG4gICAgfVxuXG4gICAgLy8gSXQgbmVpdGhlciBhbnN3ZXJzIG5vciBoYW5ncyB1cC5cbiAgICBwYXVzZSgpOiB2b2lkIHtcbiAgICAgICAgdGhpcy4jY2hpbGQhLmtpbGwoXCJTSUdTVE9QXCIpO1xuICAgIH1cblxuICAgIHJlc3VtZSgpOiB2b2lkIHtcbiAgICAgICAgdGhpcy4jY2hpbGQhLmtpbGwoXCJTSUdDT05UXCIpO1xuICAgIH1cblxuICAgIC8vIFdoYXQgdGhlIHdvcmxkIGlzIHRvbGQ7IG5vbmU6IFtdLlxuICAgIG5hbWVzKGFkZHJlc3M6IHN0cmluZyk6IFByb21pc2U8c3RyaW5nW10+IHtcbiAgICAgICAgY29uc3QgcmVzb2x2ZXIgPSBuZXcgUmVzb2x2ZXIoeyB0aW1lb3V0OiAyMDAwLCB0cmllczogMSB9KTtcbiAgICAgICAgcmVzb2x2ZXIuc2V0U2VydmVycyhbYDEyNy4wLjAuMToke3RoaXMuI3BvcnR9YF0pO1xuICAgICAgICByZXR1cm4gcmVzb2x2ZXIucmV2ZXJzZShhZGRyZXNzKS5jYXRjaCgoZXJyb3IpID0+IChbXCJFTk9URk9VTkRcIiwgXCJFTk9EQVRBXCJdLmluY2x1ZGVzKGVycm9yLmNvZGUpID8gW10gOiBQcm9taXNlLnJlamVjdChlcnJvcikpKTtcbiAgICB9XG5cbiAgICBhc3luYyBjbG9zZSgpOiBQcm9taXNlPHZvaWQ+IHtcbiAgICAgICAgaWYgKHRoaXMuI2NoaWxkKSB7XG4gICAgICAgICAgICBhd2FpdCB0aGlzLnN0b3AoKTtcbiAgICAgICAgfVxuICAgIH1cbn1cbiJdLAogICJtYXBwaW5ncyI6ICJBQUVBLFNBQTRCLGNBQWMsYUFBYTtBQUN2RCxTQUFTLGdCQUFnQjtBQUN6QixTQUFTLFlBQVksV0FBVyxtQkFBbUI7QUFDbkQsU0FBUyxhQUFhO0FBQ3RCLFNBQVMsZ0JBQThCO0FBRXZDLE1BQU0sU0FBUyxRQUFRLElBQUksV0FBVyxLQUFLO0FBQzNDLE1BQU0sVUFBVSxHQUFHLE1BQU07QUFDekIsTUFBTSxTQUFTLEdBQUcsTUFBTTtBQUdqQixNQUFNLGVBQWUsQ0FBQyxTQUFTLE1BQU0sRUFBRSxNQUFNLFVBQVUsSUFBSSxTQUFZO0FBRTlFLFNBQVMsVUFBa0I7QUFDdkIsUUFBTSxNQUFNLEdBQUcsTUFBTTtBQUNyQixRQUFNLFVBQVUsWUFBWSxHQUFHLEVBQUUsS0FBSyxDQUFDLFNBQVMsV0FBVyxHQUFHLEdBQUcsSUFBSSxJQUFJLE9BQU8sQ0FBQztBQUNqRixTQUFPLEdBQUcsR0FBRyxJQUFJLE9BQU87QUFDNUI7QUFFTyxNQUFNLFdBQVc7QUFBQSxFQUNYLE1BQU07QUFBQSxFQUNOO0FBQUEsRUFDQTtBQUFBLEVBQ0E7QUFBQSxFQUNUO0FBQUEsRUFFUSxZQUFZLFFBQWdCLE1BQWMsS0FBYTtBQUMzRCxTQUFLLFVBQVU7QUFDZixTQUFLLFFBQVE7QUFDYixTQUFLLE9BQU87QUFBQSxFQUNoQjtBQUFBLEVBRUEsYUFBYSxPQUFPLFNBQWtCLE9BQXNDO0FBQ3hFLFVBQU0sU0FBUyxJQUFJLFdBQVcsUUFBUSxLQUFLLE1BQU0sR0FBRyxNQUFNLFNBQVMsR0FBRyxNQUFNLFNBQVMsQ0FBQztBQUN0RixjQUFVLE9BQU8sU0FBUyxFQUFFLFdBQVcsS0FBSyxDQUFDO0FBQzdDLFVBQU0sT0FBTztBQUNiLGlCQUFhLFdBQVcsQ0FBQyxNQUFNLE1BQU0sR0FBRyxPQUFPLE9BQU8sYUFBYSxNQUFNLENBQUM7QUFDMUUsVUFBTSxPQUFPLE1BQU07QUFDbkIsZUFBVyxRQUFRLE9BQU87QUFDdEIsWUFBTSxPQUFPLFNBQVMsVUFBVSxFQUFFLE1BQU0sTUFBTSxVQUFVLGFBQWEsQ0FBQyxpQkFBaUIsRUFBRSxDQUFDO0FBQUEsSUFDOUY7QUFDQSxXQUFPO0FBQUEsRUFDWDtBQUFBLEVBRUEsSUFBSSxNQUFjO0FBQ2QsV0FBTyxvQkFBb0IsS0FBSyxJQUFJO0FBQUEsRUFDeEM7QUFBQSxFQUVBLE1BQU0sU0FBUyxNQUFjLE1BQTZCO0FBQ3RELFVBQU0sVUFBVSxFQUFFLGFBQWEsS0FBSyxLQUFLLGdCQUFnQixtQkFBbUI7QUFDNUUsVUFBTSxTQUFTLE1BQU0sTUFBTSxHQUFHLEtBQUssR0FBRyw0QkFBNEIsSUFBSSxJQUFJLE9BQU8sRUFBRSxRQUFRLFFBQVEsU0FBUyxNQUFNLEtBQUssVUFBVSxJQUFJLEVBQUUsSUFBSSxFQUFFLFFBQVEsQ0FBQztBQUN0SixRQUFJLENBQUMsT0FBTyxJQUFJO0FBQ1osWUFBTSxJQUFJLE1BQU0sR0FBRyxJQUFJLEtBQUssT0FBTyxNQUFNLElBQUksTUFBTSxPQUFPLEtBQUssQ0FBQyxFQUFFO0FBQUEsSUFDdEU7QUFDQSxXQUFPLE9BQU8sS0FBSztBQUFBLEVBQ3ZCO0FBQUEsRUFFQSxNQUFNLFFBQXVCO0FBQ3pCLFVBQU0sVUFBVTtBQUFBLE1BQ1osY0FBYyxLQUFLO0FBQUEsTUFBUyxjQUFjLEtBQUs7QUFBQSxNQUFTLGNBQWMsUUFBUTtBQUFBLE1BQUcsUUFBUTtBQUFBLE1BQ3pGLHFCQUFxQixHQUFHLEtBQUssT0FBTztBQUFBLE1BQWEsaUJBQWlCO0FBQUEsTUFBYSxjQUFjLEtBQUs7QUFBQSxNQUFPLEtBQUs7QUFBQSxNQUM5RyxXQUFXLEtBQUs7QUFBQSxNQUFLLFdBQVc7QUFBQSxNQUFPLHFCQUFxQjtBQUFBLE1BQWEsa0JBQWtCLEtBQUs7QUFBQSxNQUFNLFFBQVE7QUFBQSxNQUM5RyxVQUFVO0FBQUEsTUFBTSxhQUFhO0FBQUEsTUFBTSxhQUFhO0FBQUEsTUFBRyxtQkFBbUI7QUFBQSxNQUFHLHNCQUFzQjtBQUFBLE1BQUcsK0JBQStCO0FBQUEsSUFDckk7QUFDQSxTQUFLLFNBQVMsTUFBTSxTQUFTLE9BQU8sUUFBUSxPQUFPLEVBQUUsSUFBSSxDQUFDLENBQUMsTUFBTSxLQUFLLE1BQU0sS0FBSyxJQUFJLElBQUksS0FBSyxFQUFFLEdBQUcsRUFBRSxPQUFPLFNBQVMsQ0FBQztBQUN0SCxVQUFNLE1BQU0sMkJBQTJCLE1BQU0sS0FBSyxTQUFTLFFBQVEsRUFBRSxLQUFLLE1BQU0sTUFBTSxNQUFNLEtBQUssQ0FBQztBQUFBLEVBQ3RHO0FBQUEsRUFFQSxPQUFzQjtBQUNsQixVQUFNLFFBQVEsS0FBSztBQUNuQixTQUFLLFNBQVM7QUFDZCxXQUFPLElBQUksUUFBUSxDQUFDLFlBQVksTUFBTSxLQUFLLFFBQVEsTUFBTSxRQUFRLENBQUMsS0FBSyxNQUFNLEtBQUssU0FBUyxDQUFDO0FBQUEsRUFDaEc7QUFBQTtBQUFBLEVBR0EsUUFBYztBQUNWLFNBQUssT0FBUSxLQUFLLFNBQVM7QUFBQSxFQUMvQjtBQUFBLEVBRUEsU0FBZTtBQUNYLFNBQUssT0FBUSxLQUFLLFNBQVM7QUFBQSxFQUMvQjtBQUFBO0FBQUEsRUFHQSxNQUFNLFNBQW9DO0FBQ3RDLFVBQU0sV0FBVyxJQUFJLFNBQVMsRUFBRSxTQUFTLEtBQU0sT0FBTyxFQUFFLENBQUM7QUFDekQsYUFBUyxXQUFXLENBQUMsYUFBYSxLQUFLLEtBQUssRUFBRSxDQUFDO0FBQy9DLFdBQU8sU0FBUyxRQUFRLE9BQU8sRUFBRSxNQUFNLENBQUMsVUFBVyxDQUFDLGFBQWEsU0FBUyxFQUFFLFNBQVMsTUFBTSxJQUFJLElBQUksQ0FBQyxJQUFJLFFBQVEsT0FBTyxLQUFLLENBQUU7QUFBQSxFQUNsSTtBQUFBLEVBRUEsTUFBTSxRQUF1QjtBQUN6QixRQUFJLEtBQUssUUFBUTtBQUNiLFlBQU0sS0FBSyxLQUFLO0FBQUEsSUFDcEI7QUFBQSxFQUNKO0FBQ0o7IiwKICAibmFtZXMiOiBbXQp9Cg==
