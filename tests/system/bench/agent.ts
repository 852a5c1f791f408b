// What an agent costs while nothing is ordered: processor time and memory of all its processes, with 200 fake guests, then with 50
// real ones, measured every 10 s and reported every 60 s as in production.
import { readFileSync, readlinkSync } from "node:fs";
import { cpus, release } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../harness/command.js";
import { GiB, MiB, World, type WorldOptions } from "../harness/world.js";

const seconds = Number(process.argv[2] ?? 180);
const quiet = { log_level: "warn" };
const tick = 1000 / Number((await run(["getconf", "CLK_TCK"])).stdout);

interface Cost {
    cpuMs: number;
    bytes: number;
}

// Every process of the agent: the master, broker and link, the template of workers. The monitors of guests are not its own.
async function family(world: World): Promise<number[]> {
    const pids = [world.agent.master];
    for (const pid of pids) {
        const { stdout } = await run(["pgrep", "-P", String(pid)], { accept: [0, 1] });
        pids.push(...stdout.split("\n").filter(Boolean).map(Number).filter(isAgent));
    }
    if (pids.length < 4) {
        throw new Error(`only ${pids.length} processes of the agent were found`);
    }
    return pids;
}

function isAgent(pid: number): boolean {
    try {
        return /\/croft-agent(-worker)?$/.test(readlinkSync(`/proc/${pid}/exe`)) && !readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("[lxc");
    } catch {
        return false; // it has ended
    }
}

// Of one process: its own time to the nanosecond, with that of workers that have ended, by the tick.
function cost(pid: number): Cost {
    const own = Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const workers = (Number(fields[13]) + Number(fields[14])) * tick;
    const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return { cpuMs: own + workers, bytes: Number(pss![1]) * 1024 };
}

function sum(pids: number[]): Cost {
    return pids.map(cost).reduce((a, b) => ({ cpuMs: a.cpuMs + b.cpuMs, bytes: a.bytes + b.bytes }), { cpuMs: 0, bytes: 0 });
}

async function measure(name: string, guests: number, options: WorldOptions): Promise<void> {
    const server = { config: { ...quiet, agents: { report_s: 60, sample_s: 10, heartbeat_s: 10, ping_s: 10 } } };
    const config = { ...quiet, sample_s: 10, report_s: 60, pool: { size_bytes: 16 * GiB }, ids: { count: 250 }, capacity: { vcpus: 4096, memory_bytes: 2 ** 42, disk_bytes: 2 ** 44 } };
    const world = await World.create({ ...options, server, agent: { config } });
    try {
        for (let made = 0; made < guests; made += 10) {
            await Promise.all(Array.from({ length: 10 }, () => world.createVps()));
        }
        await sleep(70_000); // one report, and what the creates have left behind
        const before = sum(await family(world));
        const from = performance.now();
        await sleep(seconds * 1000);
        const elapsed = performance.now() - from;
        const after = sum(await family(world));
        const percent = ((after.cpuMs - before.cpuMs) / elapsed) * 100;
        const mib = after.bytes / MiB;
        console.log(`| ${name} | ${percent.toFixed(2)} % | 0.50 % | ${percent < 0.5 ? "yes" : "no"} | ${mib.toFixed(1)} MiB | 32 MiB | ${mib < 32 ? "yes" : "no"} |`);
    } finally {
        await world.close();
    }
}

console.log("### The agent at rest (`tests/bench/agent`)\n");
console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model}), Linux ${release()}; ${seconds} s of each\n`);
console.log("| what | of a core | goal | reached | memory | goal | reached |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
await measure("200 fake guests", 200, { drivers: "fake" });
await measure("50 real guests", 50, { drivers: "real" });
