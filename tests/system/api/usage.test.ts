// Usage with the server away for as many reports as an hour has; the agent dies in between, too.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../harness/command.js";
import { World } from "../harness/world.js";

const reports = 60; // an hour's, at one a minute; here one a second and a little
const half = reports * 650;

describe("usage of an hour without a server", () => {
    let world: World;
    before(async () => {
        world = await World.create({ agent: { config: { sample_s: 1, report_s: 1 } } });
    });
    after(() => world?.close());

    test("it arrives complete and is counted once", { timeout: 240_000 }, async () => {
        const guests = await Promise.all([world.createVps(), world.createVps()]);
        const usage = (id: string) => world.customer.api.expect(200, "GET", `/v1/vps/${id}/usage`);
        const samples = async (id: string) => (await usage(id)).hours.reduce((sum: number, hour: any) => sum + hour.samples, 0);
        for (const { id } of guests) {
            await until("the first report", async () => (await samples(id)) > 0);
        }
        const before = await Promise.all(guests.map(({ id }) => samples(id)));
        await world.server.stop();
        await sleep(half);
        await world.agent.stop("SIGKILL");
        await world.agent.start();
        await sleep(half);
        await world.server.start();
        for (const [i, { id }] of guests.entries()) {
            const now = await until("the last of it", async () => {
                const now = await usage(id);
                return now.last && Date.parse(now.last.ts) > Date.now() - 5000 && now;
            });
            assert.equal(now.gaps, 0);
            const counted = (await samples(id)) - before[i]!;
            assert.ok(counted >= reports, `${counted} reports of ${reports}`);
            // Every delta once: their sum is the guest's own counter, which the fake one derives from how long it has run.
            assert.equal(now.cpu_ns, now.last!.cpu_ns);
            assert.ok(now.cpu_ns > reports * 1e8, "a tenth of the time");
        }
    });
});
