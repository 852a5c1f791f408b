// What a customer is shown when a real guest meets its limits: the kernel's own counts, the process that it killed, the console; and that none pays less by
// what it does to itself.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { MiB, unlimited, World } from "../harness/world.js";

const CONNECTIONS = 64; // of one guest, each way
const THROTTLE_BPS = 4_000_000;

describe("evidence of a real guest", () => {
    let world: World;
    let guests: Guests;
    let vps: Vps;
    before(async () => {
        world = await World.create({ drivers: "real", server: { config: { billing: { throttle_bps: THROTTLE_BPS } } }, agent: { config: { check_s: 2, network: { connections: CONNECTIONS } } } });
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

    // Both send as much, at the same pace; one of them ends as soon as it has.
    test("a guest that restarts itself, renames its interface and sets its clock pays for all that it sent", { timeout: 180_000 }, async () => {
        const [honest, sly] = [await guests.make(), await guests.make()];
        const rounds = 2;
        const chunk = 256 * 1024;
        const sent = new Map([[honest.id, 0], [sly.id, 0]]);
        const load = async (one: Vps, then: string) => {
            const { stdout } = await guests.run(one, `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do dd if=/dev/zero bs=${chunk} count=1 2>/dev/null; sleep 0.25; done; ${then}`, [255, 1, 143]);
            sent.set(one.id, sent.get(one.id)! + stdout.length);
        };
        const boot = () => guests.run(sly, "cut -d' ' -f22 /proc/1/stat").then(({ stdout }) => stdout, () => "");
        for (let round = 0; round < rounds; round++) {
            const clock = await guests.run(sly, "date -s 2001-01-01; date -s '2037-01-01 00:00:00'; date +%Y");
            assert.equal(Number(clock.stdout.trim().split("\n").at(-1)), new Date().getFullYear(), "a guest sets no clock");
            await guests.run(sly, "(sleep 0.3; ip link set eth0 down; ip link set eth0 name idle0; ip link set idle0 up; ip route add 169.254.0.1 dev idle0; ip route add default via 169.254.0.1) >/dev/null 2>&1 &");
            await until("it is there by another name", () => guests.run(sly, "ip link show idle0"), 20_000);
            const before = await boot();
            await Promise.all([load(honest, "true"), load(sly, "reboot -f; sleep 5")]);
            await until("it has booted again", async () => ((now) => now !== "" && now !== before)(await boot()), 60_000);
        }
        const billed = async (one: Vps) => (await world.customer.api.expect(200, "GET", `/v1/vps/${one.id}/usage` as "/v1/vps/{id}/usage")).net_tx_bytes;
        // What was under way at a reboot may have been sent and not have come.
        const whole = 12 * rounds * chunk;
        assert.equal(sent.get(honest.id), whole);
        assert.ok(sent.get(sly.id)! > whole * 0.9, `${sent.get(sly.id)} of ${whole}`);
        for (const { id } of [honest, sly]) {
            const truth = sent.get(id)!;
            const one = { id } as Vps;
            const paid = await until("its bill", async () => ((bytes) => bytes > truth && bytes)(await billed(one)), 30_000).catch(async (error) => {
                throw new Error(`${error}: ${await billed(one)} of ${truth}\n${world.agent.tail(60)}`);
            });
            assert.ok(paid < whole * 1.1, `${paid} of ${whole}`);
        }
        // By the hour both are the same: what a guest does to itself is no stop.
        const states = (one: Vps) => world.cluster.sql(`SELECT string_agg(state, ' ') FROM vps_periods WHERE vps_id = '${one.id}'`);
        assert.deepEqual([await states(honest), await states(sly)], ["running", "running"]);
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM usage_quarantine WHERE vps_id IN ('${honest.id}', '${sly.id}')`), "0");
        assert.equal(await world.server.verifyBilling(), "");
        await Promise.all([honest, sly].map(({ id }) => world.deleteVps(id)));
    });

    test("traffic that is used up throttles a guest that runs, until the policy is another", { timeout: 120_000 }, async () => {
        const thrifty = await world.createCustomer(unlimited);
        const path = `/v1/admin/tenants/${thrifty.id}/billing` as "/v1/admin/tenants/{id}/billing";
        const policy = async (traffic_policy: string) => {
            const { headers } = await world.operator.raw("GET", path);
            await world.operator.expect(200, "PUT", path, { body: { traffic_policy }, headers: { "If-Match": headers.get("etag")! } } as any);
        };
        await policy("throttle");
        // What a plan includes is by the second: half a megabyte of what is left of the month.
        const left = Number(await world.cluster.sql("SELECT croft_seconds(now(), croft_month_end(now())) / croft_seconds(croft_month_start(now()), croft_month_end(now()))"));
        const plan = await world.createPlan("half-a-megabyte", { traffic_bytes: Math.ceil(500_000 / left) });
        const one = await world.createVps({ plan_id: plan.id, ssh_keys: [guests.publicKey] }, thrifty.api);
        await until("ssh works", () => guests.run(one, "true"), 20_000);
        const took = async () => {
            const began = performance.now();
            assert.equal((await guests.run(one, "dd if=/dev/zero bs=64k count=64 2>/dev/null")).stdout.length, 4 * MiB);
            return (performance.now() - began) / 1000;
        };
        // A machine may be busy for a while; what is throttled never takes less.
        const least = (4 * MiB * 8) / THROTTLE_BPS * 0.4; // but for what a bucket holds
        const within = (seconds: number) => until(`4 MiB within ${seconds} s`, async () => (await took()) < seconds, 60_000, 0);
        await within(least / 1.5);
        // Out of the node: nobody answers, and it counts.
        await guests.run(one, `for i in $(seq 30); do ping -c 1 -W 1 -s 60000 ${world.netns!.hostAddress} >/dev/null & done; wait`, [1]);
        const rate = async (wanted: number | null) => until(`a rate of ${wanted}`, async () => {
            await world.cluster.sql(`UPDATE traffic_states SET checked_at = now() - interval '2 hours' WHERE account_id = '${thrifty.id}'`); // or it would be an hour
            const now = await thrifty.api.vps(one.id);
            return now.traffic_rate_bps === wanted && now.observed_generation === now.generation;
        }, 60_000, 500);
        await rate(THROTTLE_BPS);
        const held = await took();
        assert.ok(held > least, `${held} s`);
        await policy("bill");
        await rate(null);
        await within(held / 1.5);
        await world.deleteVps(one.id, thrifty.api);
    });
});
