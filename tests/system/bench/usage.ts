// Reports of usage over real links, as fast as they are acknowledged: how many a second, what one costs the server and PostgreSQL in processor
// time, how the API answers meanwhile, how the database grows. Beside a bare COPY of the same rows. A report is of one vps, with its points
// of ten seconds; a message holds those of 200, as many as a node has. There are fewer links than nodes: each says what fifty nodes would.
// With "paced" first, every vps reports once a minute, as agents do, and what is behind that is said.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { run, until } from "../harness/command.js";
import { Cluster } from "../harness/cluster.js";
import { RawAgent, type RawLink } from "../harness/raw-agent.js";
import { World } from "../harness/world.js";

const paced = process.argv[2] === "paced";
const words = process.argv.slice(paced ? 3 : 2).map(Number);
const seconds = words[0] ?? 60;
const counts = words.length > 1 ? words.slice(1) : [100_000, 1_000_000];
const links = 8;
const perMessage = 200;
const outstanding = 2;
const tick = 1 / Number((await run(["getconf", "CLK_TCK"])).stdout);

// Seconds of processor time of a process and of all below it, and of those of them that have ended.
async function cpu(pid: number): Promise<number> {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    const below = await Promise.all(children.map((child) => cpu(child).catch(() => 0)));
    return (fields[11]! + fields[12]! + fields[13]! + fields[14]!) * tick + below.reduce((a, b) => a + b, 0);
}

// Rows as if they had been created long ago, a part for each node. Without triggers: what they would write is not measured here.
async function seed(world: World, node: string, count: number): Promise<string[]> {
    const text = await world.cluster.sql(`SET session_replication_role = replica;
        WITH made AS (INSERT INTO vps (tenant_id, name, plan_id, plan_version, image_id, location_id, node_id, desired, observed, vcpus,
            memory_bytes, swap_bytes, disk_bytes, pids, ipv4_count, ipv6_count, slot, id_base, hostname, created_at)
        SELECT '${world.customer.id}', 'b' || md5(random()::text || i), '${world.plan.id}', 1, '${world.image.id}', '${world.location.id}', '${node}', 'running',
            'running', 1, 1 << 26, 0, 1 << 26, 128, 0, 0, i, 65536, 'bench', now() - interval '30 days' FROM generate_series(1, ${count}) i RETURNING id)
        SELECT string_agg(id::text, ' ') FROM made`);
    return text.split("\n").pop()!.split(" ");
}

class Node {
    at = 0;
    batch = 0;
    seq = 1;
    waiting = 0;
    said = 0;
    readonly boots: string[];
    readonly boot = randomUUID();

    constructor(readonly link: RawLink, readonly vps: string[]) {
        this.boots = vps.map(() => randomUUID());
    }

    // A minute of a guest that does a little of everything.
    private sample(i: number, ts: string, mono: number): string {
        const n = this.seq;
        const point = (age: number) => `${age},10000,${90000 + i % 999},50312,40213,812345,4096,81920,1,20,${15000 + i % 99},${81000 + i % 99},120,130,1000,2000,${13900 + i % 99},79000`;
        return `{"vps":"${this.vps[i]}","boot":"${this.boots[i]}","seq":${n},"ts":"${ts}","mono_ns":${mono},"cpu_ns":${n * 540000000},"memory_bytes":51519488,"memory_anon_bytes":41178112,"disk_bytes":831841280,`
            + `"io_read_bytes":${n * 24576},"io_write_bytes":${n * 491520},"io_read_ops":${n * 6},"io_write_ops":${n * 120},"net_rx_bytes":${n * 90000},"net_tx_bytes":${n * 486000},"net_rx_packets":${n * 720},"net_tx_packets":${n * 780},`
            + `"pids":23,"oom_kills":0,"net_rx_inside_bytes":${n * 6000},"net_tx_inside_bytes":${n * 12000},"net_rx_outside_bytes":${n * 83400},"net_tx_outside_bytes":${n * 474000},"net_gaps":0,`
            + `"fine":"${[50000, 40000, 30000, 20000, 10000, 0].map(point).join(";")}"}`;
    }

