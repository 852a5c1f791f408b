// Create-to-running through the public API, beside a bare liblxc program in the same namespace and pool.
import { copyFileSync, mkdirSync } from "node:fs";
import { build } from "../harness/paths.js";
import { World, GiB } from "../harness/world.js";
import { print } from "./table.js";

const runs = Number(process.argv[2] ?? 20);
const rounds = 3; // of fifty at once

interface Floor {
    create_total_ms: number;
    create: { ms: number[] };
    stop: { ms: number[] };
    delete: { ms: number[] };
}

const quiet = { log_level: "warn" };
const world = await World.create({
    drivers: "real",
    server: { config: { ...quiet, agents: { report_s: 60, sample_s: 10, heartbeat_s: 10, ping_s: 10 } } },
    agent: { config: { ...quiet, sample_s: 10, report_s: 60, pool: { size_bytes: 8 * GiB }, ids: { count: 200 } } },
});

async function timed(action: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    await action();
    return performance.now() - from;
}

const wait = { headers: { Prefer: "wait=60" } };
const { api } = world.customer;

async function oneByOne(): Promise<{ create: number[]; stop: number[]; remove: number[] }> {
    const result = { create: [] as number[], stop: [] as number[], remove: [] as number[] };
    for (let i = 0; i < runs; i++) {
        let id = "";
        result.create.push(await timed(async () => (id = (await api.expect(201, "POST", "/v1/vps", { body: world.order(), ...wait })).vps.id)));
        if (i % 2) { // as the floor does
            result.remove.push(await timed(() => api.expect(200, "DELETE", `/v1/vps/${id}`, wait)));
            continue;
        }
        result.stop.push(await timed(() => api.expect(200, "POST", `/v1/vps/${id}/stop`, wait)));
        await api.expect(200, "DELETE", `/v1/vps/${id}`, wait);
    }
    return result;
}

async function fifty(): Promise<number> {
    const ids: string[] = [];
    const took = await timed(() =>
        Promise.all(Array.from({ length: 50 }, async () => ids.push((await api.expect(201, "POST", "/v1/vps", { body: world.order(), ...wait })).vps.id))),
    );
    await Promise.all(ids.map((id) => api.expect(200, "DELETE", `/v1/vps/${id}`, wait)));
    return 50_000 / took;
}

async function floor(count: number, parallel: number): Promise<Floor> {
    const pool = `${world.agent.state}/pool`;
    const argv = [`${build}/tests/bench/create_floor`, "--image", `${pool}/images/${world.image.sha256}`, "--guests", `${pool}/floor`, "--lxcpath", world.sandbox.path("floor"), "--seccomp", world.sandbox.path("seccomp"), "--count", String(count), "--parallel", String(parallel), "--id-base", "3900000000"];
    return JSON.parse(await world.netns!.output(...argv));
}

try {
    const first = await world.createVps(); // fetches the image
    copyFileSync(`${world.agent.state}/vps/${first.id}/seccomp`, world.sandbox.path("seccomp"));
    await world.deleteVps(first.id);
    mkdirSync(world.sandbox.path("floor"), { mode: 0o711 });
    mkdirSync(`${world.agent.state}/pool/floor`, { mode: 0o711 });

    // In turns, so that what else the machine does falls on both.
    const ours = { create: [] as number[], stop: [] as number[], remove: [] as number[], rate: [] as number[] };
    const bare = { create: [] as number[], stop: [] as number[], remove: [] as number[], rate: [] as number[] };
    await floor(5, 1);
    for (let round = 0; round < rounds; round++) {
        const single = await floor(runs, 1);
        bare.create.push(...single.create.ms);
        bare.stop.push(...single.stop.ms);
        bare.remove.push(...single.delete.ms);
        const mine = await oneByOne();
        ours.create.push(...mine.create);
        ours.stop.push(...mine.stop);
        ours.remove.push(...mine.remove);
        bare.rate.push(50_000 / (await floor(50, 16)).create_total_ms);
        ours.rate.push(await fifty());
    }
    print("Create, stop, delete (`tests/bench/create`)", [
        { what: "create to running, one at a time", ours: ours.create, floor: bare.create, unit: "ms", goal: "at most 1.3", goalRatio: 1.3, better: "less" },
        { what: "fifty creates at once", ours: ours.rate, floor: bare.rate, unit: "a second", goal: "at least 0.7", goalRatio: 0.7, better: "more" },
        { what: "stop (clean)", ours: ours.stop, floor: bare.stop, unit: "ms", goal: "at most 2", goalRatio: 2, better: "less" },
        { what: "delete of a running one", ours: ours.remove, floor: bare.remove, unit: "ms", goal: "at most 2", goalRatio: 2, better: "less" },
    ]);
} finally {
    await world.close();
}
