// Event streams that stay: an idle one shows that it lives, and a reader that takes nothing is cut, holds no more than its bound
// until then, and is in nobody's way.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { Stream } from "../harness/stream.js";
import { type Customer, MiB, World, unlimited } from "../harness/world.js";

const readers = 6;
const rows = 3000;
const row = 20_000;

describe("event streams that stay", () => {
    let world: World;
    const open: Stream[] = [];
    before(async () => {
        process.env.CROFT_QUARANTINE = "1"; // what was freed is no growth
        world = await World.create({ agent: null, server: { config: { workers: 1, events: { streams_per_credential: 20 } } } });
    });
    after(async () => {
        open.forEach((stream) => stream.close());
        await world?.close();
    });

    async function follow(customer: Customer): Promise<Stream> {
        const stream = await Stream.open(customer.api, "/v1/events/stream");
        open.push(stream);
        assert.equal(stream.status, 200, stream.body);
        return stream;
    }
    const memory = (): number => {
        const [worker] = world.server.workers();
        return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, "utf8"))![1]) * 1024;
    };
    const ended = () => world.server.tail(1e6).split("\n").filter((line) => /event=stream_ended .*reason=left/.test(line)).length;

    test("one that nothing happens on shows every 15 s that it lives", async () => {
        const stream = await follow(await world.createCustomer(unlimited));
        const began = Date.now();
        await until("three comments", () => stream.comments >= 3, 180_000);
        const seconds = (Date.now() - began) / 1000;
        assert.ok(seconds > 28, `three heartbeats in ${seconds} s`);
        assert.equal(stream.ended, false);
        assert.deepEqual(stream.events, []);
        stream.close();
    });

    test("readers that take nothing are cut, hold no more than their bound, and others go on", async (t) => {
        const customer = await world.createCustomer(unlimited);
        const before = ended();
        const stalled = await Promise.all(Array.from({ length: readers }, () => follow(customer)));
        const quick = await follow(customer);
        stalled.forEach((stream) => stream.pause());
        const idle = memory();
        let most = idle;
        const watch = setInterval(() => (most = Math.max(most, memory())), 50);
        try {
            for (let i = 0; i < rows; i += 500) {
                await world.cluster.sql(`SELECT croft_event('vps.big', '${customer.id}', 'vps', NULL, jsonb_build_object('n', n, 'x', repeat('x', ${row})))
                    FROM generate_series(${i + 1}, ${i + 500}) n`);
            }
            await quick.has(rows, 120_000);
            await until("the server has cut them", () => ended() - before >= readers, 180_000);
        } finally {
            clearInterval(watch);
        }
        const all = readers * rows * row;
        t.diagnostic(`${((most - idle) / MiB).toFixed(0)} MiB of ${(all / MiB).toFixed(0)} MiB that waited for them`);
        assert.ok(most - idle < all / 3, `${most - idle} bytes more`);
        assert.equal(quick.ended, false);
        await world.cluster.sql(`SELECT croft_event('vps.after', '${customer.id}', 'vps', NULL)`);
        await quick.has(rows + 1, 60_000);
        stalled.forEach((stream) => stream.resume());
        for (const stream of stalled) {
            await stream.isOver(60_000);
            assert.ok(stream.events.length < rows, "it was cut before the end");
        }
        // The seats of those that were cut are free again, and whoever comes back misses nothing.
        const back = await Stream.open(customer.api, "/v1/events/stream", { "Last-Event-ID": stalled[0]!.lastId });
        open.push(back);
        await back.has(rows + 1 - stalled[0]!.events.length, 120_000);
        assert.equal(back.actions.at(-1), "vps.after");
    });
});
