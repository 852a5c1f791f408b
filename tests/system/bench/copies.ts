// Snapshot, restore, reinstall and their deletes through the public API, beside the bare btrfs calls on the same pool.
import { mkdirSync } from "node:fs";
import { run } from "../harness/command.js";
import { GiB, World } from "../harness/world.js";
import { print } from "./table.js";

const runs = Number(process.argv[2] ?? 20);
const quiet = { log_level: "warn" };
const world = await World.create({
    drivers: "real",
    server: { config: quiet },
    agent: { config: { ...quiet, pool: { size_bytes: 8 * GiB } } },
});
const { api } = world.customer;
const headers = { Prefer: "wait=60" };

async function timed(action: () => Promise<unknown>): Promise<number> {
    const from = performance.now();
    await action();
    return performance.now() - from;
}

try {
    // Off, so that what is measured is the disk and not the guest's start, which tests/bench/create measures.
    const vps = await world.createVps({ start: false });
    const pool = `${world.agent.state}/pool`;
    mkdirSync(`${pool}/floor`);
    const ours = { snapshot: [] as number[], restore: [] as number[], reinstall: [] as number[], remove: [] as number[] };
    const bare = { snapshot: [] as number[], replace: [] as number[], remove: [] as number[] };
    const btrfs = (...argv: string[]) => run(["btrfs", "-q", "subvolume", ...argv]);
    for (let i = 0; i < runs; i++) {
        let id = "";
        ours.snapshot.push(await timed(async () => (id = (await api.expect(201, "POST", `/v1/vps/${vps.id}/snapshots`, { headers })).snapshot.id)));
        ours.restore.push(await timed(() => api.expect(200, "POST", `/v1/snapshots/${id}/restore`, { headers })));
        ours.reinstall.push(await timed(() => api.expect(200, "POST", `/v1/vps/${vps.id}/reinstall`, { headers, body: { image_id: vps.image_id } })));
        ours.remove.push(await timed(() => api.expect(200, "DELETE", `/v1/snapshots/${id}`, { headers })));
        bare.snapshot.push(await timed(() => btrfs("snapshot", "-r", `${pool}/guests/${vps.id}/rootfs`, `${pool}/floor/a`)));
        bare.replace.push(await timed(async () => {
            await btrfs("snapshot", `${pool}/floor/a`, `${pool}/floor/b`);
            await btrfs("delete", `${pool}/floor/b`);
        }));
        bare.remove.push(await timed(() => btrfs("delete", `${pool}/floor/a`)));
    }
    print("Copies of a disk (`tests/bench/copies`)", [
        { what: "snapshot", ours: ours.snapshot, floor: bare.snapshot, unit: "ms", goal: "-", goalRatio: Infinity, better: "less" },
        { what: "restore, the guest off", ours: ours.restore, floor: bare.replace, unit: "ms", goal: "-", goalRatio: Infinity, better: "less" },
        { what: "reinstall, the guest off", ours: ours.reinstall, floor: bare.replace, unit: "ms", goal: "-", goalRatio: Infinity, better: "less" },
        { what: "delete of a snapshot", ours: ours.remove, floor: bare.remove, unit: "ms", goal: "-", goalRatio: Infinity, better: "less" },
    ]);
} finally {
    await world.close();
}
