// What a customer is shown when a real guest meets its limits: the kernel's own counts, the process that it killed, the console.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { MiB, World } from "../harness/world.js";

const CONNECTIONS = 64; // of one guest, each way

describe("evidence of a real guest", () => {
    let world: World;
    let guests: Guests;
    let vps: Vps;
    before(async () => {
        world = await World.create({ drivers: "real", agent: { config: { check_s: 2, network: { connections: CONNECTIONS } } } });
        guests = await Guests.create(world);
        vps = await guests.make();
    });
    after(() => world?.close());

    const limits = (): Promise<any> => world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}/limits`);
    const one = (all: any, name: string) => all.limits.find((limit: any) => limit.name === name);
    const shown = (what: string, check: (all: any) => unknown) =>
        until(what, async () => {
            const all = await limits();
            return check(all) ? all : undefined;
        }, 60_000, 500).catch(async (error) => {
            throw new Error(`${error.message}\n${JSON.stringify(await limits(), null, 1)}\n${world.agent.tail(30)}`);
        });
    const usage = (): Promise<any> => world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}/usage`);

    test("its limits are those of the plan, and none was met", async () => {
        const all = await shown("a report", (all) => all.ts);
        for (const name of ["memory", "disk"] as const) {
            assert.equal(one(all, name).limit, world.plan[`${name}_bytes`], name);
            assert.ok(one(all, name).used > 0, name);
        }
        assert.ok(one(all, "processes").used > 0);
        assert.deepEqual([one(all, "memory").hits, one(all, "processes").hits, one(all, "disk").hits], [0, 0, 0]);
        assert.deepEqual([all.oom_kills, all.last_oom_kills], [0, []]);
        if (all.pressure) {
            assert.ok(all.pressure.cpu.some.total_us > 0, "somebody has waited for a processor");
        }
    });

    test("a program that wants more memory than there is is named", async () => {
        const before = Date.now();
        await guests.run(vps, "tail /dev/zero", [137, 255, 1]);
        const all = await shown("the kill", (all) => all.last_oom_kills.length > 0);
        const [kill] = all.last_oom_kills;
        assert.deepEqual([kill.process, kill.cause], ["tail", "limit"]);
        assert.ok(kill.memory_bytes > world.plan.memory_bytes / 2 && kill.memory_bytes <= world.plan.memory_bytes, `${kill.memory_bytes} bytes`);
        assert.ok(Math.abs(Date.parse(kill.ts) - before) < 60_000, kill.ts);
        assert.equal(all.oom_kills, 1);
        assert.ok(one(all, "memory").hits > 0, `and the limit was met: ${JSON.stringify(all.limits)}`);
        await until("usage counts it, too", async () => (await usage()).last.oom_kills === 1, 30_000);
    });

    test("kills are counted once over restarts of the agent", async () => {
        await world.agent.stop();
        await guests.run(vps, "tail /dev/zero", [137, 255, 1]); // while nobody looks
        await world.agent.start();
        await shown("the kill that nobody saw", (all) => all.oom_kills === 2);
        await world.agent.stop("SIGKILL");
        await world.agent.start();
        const { ts } = await limits();
        const all = await shown("a later report", (all) => all.ts > ts);
        assert.deepEqual([all.oom_kills, all.last_oom_kills.length], [2, 2]);
        await until("usage counts as many", async () => (await usage()).last.oom_kills === 2, 30_000);
    });

    test("forks past the limit of processes are counted", async () => {
        await guests.run(vps, "for i in $(seq 1 5000); do sleep 8 & done 2>/dev/null; true", [0, 1, 2, 254, 255]).catch(() => undefined);
        const all = await shown("hits", (all) => one(all, "processes").hits > 0);
        assert.equal(one(all, "processes").hits_total, one(all, "processes").hits);
        await shown("its end", (now) => one(now, "processes").used < one(now, "processes").limit / 2);
    });

    // Each ping is a connection that the kernel tracks for half a minute.
    test("connections are shown, and those past the limit are counted", async () => {
        await guests.run(vps, "ping -c 1 -W 2 169.254.0.1");
        await shown("the connection", (all) => one(all, "connections_out")?.used > 0);
        assert.deepEqual([one(await limits(), "connections_out").limit, one(await limits(), "connections_out").hits], [CONNECTIONS, 0]);
        await guests.run(vps, `for i in $(seq 1 ${CONNECTIONS + 8}); do ping -c 1 -W 1 169.254.0.1; sleep 0.02; done; true`); // the node answers 100 a second
        const all = await shown("those that were refused", (all) => one(all, "connections_out").hits > 0);
        assert.ok(one(all, "connections_out").hits <= 16, `${one(all, "connections_out").hits} hits`);
        assert.deepEqual([one(all, "connections_in").hits, one(all, "connections_in").limit], [0, CONNECTIONS]);
        await shown("those that were let through", (now) => one(now, "connections_out").used > CONNECTIONS / 2);
        await shown("their end", (now) => one(now, "connections_out").used <= 1);
    });

    // As many processors as the plan has are all that a guest sees, so that it can only be held back where it gets less than one.
    test("a program that burns all the CPU time of a throttled guest is seen to be held back", async () => {
        const before = (await limits()).cpu;
        const tenant = (verb: string, body?: object) => world.operator.expect(200, "POST", `/v1/admin/tenants/${world.customer.id}/${verb}` as any, { body } as any);
        await tenant("suspend", { reason: "too much mail", policy: "throttle" });
        await until("the new limit", async () => one(await limits(), "cpu").limit === world.plan.vcpus * 100);
        await guests.run(vps, "(while :; do :; done) & sleep 5; kill $!").finally(() => tenant("resume"));
        const after = await shown("throttled time", (all) => all.cpu.throttled_ns - before.throttled_ns > 1e9);
        assert.ok(after.cpu.throttled_periods > before.throttled_periods && after.cpu.periods > before.periods);
        assert.equal(one(after, "cpu").hits, after.cpu.throttled_periods);
        await until("the old limit", async () => one(await limits(), "cpu").limit === world.plan.vcpus * 1000);
    });

    // Written past the page cache: version 1 of cgroups does not know whose the pages are that it writes back.
    test("what a guest writes is counted once, however many devices are below", async () => {
        const before = (await usage()).last.io_write_bytes;
        await guests.run(vps, "dd if=/dev/zero of=/direct bs=1M count=24 oflag=direct conv=fsync; rm /direct");
        const written = await until("its I/O", async () => {
            const now = (await usage()).last.io_write_bytes - before;
            return now > 23 * MiB && now;
        }, 30_000);
        assert.ok(written < 36 * MiB, `${written / MiB} MiB for 24`);
    });

    test("a full disk is counted", async () => {
        await guests.run(vps, `dd if=/dev/zero of=/fill bs=1M count=${world.plan.disk_bytes / MiB} conv=fsync; sync`, [0, 1]);
        await shown("a full disk", (all) => one(all, "disk").hits === 1);
        await guests.run(vps, "rm /fill; sync");
        await shown("room", (all) => one(all, "disk").used < one(all, "disk").limit / 2);
    });

    test("its boot log is what it wrote on its console", async () => {
        const all: any = await world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}/log?wait=20` as any);
        assert.equal(all.state, "fresh");
        await guests.run(vps, "printf '\\033[31mfrom the guest\\033[0m\\r\\n' >/dev/console");
        await until("its words", async () => {
            const { text } = (await world.customer.api.expect(200, "GET", `/v1/vps/${vps.id}/log?wait=20` as any)) as any;
            return text.includes("from the guest\n");
        }, 30_000, 1000);
    });

    test("hits begin anew with a start, their totals do not", async () => {
        const before = await limits();
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/reboot`);
        assert.equal((await world.customer.api.settled(task.id)).status, "done");
        const after = await shown("the new boot", (all) => all.boot !== before.boot);
        assert.equal(one(after, "processes").hits, 0);
        assert.equal(one(after, "processes").hits_total, one(before, "processes").hits_total);
        assert.equal(after.oom_kills, 2);
    });
});
