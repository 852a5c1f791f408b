// Authenticated reads of one vps and of a page of fifty, beside a bare evhttp + libpq program that sends
// the same bytes from the same database. wrk drives both, in turns.
import { spawn } from "node:child_process";
import { output, until } from "../harness/command.js";
import { build } from "../harness/paths.js";
import { freePort } from "../harness/sandbox.js";
import { World } from "../harness/world.js";
import { print } from "./table.js";

const rounds = Number(process.argv[2] ?? 5);
const seconds = 4;

const quiet = { log_level: "warn" };
const world = await World.create({ server: { config: quiet }, agent: { config: quiet } });

async function rate(url: string, token?: string): Promise<number> {
    const headers = token ? ["-H", `Authorization: Bearer ${token}`] : [];
    const text = await output(["wrk", "-t1", "-c32", `-d${seconds}s`, ...headers, url]);
    if (/Non-2xx/.test(text)) {
        throw new Error(text);
    }
    return Number(text.match(/Requests\/sec:\s*([\d.]+)/)![1]);
}

async function startFloor(sqlOne: string, sqlPage: string): Promise<string> {
    const port = await freePort();
    for (let i = 0; i < 2; i++) { // as many as the server has workers
        const child = spawn(`${build}/tests/bench/api_floor`, [world.cluster.conninfo("postgres"), String(port), sqlOne, sqlPage], { stdio: "inherit" });
        world.sandbox.undoProcess(child.pid!);
    }
    const url = `http://127.0.0.1:${port}`;
    await until("the floor answers", async () => (await fetch(`${url}/page`)).status === 200, 5000);
    return url;
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
} finally {
    await world.close();
}
