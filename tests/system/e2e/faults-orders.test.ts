// A process dies at each step of the orders that change a vps which goes on living: all of them on one vps.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";
import { processes, stepNames } from "./faults.js";

describe("a death at each step of an order of a vps that runs", () => {
    let world: World;
    let vps: Vps;
    let n = 0;
    before(async () => {
        world = await World.create({ drivers: "real" });
        vps = await world.createVps();
    });
    after(() => world?.close());

    const orders: Record<string, () => [string, object | undefined]> = {
        vps_update: () => ["hostname", { hostname: `h${++n}` }],
        vps_reboot: () => ["reboot", { force: true }],
        vps_password: () => ["password", { password: "correct horse" }],
    };

    for (const step of stepNames.filter((name) => !name.includes(".undo_"))) {
        const kind = step.split(".")[0]!;
        for (const who of orders[kind] ? processes : []) {
            test(`${who} dies at ${step}`, { timeout: 120_000 }, async () => {
                const [verb, body] = orders[kind]!();
                writeFileSync(`${world.agent.state}/fault`, `${who} ${step}\n`);
                const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/${verb}`, { body });
                const settled = await world.customer.api.settled(task.id, 60_000);
                assert.equal(settled.status, "done", JSON.stringify(settled.error));
                assert.equal(world.agent.faultPending(), false, "the step was never reached");
                if (who === processes.at(-1)) {
                    await agree(world); // takes longer than the rest
                }
                vps = await world.customer.api.vps(vps.id);
                assert.deepEqual([vps.observed, vps.observed_generation], ["running", vps.generation]);
            });
        }
    }

    test("a resize that fails late is taken back on the node, too", { timeout: 120_000 }, async () => {
        const big = await world.createPlan("big", { vcpus: 2, disk_bytes: 2 * world.plan.disk_bytes });
        writeFileSync(`${world.agent.state}/fault`, "fail vps_update.verify\n");
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/resize`, { body: { plan_id: big.id } });
        assert.equal((await world.customer.api.settled(task.id, 60_000)).status, "failed");
        await agree(world);
        vps = await world.customer.api.vps(vps.id);
        assert.deepEqual([vps.plan_id, vps.observed], [world.plan.id, "running"]);
        await world.deleteVps(vps.id);
        await agree(world);
    });
});