    // The guests' own clock: a report of each is a minute after the one before, which the node's says, too.
    say(): void {
        const ts = new Date().toISOString();
        const mono = this.seq * 60_000_000_000;
        const samples = [];
        for (let i = this.at; i < Math.min(this.at + perMessage, this.vps.length); i++) {
            samples.push(this.sample(i, ts, mono));
        }
        this.said += samples.length;
        this.link.wire.frame(1, Buffer.from(`{"epoch":${this.link.epoch},"type":"usage","batch":${++this.batch},"samples":[${samples.join(",")}],"boot":"${this.boot}","now_mono_ns":${mono}}`));
        this.waiting++;
        this.at += perMessage;
        if (this.at >= this.vps.length) {
            this.at = 0;
            this.seq++;
        }
    }

    heard(): number {
        const acks = this.link.said("usage_ack");
        this.link.wire.messages.length = 0;
        this.waiting -= acks.length;
        return acks.reduce((sum: number, one: any) => sum + one.stored, 0);
    }
}

// Every vps once a minute, or as fast as is acknowledged.
async function drive(nodes: Node[], until_ms: number, isPaced = false): Promise<number> {
    let stored = 0;
    const from = performance.now();
    const before = nodes.map((node) => node.said);
    const due = (node: Node, i: number) => !isPaced || node.said - before[i]! < (performance.now() - from) / 60_000 * node.vps.length;
    while (performance.now() < until_ms || nodes.some((node) => node.waiting > 0)) {
        for (const [i, node] of nodes.entries()) {
            stored += node.heard();
            while (node.waiting < outstanding && performance.now() < until_ms && due(node, i)) {
                node.say();
            }
        }
        await sleep(2);
    }
    return stored;
}

async function askMeanwhile(world: World, id: string, stop: () => boolean): Promise<number[]> {
    const times: number[] = [];
    while (!stop()) {
        const from = performance.now();
        await world.customer.api.expect(200, "GET", `/v1/vps/${id}/usage`);
        times.push(performance.now() - from);
        await sleep(50);
    }
    return times.sort((a, b) => a - b);
}

// The numbers of a report as one row, by COPY and nothing else: rows a second, and processor time of PostgreSQL for one.
async function floor(world: World, postmaster: number, rows: number): Promise<{ rate: number; micros: number }> {
    const columns = Array.from({ length: 21 }, (_, i) => `c${i} bigint`).join(", ");
    await world.cluster.sql(`CREATE TABLE bench_copy (vps uuid, boot uuid, ts timestamptz, ${columns})`);
    const before = await cpu(postmaster);
    const from = performance.now();
    const psql = spawn("psql", [world.cluster.conninfo("postgres"), "-qc", "COPY bench_copy FROM STDIN"], { stdio: ["pipe", "inherit", "inherit"] });
    for (let i = 0; i < rows; i += perMessage) {
        const text = Array.from({ length: perMessage }, (_, j) => `${randomUUID()}\t${randomUUID()}\t2026-01-01T00:00:00Z\t${Array.from({ length: 21 }, (_, k) => (i + j) * (k + 1) * 4099).join("\t")}\n`).join("");
        if (!psql.stdin.write(text)) {
            await new Promise((resolve) => psql.stdin.once("drain", resolve));
        }
    }
    psql.stdin.end();
    await new Promise((resolve) => psql.once("exit", resolve));
    return { rate: rows / ((performance.now() - from) / 1000), micros: ((await cpu(postmaster)) - before) / rows * 1e6 };
}

// What PostgreSQL spent its time with, as its sessions saw it: the statements of the server, dearest first.
async function statements(world: World): Promise<string> {
    return world.cluster.sql(`SELECT format('- %s %%: %s calls, %s ms each: \`%s\`', round((100 * total_exec_time / sum(total_exec_time) OVER ())::numeric, 1), calls,
            round(mean_exec_time::numeric, 2), left(regexp_replace(query, '\\s+', ' ', 'g'), 100))
        FROM pg_stat_statements WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = 'croft') ORDER BY total_exec_time DESC LIMIT 6`);
}

// What a vps makes the database grow by. The part of the hour that each is in is made evidence, as the turn of an hour does it; what is kept for two
// days or for an hour does not grow beyond that.
async function growth(world: World, reports: number): Promise<string> {
    const sizes = async (pattern: string) =>
        Number(await world.cluster.sql(`SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^usage_${pattern}$' AND relkind = 'r'`));
    const points = { minutes: (await sizes("minutes_\\d+")) / reports, fine: (await sizes("fine_\\d+")) / reports };
    const before = await sizes("evidence");
    const rows = Number(await world.cluster.sql("WITH made AS (INSERT INTO usage_evidence SELECT * FROM usage_open RETURNING 1) SELECT count(*) FROM made"));
    const evidence = ((await sizes("evidence")) - before) / rows;
    return `A day of a vps leaves ${(24 * evidence / 1e3).toFixed(1)} kB for two years: 24 hours of evidence, ${evidence.toFixed(0)} bytes each with its indices, of ${rows}. `
        + `Beside that it always has ${(2880 * points.minutes / 1e3).toFixed(0)} kB of minutes (two days, ${points.minutes.toFixed(0)} bytes each) and ${(60 * points.fine / 1e3).toFixed(0)} kB of points of ten seconds (an hour, ${points.fine.toFixed(0)} bytes for a minute).`;
}

