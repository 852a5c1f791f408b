// A process dies at each step of an order that copies or replaces a disk: all of them on one vps and one snapshot.
// Used by faults-snapshots.test.ts and faults-disks.test.ts, which share the work so that two of them run at once.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { agree } from "../harness/match.js";
import type { Overrides } from "../harness/server.js";
import { World } from "../harness/world.js";
import { processes, stepNames } from "./faults.js";

type Kind = "vps_snapshot" | "vps_snapshot_delete" | "vps_restore" | "vps_clone" | "vps_reinstall" | "vps_rescue" | "vps_publish";

async function order(world: World, method: string, path: string, body?: object): Promise<any> {
    const answer = await world.customer.api.raw(method, path, { body, headers: { Prefer: "wait=55" } });
    assert.equal(answer.json.task?.status, "done", answer.text);
    return answer.json;
}

// The order in which somebody dies, and what is needed before it and undone after it.
async function carryOut(world: World, kind: Kind, vps: Vps, snapshot: string, arm: () => void): Promise<void> {
    const post = (verb: string, body?: object) => order(world, "POST", `/v1/vps/${vps.id}/${verb}`, body);
    const remove = (id: string) => order(world, "DELETE", `/v1/snapshots/${id}`);
    if (kind === "vps_snapshot_delete") {
        const made = await post("snapshots");
        arm();
        await remove(made.snapshot.id);
        return;
    }
    arm();
    if (kind === "vps_snapshot") {
        await remove((await post("snapshots")).snapshot.id);
    } else if (kind === "vps_restore") {
        await order(world, "POST", `/v1/snapshots/${snapshot}/restore`);
    } else if (kind === "vps_clone") {
        await world.deleteVps((await post("clone", { name: "clone", snapshot_id: snapshot })).vps.id);
    } else if (kind === "vps_publish") {
        await world.customer.api.expect(204, "DELETE", `/v1/images/${(await post("publish", { name: "image" })).image.id}`);
    } else if (kind === "vps_reinstall") {
        await post("reinstall", { image_id: vps.image_id });
    } else {
        await post("rescue");
        await post("unrescue");
    }
}

export interface Some {
    agent?: Overrides; // its configuration
    who?: readonly (typeof processes)[number][];
    steps?: RegExp;
}

export function copyFaultTests(title: string, kinds: Kind[], { agent = {}, who: dying = processes, steps = /^/ }: Some = {}): void {
    describe(title, () => {
        let world: World;
        let vps: Vps;
        let snapshot: string;
        before(async () => {
            world = await World.create({ drivers: "real", agent: { config: agent } });
            vps = await world.createVps();
            snapshot = (await order(world, "POST", `/v1/vps/${vps.id}/snapshots`)).snapshot.id;
        });
        after(() => world?.close());
        for (const kind of kinds) {
            for (const step of stepNames.filter((name) => name.startsWith(`${kind}.`) && !name.includes(".undo_") && steps.test(name))) {
                for (const who of dying) {
                    test(`${who} dies at ${step}`, { timeout: 120_000 }, async () => {
                        await carryOut(world, kind, vps, snapshot, () => writeFileSync(`${world.agent.state}/fault`, `${who} ${step}\n`));
                        assert.equal(world.agent.faultPending(), false, "the step was never reached");
                        if (who === dying.at(-1)) {
                            await agree(world); // takes longer than the rest
                        }
                        const now = await world.customer.api.vps(vps.id);
                        assert.deepEqual([now.observed, now.observed_generation], ["running", now.generation]);
                    });
                }
            }
        }
    });
}
