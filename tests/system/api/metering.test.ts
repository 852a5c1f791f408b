// A load whose truth is known, once in peace and once with all that goes wrong: both are counted once, and the check of what they stand on is clean.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Api } from "../harness/client.js";
import { until } from "../harness/command.js";
import { type Item, RawAgent, type RawLink } from "../harness/raw-agent.js";
import { World } from "../harness/world.js";

const second = 1_000_000_000;
const interval_s = 0.5;
const reports = 24;
const started = performance.now();
const nodeBoot = randomUUID();

// Of the node: since its start, some weeks ago. Whole microseconds, since a double holds no more.
const mono = () => Math.round((2_000_000 + (performance.now() - started) / 1000) * 1e6) * 1000;

// A guest that uses half a processor and sends a kilobyte a millisecond; each start counts from zero.
class Guest {
    boot = randomUUID();
    seq = 0;
    bootAt = mono();
    ended = 0; // what the starts before used, in ns

    constructor(readonly id: string) {}

    private now(at = mono()): number {
        return Math.floor((at - this.bootAt) / 2);
    }

    sample(ts: number, change: object = {}): any {
        const at = mono();
        const cpu = this.now(at);
        const zero = { io_read_bytes: 0, io_write_bytes: 0, io_read_ops: 0, io_write_ops: 0, net_rx_bytes: 0, net_rx_packets: 0, net_tx_packets: 0, oom_kills: 0 };
        const levels = { memory_bytes: 1 << 20, memory_anon_bytes: 1 << 19, disk_bytes: 1 << 30, pids: 3 };
        return { vps: this.id, boot: this.boot, seq: ++this.seq, ts: new Date(ts).toISOString(), mono_ns: at, cpu_ns: cpu, net_tx_bytes: Math.floor(cpu / 500), ...zero, ...levels, ...change };
    }

    // Its last sample, and a new start.
    restart(ts: number): any {
        const last = this.sample(ts);
        this.ended += last.cpu_ns;
        this.boot = randomUUID();
        this.seq = 0;
        this.bootAt = mono();
        return last;
    }
}