async function measure(count: number): Promise<void> {
    const world = await World.create({ server: { config: { log_level: "warn" } }, agent: null });
    try {
        const nodes: Node[] = [];
        for (let i = 0; i < links; i++) {
            const agent = await RawAgent.join(world, `bench${i}`);
            // The link first: of guests that a node does not show when it connects each would be a task.
            const link = await agent.connect();
            nodes.push(new Node(link, await seed(world, agent.node, Math.floor(count / links))));
        }
        await world.cluster.sql("CREATE EXTENSION pg_stat_statements");
        await world.cluster.sql("ANALYZE");
        const postmaster = Number(await world.cluster.sql("SELECT (regexp_split_to_array(pg_read_file('postmaster.pid'), '\\n'))[1]"));
        while (nodes.some((node) => node.seq < 2)) { // every guest has its watermark
            await drive(nodes.filter((node) => node.seq < 2), performance.now() + 200);
        }
        const wal = async () => (await world.cluster.sql("SELECT wal_bytes, wal_fpi FROM pg_stat_wal")).split("|").map(Number);
        const size = async () => Number(await world.cluster.sql("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^usage_(minutes|fine)_\\d+$' AND relkind = 'r'"));
        const [server, postgres, bytes, from] = [await cpu(world.server.pid), await cpu(postmaster), await size(), performance.now()];
        const [walBytes, walPages] = await wal();
        await world.cluster.sql("SELECT pg_stat_statements_reset()");
        let over = false;
        const asked = askMeanwhile(world, nodes[0]!.vps[0]!, () => over);
        const stored = await drive(nodes, from + seconds * 1000, paced);
        over = true;
        const took = (performance.now() - from) / 1000;
        const each = { server: ((await cpu(world.server.pid)) - server) / stored * 1e6, postgres: ((await cpu(postmaster)) - postgres) / stored * 1e6 };
        const grew = ((await size()) - bytes) / stored;
        const logged = (await wal()).map((now, i) => now - [walBytes!, walPages!][i]!);
        const spent = await statements(world);
        const times = await asked;
        const bare = await floor(world, postmaster, 200_000);
        const cores = (each.server + each.postgres) * count / 60 / 1e6;
        console.log(`| ${count} | ${(stored / took).toFixed(0)} | ${each.server.toFixed(1)} + ${each.postgres.toFixed(1)} | ${cores.toFixed(2)} | ${times[Math.floor(times.length * 0.99)]!.toFixed(1)} | ${grew.toFixed(0)} | ${(logged[0]! / stored).toFixed(0)} | ${bare.rate.toFixed(0)}, ${bare.micros.toFixed(1)} | ${((each.server + each.postgres) / bare.micros).toFixed(1)} |`);
        // All reports are among the points: those before the clock ran, too.
        const grown = await growth(world, nodes.reduce((sum, node) => sum + node.said, 0));
        shares.push(`${count} vps, ${stored} reports, ${logged[1]} full pages logged:\n${spent}\n\n${grown}`);
    } finally {
        await world.close();
    }
}

console.log(`### Usage (\`tests/bench/usage ${paced ? "paced " : ""}${seconds} ${counts.join(" ")}\`)\n`);
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model}), Linux ${release()}; the load program runs on the same cores\n`);
console.log(`| vps | reports a second, ${paced ? "one of each vps a minute" : "as fast as they go"} | µs of a processor for one: server + PostgreSQL | cores at one a minute | API p99 meanwhile, ms | bytes of points for one | of log | bare COPY: rows a second, µs | times that |`);
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
Cluster.more = `-c shared_buffers=512MB -c max_wal_size=4GB -c shared_preload_libraries=pg_stat_statements ${process.env["CROFT_BENCH_PG"] ?? ""}`;
const shares: string[] = [];
for (const count of counts) {
    await measure(count);
}
console.log(`\nWhat PostgreSQL's sessions spent their time with (pg_stat_statements):\n\n${shares.join("\n\n")}`);
