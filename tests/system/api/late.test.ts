// Results, inventories and usage repeated, shuffled, late and from before a reconnect, said by an agent that lies: nothing counts twice.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Schema } from "../harness/client.js";
import { until } from "../harness/command.js";
import { type Item, RawAgent, type RawLink } from "../harness/raw-agent.js";
import { World } from "../harness/world.js";

describe("what an agent says at the wrong time", () => {
    let world: World;
    let agent: RawAgent;
    let link: RawLink;

    before(async () => {
        world = await World.create({ agent: null });
        agent = await RawAgent.join(world);
        link = await agent.connect();
    });
    after(async () => {
        link?.wire.vanish();
        await world?.close();
    });

    const order = (): Promise<{ task: Schema["Task"]; vps: Schema["Vps"] }> => world.customer.api.expect(202, "POST", "/v1/vps", { body: world.order() });
    const read = (id: string): Promise<Schema["Vps"]> => world.customer.api.vps(id);
    const status = async (id: string): Promise<string> => (await world.customer.api.expect(200, "GET", `/v1/tasks/${id}`)).status;
    const power = async (id: string, verb: "start" | "stop") => link.task((await world.customer.api.expect(202, "POST", `/v1/vps/${id}/${verb}`)).task.id);
    const ends = (task: string) => world.cluster.sql(`SELECT string_agg(action, ' ' ORDER BY id) FROM events WHERE data->>'task_id' = '${task}' AND action IN ('task.done', 'task.failed', 'task.cancelled')`);
    const same = async () => assert.equal(await world.server.verifyQuotas(), "");

    async function running(): Promise<string> {
        const { task, vps } = await order();
        link.result(await link.task(task.id), "done", "running");
        await link.confirmed(task.id);
        return vps.id;
    }

    // What a node would say of all that it has.
    async function inventory(): Promise<Item[]> {
        const text = await world.cluster.sql("SELECT id, generation, observed FROM vps WHERE deleted_at IS NULL AND observed <> 'absent'");
        return text.split("\n").filter(Boolean).map((line) => {
            const [vps, generation, observed] = line.split("|") as [string, string, string];
            return { vps, generation: Number(generation), observed };
        });
    }

    test("a result that is repeated is confirmed each time and counted once", async () => {
        const { task, vps } = await order();
        const sent = await link.task(task.id);
        for (let i = 0; i < 5; i++) {
            link.result(sent, "done", "running");
        }
        await link.confirmed(task.id);
        for (let i = 0; i < 3; i++) {
            link.result(sent, "done", "running");
            await link.settled();
        }
        assert.equal(await ends(task.id), "task.done");
        assert.equal((await read(vps.id)).observed, "running");
        await same();
    });

    test("results in another order than the tasks, each twice, in between those of others", async () => {
        const orders = [];
        for (let i = 0; i < 8; i++) {
            orders.push(await order());
        }
        const tasks = await Promise.all(orders.map((one) => link.task(one.task.id)));
        for (const at of [5, 2, 7, 2, 0, 5, 1, 6, 3, 7, 4, 0, 1, 6, 4, 3]) {
            link.result(tasks[at], at % 4 === 3 ? "failed" : "done", at % 4 === 3 ? "absent" : "running");
        }
        await Promise.all(orders.map((one) => link.confirmed(one.task.id)));
        await link.settled();
        for (const [at, { task, vps }] of orders.entries()) {
            assert.equal(await ends(task.id), at % 4 === 3 ? "task.failed" : "task.done");
            assert.equal((await read(vps.id)).desired, at % 4 === 3 ? "deleted" : "running");
        }
        await same();
    });

    test("another end of a task that has ended, and progress after it, change nothing", async () => {
        const id = await running();
        const before = await read(id);
        const stop = await power(id, "stop");
        link.result(stop, "done", "stopped");
        await link.confirmed(stop.task);
        const stopped = await read(id);
        assert.deepEqual([stopped.observed, stopped.observed_generation], ["stopped", before.generation + 1]);
        link.result(stop, "failed", "running");
        link.say({ type: "task_progress", task: stop.task, progress: 10, step: "again" });
        await link.settled();
        assert.equal(await ends(stop.task), "task.done");
        assert.equal(await status(stop.task), "done");
        assert.deepEqual(await read(id), stopped);
        await same();
    });

    for (const status of ["done", "failed"] as const) {
        test(`an earlier task that is ${status} late does not undo a later one`, async () => {
            const id = await running();
            const stop = await power(id, "stop");
            const start = await power(id, "start");
            link.result(start, "done", "running");
            await link.confirmed(start.task);
            link.result(stop, status, "stopped");
            await link.settled();
            const now = await read(id);
            assert.deepEqual([now.desired, now.observed, now.observed_generation, now.error], ["running", "running", now.generation, null]);
            assert.equal(await world.cluster.sql(`SELECT attempts = 0 AND retry_at IS NULL AND task_id IS NULL FROM vps WHERE id = '${id}'`), "t");
            await same();
        });
    }

    test("progress never falls", async () => {
        const id = await running();
        const stop = await power(id, "stop");
        const progress = async () => (await world.customer.api.expect(200, "GET", `/v1/tasks/${stop.task}`)).progress;
        for (const [said, kept] of [[40, 40], [70, 70], [20, 70], [100, 99]] as const) {
            link.say({ type: "task_progress", task: stop.task, progress: said, step: "stop" });
            await link.settled();
            assert.equal(await progress(), kept);
        }
        link.result(stop, "done", "stopped");
        await link.confirmed(stop.task);
    });

    test("an inventory older than the vps takes nothing back", async () => {
        const id = await running();
        const stop = await power(id, "stop");
        link.result(stop, "done", "stopped");
        await link.confirmed(stop.task);
        const stopped = await read(id);
        link.say({ type: "inventory", full: false, fresh: false, vps: [{ vps: id, generation: stopped.generation - 1, observed: "stopped", error: null }] });
        await link.settled();
        const now = await read(id);
        assert.deepEqual([now.generation, now.observed_generation, now.desired, now.observed], [stopped.generation, stopped.observed_generation, "stopped", "stopped"]);
    });

    test("a new link fences off the old one: what that says late is not heard, what was open is sent again", async () => {
        const id = await running();
        const stop = await power(id, "stop");
        const old = link;
        link = await agent.connect(await inventory());
        assert.ok(link.epoch > old.epoch);
        old.result(stop, "failed", "error");
        await old.wire.ends(30_000);
        assert.equal(old.said("error")[0]?.code, "superseded");
        const again = await link.task(stop.task);
        assert.equal(again.epoch, link.epoch);
        link.result(again, "failed", "error", { epoch: old.epoch });
        await link.settled();
        assert.notEqual(await status(stop.task), "failed");
        assert.deepEqual(link.said("task_confirm").filter((one) => one.task === stop.task), [], "a result of the old epoch is not answered");
        link.result(again, "done", "stopped");
        await link.confirmed(stop.task);
        assert.equal(await ends(stop.task), "task.done");
        assert.equal((await read(id)).observed, "stopped");
        await same();
    });

    test("a delete that is said to be done twice, and then comes back to life, frees once", async () => {
        const id = await running();
        const removal = await link.task((await world.customer.api.expect(202, "DELETE", `/v1/vps/${id}`)).task.id);
        link.result(removal, "done", "absent");
        link.result(removal, "done", "absent");
        await link.confirmed(removal.task);
        link.result(removal, "failed", "running");
        await link.settled();
        assert.equal(await ends(removal.task), "task.done");
        assert.equal((await world.customer.api.raw("GET", `/v1/vps/${id}`)).json.desired ?? "deleted", "deleted");
        await same();
    });

    const counters = { io_read_bytes: 0, io_write_bytes: 0, io_read_ops: 0, io_write_ops: 0, net_rx_packets: 0, net_tx_packets: 0, oom_kills: 0 };
    const levels = { memory_bytes: 1, memory_anon_bytes: 1, disk_bytes: 1, pids: 1 };
    const sample = (vps: string, boot: string, seq: number) => ({
        vps, boot, seq, ts: new Date().toISOString(), mono_ns: seq * 1e9, cpu_ns: seq * 1000, net_rx_bytes: seq * 10, net_tx_bytes: seq * 100, ...counters, ...levels,
    });

    test("usage repeated, shuffled and split otherwise counts once; what comes too late is a gap that was told", async () => {
        const id = await running();
        const boot = randomUUID();
        let batch = 0;
        const send = async (...seqs: number[]) => {
            link.say({ type: "usage", batch: ++batch, samples: seqs.map((seq) => sample(id, boot, seq)) });
            const mine = batch;
            await until("it is acknowledged", () => link.said("usage_ack").some((one) => one.batch === mine));
        };
        const usage = () => world.customer.api.expect(200, "GET", `/v1/vps/${id}/usage`);
        await send(1, 2, 3);
        await send(3, 1, 2);
        await send(2, 3, 4, 4, 5, 1);
        assert.deepEqual([(await usage()).net_tx_bytes, (await usage()).gaps], [500, 0]);
        await send(9, 8); // 6 and 7 are missing
        await send(6, 7); // too late: their part of the counters is in 8 already
        const now = await usage();
        assert.deepEqual([now.net_rx_bytes, now.net_tx_bytes, now.cpu_ns, now.gaps], [90, 900, 9000, 1]);
    });
});
