// What dies or lies about on a node beside our own processes: remains without a record, a guest's monitor, lxcfs.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Schema } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { agree } from "../harness/match.js";
import { agentProgram } from "../harness/paths.js";
import { quote } from "../harness/sandbox.js";
import { World } from "../harness/world.js";

const CHECK_MS = 60_000;
const config = { check_s: 2 }; // the agent looks as often

const node = (world: World): Promise<Schema["Node"]> => world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`);
const alarms = async (world: World) => (await node(world)).alarms.map((one) => one.code);

describe("what lies about on a node", () => {
    let world: World;
    before(async () => {
        world = await World.create({ drivers: "real", agent: { config } });
    });
    after(() => world?.close());

    const drift = async (): Promise<Schema["Drift"][]> => (await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}/drift`)).items;
    const clean = (kind: string, name: string) => world.operator.expect(202, "POST", `/v1/admin/nodes/${world.node}/drift/clean`, { body: { kind, name } });

    test("a sweep finds disks, devices and control groups without a record; each goes when that is ordered", { timeout: 400_000 }, async () => {
        const kept = await world.createVps();
        const id = randomUUID();
        const guests = `${world.agent.state}/pool/guests`;
        const base = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find((one) => existsSync(`${one}/lxc.payload.${kept.id}`));
        assert.ok(base, "where the guest's control group is");
        const group = `${base}/lxc.payload.${id}`;
        world.sandbox.undo(`rmdir ${quote(group)} 2>/dev/null || true`);
        mkdirSync(group);
        mkdirSync(`${guests}/${id}`);
        execFileSync("btrfs", ["-q", "subvolume", "create", `${guests}/${id}/rootfs`]);
        await world.netns!.run("ip", "link", "add", "crv987", "type", "veth", "peer", "name", "peer987");

        const wanted = [`cgroup ${id}`, "device crv987", `volume ${id}`];
        await until("all of it is found", async () => {
            const found = (await drift()).map((one) => `${one.kind} ${one.name}`).sort();
            return wanted.every((one) => found.includes(one)) && found;
        }, CHECK_MS).then((found) => assert.deepEqual(found, wanted, "and nothing of a vps"));
        assert.ok(existsSync(`${guests}/${id}/rootfs`) && existsSync(group), "nothing is removed by itself");

        await world.cluster.sql("UPDATE node_drift SET first_seen_at = now() - interval '1 hour'");
        await until("it is an alarm", async () => (await alarms(world)).includes("drift"), 30_000);
        for (const one of await drift()) {
            await clean(one.kind, one.name);
        }
        await until("it is gone", async () => (await drift()).length === 0, CHECK_MS);
        assert.ok(!existsSync(`${guests}/${id}`) && !existsSync(group));
        await assert.rejects(world.netns!.run("ip", "link", "show", "crv987"));
        await until("the alarm is over", async () => !(await alarms(world)).includes("drift"), 30_000);
        assert.equal((await world.customer.api.vps(kept.id)).observed, "running");
        await world.deleteVps(kept.id);
        await agree(world);
    });

    test("a guest that goes down with its monitor is started again", { timeout: 180_000 }, async () => {
        const vps = await world.createVps();
        const group = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map((one) => `${one}/lxc.monitor.${vps.id}/cgroup.procs`).find(existsSync);
        for (const pid of readFileSync(group!, "utf8").trim().split("\n")) {
            process.kill(Number(pid), "SIGKILL");
        }
        await until("it answers again", () => world.netns!.run("ping", "-c1", "-W1", vps.addresses[0]!.address).then(() => true, () => false), 60_000);
        await until("and is seen to run", async () => (await world.customer.api.vps(vps.id)).observed === "running");
        await agree(world);
        await world.deleteVps(vps.id);
        await agree(world);
    });
});

// In a mount namespace of the agent's, so that it is no other's lxcfs.
describe("lxcfs", { skip: existsSync("/usr/bin/lxcfs") ? false : "lxcfs is not installed" }, () => {
    let world: World;
    let guests: Guests;
    let lxcfs: ChildProcess;

    before(async () => {
        world = await World.create({ agent: null, drivers: "real" });
        const program = world.sandbox.path("agent-apart");
        writeFileSync(program, `#!/bin/sh\nexec unshare --mount --propagation slave ${quote(agentProgram)} "$@"\n`);
        chmodSync(program, 0o755);
        await world.addAgent({ drivers: "real", agent: { program, config } });
        guests = await Guests.create(world);
        if (!existsSync("/var/lib/lxcfs")) {
            mkdirSync("/var/lib/lxcfs");
            world.sandbox.undo("rmdir /var/lib/lxcfs");
        }
    });
    after(() => world?.close());

    const inside = (...argv: string[]) => ["nsenter", `--mount=/proc/${world.agent.pid("broker")}/ns/mnt`, ...argv];

    function start(): void {
        const argv = inside("lxcfs", "--pidfile", world.sandbox.path("lxcfs.pid"), "-f", "/var/lib/lxcfs");
        lxcfs = spawn(argv[0]!, argv.slice(1), { stdio: "ignore" });
        world.sandbox.undoProcess(lxcfs.pid!);
    }
    const down = async () => (await alarms(world)).includes("lxcfs_down");
    const memory = async (vps: Schema["Vps"]) => Number((await guests.run(vps, "cat /proc/meminfo")).stdout.match(/MemTotal: +(\d+)/)![1]) * 1024;

    test("that dies is an alarm, harms no guest, and serves new ones when it is back", { timeout: 600_000 }, async () => {
        await until("that there is none is an alarm", down, CHECK_MS);
        start();
        await until("it is over when one runs", async () => !(await down()), CHECK_MS);
        const first = await guests.make();
        assert.equal(await memory(first), first.memory_bytes);

        lxcfs.kill("SIGKILL");
        await until("its death is an alarm", down, CHECK_MS);
        await world.netns!.run("ping", "-c1", "-W2", first.addresses[0]!.address);
        assert.equal((await world.customer.api.vps(first.id)).observed, "running");
        const blind = await world.createVps();
        assert.equal(blind.observed, "running", "without it guests start, too");

        await run(inside("umount", "--lazy", "/var/lib/lxcfs"));
        start();
        await until("it is back", async () => !(await down()), CHECK_MS);
        const second = await guests.make();
        assert.equal(await memory(second), second.memory_bytes);
        for (const vps of [first, blind, second]) {
            await world.deleteVps(vps.id);
        }
        lxcfs.kill("SIGTERM");
    });
});
