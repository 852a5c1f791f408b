// croft-agent check on this machine: its short form, whose numbers are held to what a busy machine can give, and its end by force.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { after, before, describe, test } from "node:test";
import { output, run, until } from "../harness/command.js";
import { agentProgram, root } from "../harness/paths.js";
import { Sandbox } from "../harness/sandbox.js";

interface Row {
    name: string;
    said?: string;
    passed?: boolean;
    refused?: boolean;
    measured?: boolean;
    alive?: boolean;
    ratio?: number;
    overshoot?: number;
    limit?: number;
    got?: number;
    consequence?: string;
    present?: boolean;
    host?: number[];
    guest?: number[];
    ratios?: number[];
    losses?: number[];
    loss?: number;
}

type Section = "features" | "fidelity" | "escapes" | "efficiency" | "limits" | "machine" | "neighbour";
type Report = Record<Section, Row[]> & { verdict: string; reasons: string[]; host: { cgroup_version: number; kernel: string } };

// btrfs answers statfs(2) with the size of the pool, whatever a quota group allows: docs/isolation.md.
const cannot = ["it sees the disk of its plan"];

const leftBehind = async () => [
    ...readdirSync("/var/lib").filter((name) => name.startsWith("croft-check.")),
    ...(await output(["losetup", "-l", "-n", "-O", "BACK-FILE"])).split("\n").filter((line) => line.includes("croft-check.")),
    ...(await output(["pgrep", "-af", "lxc monitor. /var/lib/croft-check"], { accept: [1] })).split("\n").filter(Boolean),
];

describe("croft-agent check", () => {
    let sandbox: Sandbox;
    let image: string;
    let report: Report;
    let page: string;
    let said: string;
    let code: number;
    const command = (...more: string[]) => [`${root}/tests/lib/with-lxcfs`, agentProgram, "check", "--image", image, ...more];
    const env = { ASAN_OPTIONS: "detect_leaks=0" };

    before(async () => {
        sandbox = new Sandbox();
        image = await output([`${root}/tests/lib/image`, "debian-12-check"], { timeoutMs: 600_000 });
        const [json, html] = [sandbox.path("report.json"), sandbox.path("report.html")];
        const done = await run(command("--json", json, "--html", html), { env, accept: [1], timeoutMs: 900_000 });
        [code, said] = [done.code, done.stdout];
        report = JSON.parse(readFileSync(json, "utf8")) as Report;
        page = readFileSync(html, "utf8");
    });
    after(() => sandbox?.close());

    test("at least forty probes answer as on a plain Debian, but for what btrfs cannot", () => {
        assert.ok(report.fidelity.length >= 40, `${report.fidelity.length}`);
        const failed = report.fidelity.filter((row) => !row.passed && !cannot.includes(row.name));
        assert.deepEqual(failed, []);
    });

    test("every attempt to escape is refused", () => {
        assert.ok(report.escapes.length >= 40, `${report.escapes.length}`);
        assert.deepEqual(report.escapes.filter((row) => !row.refused), []);
    });

    test("no limit is exceeded, and each was reached", (t) => {
        assert.deepEqual(report.limits.map((row) => row.name), ["processor", "network, sent", "network, received", "memory", "disk", "processes"]);
        for (const row of report.limits) {
            const exact = ["memory", "processes"].includes(row.name);
            assert.ok(row.overshoot! <= (exact ? 0 : 0.05), JSON.stringify(row));
            // How much processor and network a guest can take at all is the machine's affair; the report's verdict says so.
            if (!row.measured && !["memory", "disk", "processes"].includes(row.name)) {
                t.diagnostic(`${row.name}: not reached, got ${row.got} of ${row.limit}: the machine is busy (load ${loadavg()[0]})`);
                continue;
            }
            assert.ok(row.measured, JSON.stringify(row));
        }
    });

    test("efficiency is measured in pairs", () => {
        assert.equal(report.efficiency.length, 7);
        for (const row of report.efficiency) {
            assert.ok(row.measured && row.ratios!.length === row.host!.length && row.ratios!.length >= 2, JSON.stringify(row));
            assert.ok(row.ratio! > 0.1, JSON.stringify(row));
        }
    });

    test("a neighbour lives through every attack", () => {
        assert.equal(report.neighbour.length, 9);
        for (const row of report.neighbour) {
            assert.ok(row.alive && row.measured, JSON.stringify(row));
        }
    });

    test("what a processor loses without any guest stands beside it", () => {
        assert.equal(report.machine.length, 2);
        for (const row of report.machine) {
            assert.ok(row.measured && row.losses!.length >= 2 && row.loss! < 0.95, JSON.stringify(row));
            assert.ok(said.includes(row.name) && page.includes(row.name), row.name);
        }
    });

    test("what the kernel lacks is named, with what follows", () => {
        for (const row of report.features) {
            assert.equal(row.consequence === "", row.present, row.name);
        }
        const missing = report.features.filter((row) => !row.present).map((row) => row.name);
        assert.equal(missing.includes("cgroup v2"), report.host.cgroup_version === 1);
        missing.forEach((name) => assert.ok(said.includes(`missing: ${name}: `), name));
    });

    test("the verdict says what is wrong, and so does the exit status", () => {
        assert.equal(report.verdict, code === 0 ? "good" : "missed");
        assert.equal(report.reasons.length > 0, code !== 0);
        report.reasons.forEach((reason) => assert.ok(said.includes(reason), reason));
    });

    test("the page holds everything itself", () => {
        assert.doesNotMatch(page, /(src|href)=|url\(|@import|<script/);
        assert.ok(page.includes("<svg") && page.includes("Content-Security-Policy"));
        for (const row of [...report.fidelity, ...report.escapes]) {
            assert.ok(page.includes(row.name), row.name);
        }
    });

    test("nothing is left of it, nor of one that is killed", { timeout: 300_000 }, async () => {
        // The kernel takes a pool's mount down some moments after the last process of its namespace.
        await until("what the first one made is gone", async () => (await leftBehind()).length === 0, 60_000);
        const argv = command("--probes");
        const child = spawn(argv[0]!, argv.slice(1), { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
        sandbox.undoProcess(child.pid!);
        let progress = "";
        child.stderr.on("data", (data) => (progress += data));
        await until("its guests run", () => progress.includes("fidelity"), 120_000);
        const checks = (await output(["pgrep", "-x", "croft-agent-che"])).split("\n").map(Number);
        const ours = checks.filter((pid) => parents(pid).includes(child.pid!));
        const first = ours.find((pid) => !ours.includes(parents(pid)[0]!))!;
        process.kill(first, "SIGKILL");
        await until("all is gone", async () => (await leftBehind()).length === 0, 120_000);
    });

    test("what it is not told, it says", async () => {
        const { code: status, stderr } = await run([agentProgram, "check"], { env, accept: [3] });
        assert.equal(status, 3);
        assert.match(stderr, /--image FILE/);
        const missing = await run([agentProgram, "check", "--image", "/nonexistent"], { env, accept: [3] });
        assert.match(missing.stderr, /opening \/nonexistent: No such file/);
    });
});

function parents(pid: number): number[] {
    const all: number[] = [];
    while (pid > 1 && existsSync(`/proc/${pid}/stat`)) {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        pid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        all.push(pid);
    }
    return all;
}
