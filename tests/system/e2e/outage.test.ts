// The server's side dies, or nobody can be reached.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

describe("outages", () => {
    let world: World;
    before(async () => {
        world = await World.create({ drivers: "real" });
    });
    after(() => world?.close());

    const order = () => world.customer.api.expect(202, "POST", "/v1/vps", { body: world.order() });

    // Straight from the database, whether or not a worker answers. A task that was too fast has passed every state.
    const reaches = (task: { id: string }, state: string) =>
        until(`the task: ${state}`, async () => (await world.cluster.sql(`SELECT ${state} OR ended_at IS NOT NULL FROM tasks WHERE id = '${task.id}'`)) === "t", 60_000, 10);
    const nodeIs = (what: string, state: string) =>
        until(what, async () => (await world.cluster.sql(`SELECT ${state} FROM node_status WHERE node_id = '${world.node}'`)) === "t", 120_000);

    async function settles(task: { id: string }, vps: { id: string }): Promise<void> {
        const settled = await until("the task is settled", async () => {
            const answer = await world.customer.api.raw("GET", `/v1/tasks/${task.id}`).catch(() => undefined);
            return answer?.status === 200 && ["done", "failed"].includes(answer.json.status) && answer.json;
        }, 60_000);
        assert.ok(settled.status === "done" || settled.error?.detail);
        await agree(world);
        const left = await world.customer.api.raw("GET", `/v1/vps/${vps.id}`);
        if (left.status === 200 && left.json.desired !== "deleted") {
            await world.deleteVps(vps.id);
        }
        await agree(world);
    }

    test("every worker of the server is killed during a create", { timeout: 180_000 }, async () => {
        for (const state of ["status = 'queued'", "status = 'running'", "progress > 0"]) {
            const { task, vps } = await order();
            await reaches(task, state);
            world.server.workers().forEach((pid) => process.kill(pid, "SIGKILL"));
            await world.server.ready();
            await settles(task, vps);
        }
    });

    test("PostgreSQL restarts during a create", { timeout: 180_000 }, async () => {
        for (const mode of ["fast", "immediate"] as const) {
            const { task, vps } = await order();
            await reaches(task, "status = 'running'");
            await world.cluster.stop(mode);
            await until("the server sees it", async () => (await fetch(`${world.server.url}/readyz`)).status === 503, 30_000);
            await world.cluster.start();
            await world.server.ready();
            await settles(task, vps);
        }
    });

    test("the link is cut for a minute during a create", { timeout: 240_000 }, async () => {
        const running = await world.createVps();
        const { task, vps } = await order();
        await world.netns!.link("down");
        await nodeIs("nothing was heard of the node for a minute", "last_seen_at < now() - interval '1 minute'");
        const target = running.addresses[0]!.address;
        await world.netns!.run("ping", "-c1", "-W1", target);
        await world.netns!.link("up");
        await settles(task, vps);
        const usage = await until("usage of the outage arrives", async () => {
            const now = await world.customer.api.expect(200, "GET", `/v1/vps/${running.id}/usage`);
            return now.last && Date.parse(now.last.ts) > Date.now() - 10_000 && now;
        }, 60_000);
        assert.equal(usage.gaps, 0, "samples of the outage are missing");
        await world.deleteVps(running.id);
    });

    test("orders given while the node is away are carried out when it is back", { timeout: 180_000 }, async () => {
        const vps = await world.createVps();
        await world.netns!.link("down");
        const { task } = await world.customer.api.expect(202, "DELETE", `/v1/vps/${vps.id}`);
        await nodeIs("the node is away", "NOT online");
        await world.netns!.link("up");
        assert.equal((await world.customer.api.settled(task.id)).status, "done");
        await agree(world);
    });
});