describe("a load of known truth", () => {
    let world: World;
    let agent: RawAgent;
    let link: RawLink;
    let batch = 0;
    const unacknowledged = new Map<number, any[]>();

    before(async () => {
        world = await World.create({ agent: null });
        agent = await RawAgent.join(world);
        link = await agent.connect();
    });
    after(async () => {
        link?.wire.vanish();
        await world?.close();
    });

    async function guests(count: number): Promise<Guest[]> {
        const made: Guest[] = [];
        for (let i = 0; i < count; i++) {
            const { task, vps } = await world.customer.api.expect(202, "POST", "/v1/vps", { body: world.order() });
            link.result(await link.task(task.id), "done", "running");
            await link.confirmed(task.id);
            made.push(new Guest(vps.id));
        }
        return made;
    }

    function say(number: number, samples: any[]): void {
        unacknowledged.set(number, samples);
        link.say({ type: "usage", batch: number, samples, boot: nodeBoot, now_mono_ns: mono() });
    }

    function forgetKnown(): void {
        for (const one of link.said("usage_ack")) {
            unacknowledged.delete(one.batch);
        }
    }

    async function settle(): Promise<void> {
        await until("all is acknowledged", () => (forgetKnown(), unacknowledged.size === 0));
    }

    // As an agent does: what was not acknowledged is said again, in its order.
    async function reconnect(): Promise<void> {
        link.wire.vanish();
        const text = await until("the database answers", () => world.cluster.sql("SELECT id, generation, observed FROM vps WHERE deleted_at IS NULL AND observed <> 'absent'").catch(() => false as const));
        const inventory = text.split("\n").filter(Boolean).map((line): Item => {
            const [vps, generation, observed] = line.split("|") as [string, string, string];
            return { vps, generation: Number(generation), observed };
        });
        link = await until("the link is back", () => agent.connect(inventory).catch(() => false as const));
        for (const [number, samples] of [...unacknowledged].sort(([a], [b]) => a - b)) {
            say(number, samples);
        }
    }

    const usage = (id: string) => world.customer.api.expect(200, "GET", `/v1/vps/${id}/usage`);
    const clean = async (after: string) => assert.equal(await world.server.verifyBilling(), "", `verify billing after ${after}`);

    // What was counted of what was used.
    async function share(load: Guest[]): Promise<number> {
        let counted = 0;
        let truth = 0;
        for (const guest of load) {
            const last = guest.sample(Date.now());
            const used = guest.ended + last.cpu_ns; // by then: while its report is on the way it goes on
            say(++batch, [last]);
            await settle();
            const now = await usage(guest.id);
            truth += used;
            counted += now.cpu_ns;
            assert.ok(Math.abs(used - now.cpu_ns) / second < interval_s, `${used} used, ${now.cpu_ns} counted`);
            const hours = now.hours.map((hour: any) => hour.hour);
            assert.equal(new Set(hours).size, hours.length, "an hour is there once");
            assert.ok(now.hours.every((hour: any) => Math.abs(Date.parse(hour.hour) + 1_800_000 - Date.now()) < 5_400_000), `only hours of now: ${hours}`);
        }
        return counted / truth;
    }

    let peace = 0;
    test("in peace", { timeout: 60_000 }, async () => {
        const load = await guests(3);
        for (let i = 0; i < reports / 2; i++) {
            say(++batch, load.map((guest) => guest.sample(Date.now())));
            await sleep(interval_s * 500);
        }
        peace = await share(load);
        await clean("peace");
    });

    test("with links cut, the server and PostgreSQL killed, guests restarted, the node's clock wrong, reports twice, late and shuffled", { timeout: 180_000 }, async () => {
        const load = await guests(3);
        let held: any[] = [];
        const fault: Record<number, [string, () => Promise<unknown>]> = {
            5: ["a link that was cut", reconnect],
            9: ["a worker that was killed", async () => (world.server.workers().forEach((pid) => process.kill(pid, "SIGKILL")), world.server.ready().then(reconnect))],
            14: ["PostgreSQL that was killed", async () => (await world.cluster.stop("immediate"), await world.cluster.start(), await world.server.ready(), await reconnect())],
            19: ["a link that was cut again", reconnect],
        };
        for (let i = 0; i < reports; i++) {
            const ts = Date.now() + (i % 3 - 1) * 3_600_000; // an hour behind, right, an hour ahead
            const samples = load.flatMap((guest, at) => [...(i % 5 === at ? [guest.restart(ts)] : []), guest.sample(ts)]);
            const order = [...held, ...samples].sort(() => Math.random() - 0.5);
            held = i % 4 === 1 ? order : [];
            if (i % 4 !== 1) {
                say(++batch, order);
                say(++batch, order.slice().reverse()); // twice
            }
            if (fault[i]) {
                await fault[i]![1]();
                await settle();
                await clean(fault[i]![0]);
            }
            await sleep(interval_s * 500);
        }
        const faults = await share(load);
        assert.ok(Math.abs(faults - peace) < 0.001, `${peace} of it in peace, ${faults} under faults`);
        await clean("all of it");
    });

    test("what cannot be true is not counted, kept, told, and a gap", { timeout: 60_000 }, async () => {
        const [guest] = await guests(1) as [Guest];
        say(++batch, [guest.sample(Date.now())]);
        await sleep(200);
        say(++batch, [guest.sample(Date.now(), { cpu_ns: 1e17 })]);
        await sleep(200);
        say(++batch, [guest.sample(Date.now())]);
        await settle();
        const now = await usage(guest.id);
        assert.equal(now.gaps, 1);
        assert.equal(now.cpu_ns, now.last!.cpu_ns);
        const { items } = await world.operator.expect(200, "GET", "/v1/admin/usage/quarantine");
        assert.deepEqual([items[0].vps_id, items[0].reason, items[0].sample.cpu_ns], [guest.id, "too_fast", 1e17]);
        const { text } = await new Api(world.server.url).raw("GET", "/metrics");
        assert.match(text, new RegExp(`^croft_usage_quarantined_day{node="${items[0].node_id}",reason="too_fast"} 1$`, "m"));
        const { parts } = await world.customer.api.expect(200, "GET", `/v1/vps/${guest.id}/usage/evidence`);
        assert.equal(parts.reduce((sum: number, part: any) => sum + part.last.cpu_ns - part.first.cpu_ns, 0), now.cpu_ns, "evidence adds up to what is billed");
        await clean("a jump");
    });

    test("points of ten seconds are drawn, those of nonsense are not", { timeout: 60_000 }, async () => {
        const [guest] = await guests(1) as [Guest];
        const point = (age: number, rx: number) => `${age},10000,5000000,1024,512,2048,0,0,0,0,${rx},0,0,0,0,0,0,0`;
        say(++batch, [guest.sample(Date.now(), { fine: `${point(30_000, 1000)};1,2;;${point(0, 20_000)}` })]);
        await settle();
        const series = await world.customer.api.expect(200, "GET", `/v1/vps/${guest.id}/series?range=1h`);
        assert.equal(series.step_s, 10);
        const drawn = series.points.net_rx_bytes.filter((value: number | null) => value !== null);
        assert.ok(drawn.includes(100) && drawn.includes(2000) && drawn.length <= 4, JSON.stringify(drawn));
        assert.ok(series.points.t.length <= 500);
        await world.customer.api.expect(422, "GET", `/v1/vps/${guest.id}/series?from=yesterday`);
        assert.deepEqual((await world.operator.expect(200, "GET", `/v1/admin/vps/${guest.id}/series?range=2d`)).step_s, 600);
    });

    test("a report that is malformed is refused whole: that link ends, others go on", { timeout: 60_000 }, async () => {
        const [guest] = await guests(1) as [Guest];
        say(++batch, [guest.sample(Date.now())]);
        await settle();
        const before = (await usage(guest.id)).cpu_ns;
        for (const change of [{ cpu_ns: -1 }, { seq: 0 }, { fine: "x" }, { ts: "soon" }, { mono_ns: 2 ** 60 }]) {
            say(++batch, [guest.sample(Date.now()), guest.sample(Date.now(), change)]);
            await link.wire.ends(30_000);
            unacknowledged.clear();
            await reconnect();
            assert.equal((await usage(guest.id)).cpu_ns, before, JSON.stringify(change));
        }
        assert.ok((await world.customer.api.raw("GET", "/v1/vps")).status === 200);
        await clean("refusals");
    });
});
