// What an idle guest costs beyond its own processes, in both modes of disks beside each other: launch, kernel memory, page cache.
// The same agent is told the other mode between two rounds, so that what else the machine does falls on both.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parse, stringify } from "yaml";
import { until } from "../harness/command.js";
import { GiB, World } from "../harness/world.js";
import { median } from "./table.js";

const guests = Number(process.argv[2] ?? 20);
const image = process.argv[3]; // a packed system; else the small one of the tests
const rounds = Number(process.argv[4] ?? 2);
const modes = ["snapshot", "layer"] as const;
type Mode = (typeof modes)[number];

interface Round {
    launch: number[]; // ms each
    read: number[]; // ms each
    perGuest: Record<string, number>; // KiB, or how many
}

const quiet = { log_level: "warn" };
const world = await World.create({
    drivers: "real",
    server: { config: { ...quiet, agents: { report_s: 60, sample_s: 10, heartbeat_s: 10, ping_s: 10 } } },
    agent: { config: { ...quiet, sample_s: 10, report_s: 60, pool: { size_bytes: 8 * GiB } } },
});
const wait = { headers: { Prefer: "wait=60" } };
const { api } = world.customer;

const shell = (script: string) => execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim();
const payload = (id: string) => `$(find /sys/fs/cgroup -path '*lxc.payload.${id}*' -name cgroup.procs -exec cat {} + | sort -un)`;
const init = (id: string) => shell(`for p in ${payload(id)}; do grep -qsE '^NSpid:.*[[:space:]]1$' /proc/$p/status && echo $p; done; true`);
const monitor = (id: string) => shell(`awk '/^PPid:/ {print $2}' /proc/${init(id)}/status`);
const mountsOf = (pid: string) => readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n").length - 1;
const monitorKiB = (id: string) => Number(shell(`awk '/^Pss:/ {print $2}' /proc/${monitor(id)}/smaps_rollup`));

// What the kernel charged to its processes and its monitor, in either layout. Shared pages are charged to whoever read them first.
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
const groups = (id: string) => ["payload", "monitor"].map((half) => `/sys/fs/cgroup/${isV2 ? "" : "memory/"}lxc.${half}.${id}`).filter((path) => existsSync(path));

interface Charged {
    cache: number;
    anon: number;
    kernel: number;
}

function charged(id: string): Charged {
    const sum: Charged = { cache: 0, anon: 0, kernel: 0 };
    for (const group of groups(id)) {
        const stat = readFileSync(`${group}/memory.stat`, "utf8");
        const of = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0) / 1024;
        sum.cache += isV2 ? of("file") : of("total_cache");
        sum.anon += isV2 ? of("anon") : of("total_rss");
        sum.kernel += isV2 ? of("kernel") : Number(readFileSync(`${group}/memory.kmem.usage_in_bytes`, "utf8")) / 1024;
    }
    return sum;
}

function chargedEach(ids: string[]): Charged {
    const all = ids.map(charged);
    const mean = (of: (one: Charged) => number) => all.reduce((sum, one) => sum + of(one), 0) / all.length;
    return { cache: mean(({ cache }) => cache), anon: mean(({ anon }) => anon), kernel: mean(({ kernel }) => kernel) };
}

async function use(mode: Mode): Promise<void> {
    const settings = parse(readFileSync(world.agent.config, "utf8"));
    settings.pool.mode = mode;
    await world.agent.stop();
    writeFileSync(world.agent.config, stringify(settings));
    await world.agent.start();
    await until("the node is back", async () => (await world.online()).online, 30_000);
    await world.deleteVps((await world.createVps()).id); // what is made once for an image is made
}

// As programs of the guest would, each for itself, on its account.
function readAll(id: string): number {
    const from = performance.now();
    shell(`echo $$ >${groups(id)[0]}/cgroup.procs; exec nsenter -t ${init(id)} -m sh -c 'cd /usr && find . -xdev -type f -exec cat {} + >/dev/null'`);
    return performance.now() - from;
}

async function measure(mode: Mode): Promise<Round> {
    await use(mode);
    const launch: number[] = [];
    const ids: string[] = [];
    for (let i = 0; i < guests; i++) {
        const from = performance.now();
        ids.push((await api.expect(201, "POST", "/v1/vps", { body: world.order(), ...wait })).vps.id);
        launch.push(performance.now() - from);
    }
    await sleep(image ? 30_000 : 3000); // until they are idle
    const idle = chargedEach(ids);
    const perGuest: Record<string, number> = {
        "its monitor's own memory (proportional), KiB": median(ids.map(monitorKiB)),
        "anonymous memory of its processes and monitor, KiB": idle.anon,
        "kernel memory charged to it, KiB": idle.kernel,
        "page cache charged to it once booted, KiB": idle.cache,
        "mounts in its sight": median(ids.map((id) => mountsOf(init(id)))),
        "mounts in its monitor's sight": median(ids.map((id) => mountsOf(monitor(id)))),
    };
    const read = ids.map(readAll);
    perGuest["page cache charged to it after each read all of its /usr, KiB"] = chargedEach(ids).cache;
    await Promise.all(ids.map((id) => api.expect(200, "DELETE", `/v1/vps/${id}`, wait)));
    return { launch, read, perGuest };
}

const format = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));

try {
    if (image) {
        const printed = await world.server.subcommand("image", "add", image, "--name", "measured", "--os", "debian");
        world.image = await world.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
        world.plan = await world.createPlan("measured", { memory_bytes: GiB, disk_bytes: 2 * GiB, pids: 512 });
    }
    const all: Record<Mode, Round[]> = { snapshot: [], layer: [] };
    for (let round = 0; round < rounds; round++) {
        for (const mode of modes) {
            all[mode].push(await measure(mode));
        }
    }
    const line = (what: string, unit: string, of: (round: Round) => number[]) => {
        const [a, b] = modes.map((mode) => median(all[mode].flatMap(of))) as [number, number];
        console.log(`| ${what} | ${format(a)} ${unit} | ${format(b)} ${unit} | ${(b / a).toFixed(2)} |`);
    };
    console.log("### What an idle guest costs (`tests/bench/density`)\n");
    console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model}), Linux ${release()}; ${guests} guests of ${image ?? "the busybox image"}, ${rounds} rounds each; medians, per guest\n`);
    console.log("| what | snapshot | layer | ratio |\n| --- | --- | --- | --- |");
    line("create to running, one at a time", "ms", ({ launch }) => launch);
    line("reading all of its /usr, the first guest", "ms", ({ read }) => read.slice(0, 1));
    line("reading all of its /usr, the others", "ms", ({ read }) => read.slice(1));
    for (const name of Object.keys(all.snapshot[0]!.perGuest)) {
        line(name, "", ({ perGuest }) => [perGuest[name]!]);
    }
} catch (error) {
    console.error(error); // what a clean-up says after it would hide it
    throw error;
} finally {
    await world.close();
}
