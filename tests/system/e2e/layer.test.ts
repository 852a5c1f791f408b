// Guests whose disks lie above one image (pool.mode layer), on real parts: their life, deaths at the steps that mount, what is left
// on the host. Copies of such disks: copies.test.ts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { harnessFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";
import { parse, stringify } from "yaml";
import { copyFaultTests } from "./faults-copies.js";

const layer = { pool: { mode: "layer" } };

describe("a guest above an image that it shares", () => {
    let world: World;
    let key: string;
    let vps: Vps;
    before(async () => {
        world = await World.create({ drivers: "real", agent: { config: layer } });
        key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        vps = await make({ user_data: "#!/bin/sh\necho booted > /root/first\n" });
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const make = (change: object = {}) => world.createVps({ ssh_keys: [readFileSync(`${key}.pub`, "utf8").trim()], ...change });
    const ssh = (one: Vps, command: string) =>
        run(world.netns!.command("ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${one.addresses.find(({ family }) => family === 4)!.address}`, command), { timeoutMs: 60_000 });
    const says = async (one: Vps, command: string) => (await until("ssh works", () => ssh(one, command), 30_000)).stdout.trim();
    const order = async (path: string, body?: object) => {
        const answer = await api().raw("POST", path, { body, headers: { Prefer: "wait=55" } });
        assert.ok(answer.json.task, answer.text);
        const task = await api().settled(answer.json.task.id, 60_000);
        assert.equal(task.status, "done", `${answer.text}\n${world.agent.tail(20)}`);
        return answer.json;
    };
    const disk = (one: Vps) => `${world.agent.state}/pool/guests/${one.id}/rootfs`;
    const isLayered = (one: Vps) => existsSync(`${disk(one)}/upper`);
    // Of this agent, in the namespaces that are the host's.
    const mounts = () => [`/proc/${world.agent.pid("broker")}/mounts`, "/proc/self/mounts"].flatMap((file) => readFileSync(file, "utf8").split("\n").filter((line) => line.includes(`${world.agent.state}/pool/guests`)));
    const restart = async () => {
        await world.agent.start();
        await until("the node is back", async () => (await world.online()).online, 30_000);
    };
    const configure = async (mode: string) => {
        const settings = parse(readFileSync(world.agent.config, "utf8"));
        settings.pool.mode = mode;
        await world.agent.stop();
        writeFileSync(world.agent.config, stringify(settings));
        await restart();
    };

    test("it is like any other, and nothing of it is mounted on the host", { timeout: 120_000 }, async () => {
        assert.ok(isLayered(vps));
        assert.equal(await says(vps, "stat -c %u:%g / /root /sbin/init | sort -u"), "0:0");
        assert.equal(await until("its user data ran", () => says(vps, "cat /root/first"), 10_000), "booted");
        assert.match(await says(vps, "dd if=/dev/urandom of=/fill bs=1M count=200 2>&1; echo status $?; rm -f /fill"), /status 1/, "a write past the disk limit");
        await order(`/v1/vps/${vps.id}/password`, {});
        assert.match(await says(vps, "grep ^root: /etc/shadow; stat -c %u:%g /etc/shadow"), /^root:\$[\s\S]*\n0:0$/);
        await order(`/v1/vps/${vps.id}/hostname`, { hostname: "renamed" });
        assert.equal(await says(vps, "hostname; cat /etc/hostname"), "renamed\nrenamed");
        assert.deepEqual(mounts(), []);
        const other = await make();
        assert.equal(await says(other, "cat /root/first 2>/dev/null; cat /etc/hostname"), other.hostname);
        await world.deleteVps(other.id);
        await agree(world);
    });

    test("it reboots itself, with an agent or without, and is the same again", { timeout: 180_000 }, async () => {
        await says(vps, "echo kept >/root/word; rm -f /etc/motd; sync");
        for (const dead of [false, true]) {
            const boot = () => says(vps, "cut -d' ' -f22 /proc/1/stat");
            const before = await boot();
            if (dead) {
                await world.agent.stop("SIGKILL");
            }
            await ssh(vps, "(sleep 0.2; reboot -f) >/dev/null 2>&1 &");
            if (dead) {
                await until("it is down", () => ssh(vps, "true").then(() => false, () => true), 30_000, 50);
                await restart();
            }
            await until("it has booted again", async () => (await boot().catch(() => before)) !== before, 60_000);
            assert.equal(await says(vps, "cat /root/word; ls /etc/motd 2>/dev/null; stat -c %u:%g / /root/word | sort -u"), "kept\n0:0");
        }
        await agree(world);
    });

    test("its monitor is killed, then its node reboots: it is started again each time", { timeout: 180_000 }, async () => {
        const boot = () => says(vps, "cut -d' ' -f22 /proc/1/stat");
        const before = await boot();
        const monitors = execFileSync("sh", ["-c", `for p in $(find /sys/fs/cgroup -path '*lxc.monitor.${vps.id}/cgroup.procs' -exec cat {} + | sort -u); do grep -q -a '^.lxc monitor' /proc/$p/cmdline && echo $p; done`], { encoding: "utf8" });
        assert.match(monitors, /^\d+\n$/);
        process.kill(Number(monitors), "SIGKILL");
        await until("it runs again", async () => (await boot().catch(() => before)) !== before, 60_000);
        assert.deepEqual(mounts(), []);
        await world.agent.stop("SIGKILL");
        await run([`${harnessFolder}/undo-agent.sh`, world.agent.state]);
        writeFileSync(`${world.agent.state}/boot`, "00000000-0000-4000-8000-000000000002");
        await restart();
        assert.equal(await says(vps, "cat /root/word"), "kept");
        await agree(world);
    });

    test("published it is an image of its own, whole", { timeout: 180_000 }, async () => {
        await says(vps, "mkdir -p /srv/a && echo mine >/srv/a/f && mv /srv/a /srv/b && sync");
        const { image } = await order(`/v1/vps/${vps.id}/publish`, { name: "mine" });
        // The first disk above it is half made when its worker dies; then one that is mounted.
        writeFileSync(`${world.agent.state}/fault`, "worker layer.empty\nworker layer.mounted\n");
        const made = await make({ image_id: image.id });
        assert.equal(world.agent.faultPending(), false, "the steps were never reached");
        assert.equal(await says(made, "cat /srv/b/f; ls -d /srv/a /etc/motd 2>/dev/null; stat -c %u:%g /srv/b/f /bin/busybox | sort -u"), "mine\n0:0");
        await world.deleteVps(made.id);
    });

    test("what is configured holds for new disks; those of plans for containers are never layered", { timeout: 180_000 }, async () => {
        const nesting = await world.createPlan("nesting", { nesting: true });
        const docker = await make({ plan_id: nesting.id });
        assert.ok(!isLayered(docker));
        await configure("snapshot");
        const next = await make();
        assert.ok(!isLayered(next) && isLayered(vps));
        await order(`/v1/vps/${vps.id}/reboot`, { force: true });
        assert.equal(await says(vps, "cat /root/word"), "kept");
        await order(`/v1/vps/${vps.id}/reinstall`, { image_id: vps.image_id });
        assert.ok(isLayered(vps), "it stays what it was made as");
        await configure("layer");
        await order(`/v1/vps/${next.id}/reinstall`, { image_id: next.image_id });
        assert.ok(!isLayered(next));
        for (const one of [docker, next]) {
            await world.deleteVps(one.id);
        }
        await agree(world);
    });
});

copyFaultTests("a worker dies where disks above an image are made, mounted and exchanged", ["vps_restore", "vps_clone", "vps_reinstall", "vps_rescue", "vps_publish"], {
    agent: layer,
    who: ["worker"],
    steps: /\.(stage|guest|swap|start|scratch|volume|pack|drop)$/,
});
