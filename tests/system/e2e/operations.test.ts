// What is ordered of a vps that exists, on real parts.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Task, Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { MiB, World } from "../harness/world.js";

describe("operations on a vps that runs", () => {
    let world: World;
    let vps: Vps;
    let keys: string[];
    before(async () => {
        world = await World.create({ drivers: "real" });
        keys = await Promise.all(["one", "two"].map(async (name) => {
            await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", world.sandbox.path(name)]);
            return readFileSync(`${world.sandbox.path(name)}.pub`, "utf8").trim();
        }));
        vps = await world.createVps({ ssh_keys: [keys[0]], user_data: "#!/bin/sh\necho booted > /root/first\n" });
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const address = (family = 4) => vps.addresses.find((one) => one.family === family)!.address;
    const ping = (target: string) => until(`${target} answers`, () => world.netns!.run("ping", "-c1", "-W1", target), 10_000);
    // A frozen guest's kernel still answers a ping; its programs answer nothing.
    const served = () => world.netns!.run("curl", "-fsS", "--max-time", "1", `http://${address()}/`);
    const silent = (target: string) => assert.rejects(world.netns!.run("ping", "-c1", "-W1", target));

    const ssh = (command: string, key = "one", accept: number[] = []) => {
        const argv = ["ssh", "-n", "-i", world.sandbox.path(key), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${address()}`, command];
        return run(world.netns!.command(...argv), { accept, timeoutMs: 60_000 });
    };
    const sshReady = () => until("ssh works", () => ssh("true"), 20_000);
    const inside = async (command: string) => (await ssh(command)).stdout.trim();

    // Orders and waits; the vps as it then is.
    const order = async (verb: string, body?: object, expected: Task["status"] = "done"): Promise<Task> => {
        const answer = await api().post(`/v1/vps/${vps.id}/${verb}`, body);
        assert.equal(answer.status, 202, answer.text);
        const task = await api().settled(answer.json.task.id, 60_000);
        assert.equal(task.status, expected, `${verb}: ${JSON.stringify(task.error)}\n${world.agent.tail(20)}`);
        vps = await api().vps(vps.id);
        return task;
    };

    const cgroup = (file: string) => run(["sh", "-c", `cat $(find /sys/fs/cgroup -path '*lxc.payload.${vps.id}/${file}' | head -1)`]).then(({ stdout }) => stdout.trim());
    const isV2 = readFileSync("/proc/mounts", "utf8").includes(" /sys/fs/cgroup cgroup2 ");
    const rootfs = () => `${world.agent.state}/pool/guests/${vps.id}/rootfs`;
    const boot = () => inside("cat /proc/1/stat | cut -d' ' -f22");

    test("user data ran at the first boot, once", async () => {
        await sshReady();
        assert.equal(await until("it ran", () => inside("cat /root/first"), 10_000), "booted");
        await ssh("rm /root/first");
        await order("reboot", { force: true });
        await sshReady();
        await assert.rejects(ssh("cat /root/first"));
    });

    test("reboot: down once and up again", async () => {
        const before = await boot();
        const task = await order("reboot", { timeout_s: 20 });
        assert.equal(task.kind, "vps_reboot");
        await sshReady();
        assert.notEqual(await boot(), before);
        await agree(world);
    });

    test("it reboots itself, with an agent or without, and is the same again; it switches itself off and stays so", { timeout: 180_000 }, async () => {
        const say = (what: string) => ssh(`(sleep 0.2; ${what} -f) >/dev/null 2>&1 &`);
        const again = async () => {
            await world.agent.start();
            await until("the node is back", async () => (await world.online()).online, 30_000);
        };
        for (const dead of [false, true]) {
            const before = await boot();
            if (dead) {
                await world.agent.stop("SIGKILL");
            }
            await say("reboot");
            await until("it is down", () => silent(address()).then(() => true, () => false), 30_000, 50);
            if (dead) {
                await again();
            }
            await until("it has booted again", async () => (await boot().catch(() => before)) !== before, 60_000);
            assert.equal(await inside("stat -c %u:%g / /root /sbin/init | sort -u"), "0:0");
            assert.equal((await api().vps(vps.id)).desired, "running");
            await agree(world);
        }
        await say("poweroff");
        await until("it is off", async () => (await api().vps(vps.id)).observed === "stopped", 30_000);
        await world.agent.stop("SIGKILL");
        await again();
        await silent(address());
        await order("start");
        await sshReady();
    });

    test("stop by force, start", async () => {
        await order("stop", { force: true });
        assert.equal(vps.observed, "stopped");
        await silent(address());
        await order("start");
        await sshReady();
    });

    test("frozen it stands still, also when the agent restarts; thawed it goes on", async () => {
        await order("freeze");
        assert.equal(vps.frozen, true);
        await assert.rejects(served());
        await world.agent.stop("SIGKILL");
        await world.agent.start();
        await until("the node is back", async () => (await world.online()).online, 30_000);
        await assert.rejects(served());
        assert.match(await cgroup(isV2 ? "cgroup.freeze" : "freezer.state"), /1|FROZEN/);
        await order("thaw");
        await until("it serves", served, 5_000);
        await order("freeze");
        await order("stop", { timeout_s: 5 });
        assert.deepEqual([vps.observed, vps.frozen], ["stopped", false]);
        await order("start");
        await sshReady();
    });

    test("another plan while it runs: processors, memory, disk, rates", async () => {
        const start = await boot();
        const big = await world.createPlan("big", { vcpus: 2, memory_bytes: 128 * MiB, disk_bytes: 128 * MiB, pids: 256, net_rate_bps: 8_000_000, io_bps: 50 * MiB, iops: 1000 });
        await order("resize", { plan_id: big.id });
        assert.deepEqual([vps.plan_id, vps.vcpus, vps.memory_bytes], [big.id, 2, 128 * MiB]);
        assert.equal(await cgroup(isV2 ? "memory.max" : "memory.limit_in_bytes"), String(128 * MiB));
        assert.match(await cgroup(isV2 ? "cpu.max" : "cpu.cfs_quota_us"), /^200000/);
        assert.equal(await cgroup("pids.max"), "256");
        assert.match(await cgroup(isV2 ? "io.max" : "blkio.throttle.read_bps_device"), /52428800/);
        assert.equal(await inside("nproc"), "2");
        assert.equal(await boot(), start, "it was restarted");
        await ssh("dd if=/dev/zero of=/fill bs=1M count=80 2>/dev/null; sync");
        assert.match(await world.netns!.output("nft", "list", "table", "inet", "croft"), /rate over 1000000 bytes\/second/);
        const from = Date.now();
        await ssh("head -c 5000000 /fill"); // the kernel lets the burst and a second's worth through at once
        assert.ok(Date.now() - from > 2_500, "5 MB in no time at 8 Mbit/s");

        const failed = await order("resize", { plan_id: world.plan.id }, "failed");
        assert.match(failed.error!.detail, /disk are used/);
        assert.equal(failed.error!.code, "conflict");
        await agree(world);
        vps = await api().vps(vps.id);
        assert.deepEqual([vps.plan_id, vps.disk_bytes], [big.id, 128 * MiB], "all is as before");
        await ssh("rm /fill; sync");
        await order("resize", { plan_id: world.plan.id });
        assert.deepEqual([vps.plan_id, vps.disk_bytes], [world.plan.id, 64 * MiB]);
        assert.equal(await inside("nproc"), "1");
        assert.doesNotMatch(await world.netns!.output("nft", "list", "table", "inet", "croft"), /rate over \d+ bytes/);
        await agree(world);
    });

    test("host name, keys and password in the running guest", async () => {
        await order("hostname", { hostname: "renamed" });
        assert.equal(await inside("hostname; cat /etc/hostname; grep -c renamed /etc/hosts"), "renamed\nrenamed\n1");
        await ssh("echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOwn own' >> /root/.ssh/authorized_keys");
        await order("ssh-keys", { add: [keys[1]] });
        assert.equal((await ssh("echo in", "two")).stdout.trim(), "in");
        await order("ssh-keys", { remove: [keys[1]] });
        assert.notEqual((await ssh("true", "two", [255])).code, 0);
        assert.match(await inside("cat /root/.ssh/authorized_keys"), /IOwn own/, "the guest's own key is gone");

        const answer = await api().post(`/v1/vps/${vps.id}/password`);
        assert.equal(answer.status, 202, answer.text);
        assert.match(answer.json.password, /^[\w-]{24}$/);
        assert.equal((await api().settled(answer.json.task.id)).status, "done");
        const hash = (await inside("grep ^root: /etc/shadow")).split(":")[1]!;
        const salt = hash.slice(0, hash.lastIndexOf("$"));
        const { stdout } = await run(["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", "--", answer.json.password, salt]);
        assert.equal(stdout, hash);
        const kept = await world.cluster.sql("SELECT count(*) FROM tasks WHERE args::text LIKE '%$6$%'");
        assert.equal(kept, "0");
        for (const log of [world.server.tail(2000), world.agent.tail(2000)]) {
            assert.ok(!log.includes(answer.json.password) && !log.includes(hash), "it is in a log");
        }
        const own = await api().post(`/v1/vps/${vps.id}/password`, { password: "my own secret" });
        assert.equal(own.json.password, null);
        assert.equal((await api().settled(own.json.task.id)).status, "done");
    });

    test("addresses come and go while it runs", async () => {
        for (const family of [4, 6] as const) {
            await order("addresses", { family });
            const added = vps.addresses.filter((one) => one.family === family)[1]!.address;
            await ping(added);
            const { task } = await api().expect(202, "DELETE", `/v1/vps/${vps.id}/addresses?address=${added}`);
            assert.equal((await api().settled(task.id)).status, "done");
            await silent(added);
            vps = await api().vps(vps.id);
            assert.equal(vps.addresses.length, 2);
        }
        await ping(address());
        await agree(world);
    });

    test("deleted with a hold it is off, and comes back", async () => {
        const { task } = await api().expect(202, "DELETE", `/v1/vps/${vps.id}?hold=600`);
        assert.equal((await api().settled(task.id)).status, "done");
        vps = await api().vps(vps.id);
        assert.equal(vps.observed, "stopped");
        assert.ok(Date.parse(vps.delete_after!) > Date.now());
        assert.equal((await api().post(`/v1/vps/${vps.id}/start`)).json.code, "conflict");
        await order("undelete");
        assert.deepEqual([vps.desired, vps.observed, vps.delete_after], ["running", "running", null]);
        await sshReady();
    });

    test("a guest that lays traps: nothing outside is written or waited for", { timeout: 120_000 }, async () => {
        const marker = world.sandbox.path("outside");
        writeFileSync(marker, "untouched");
        const traps = [
            `rm -rf /root/.ssh; ln -s ${marker} /root/.ssh`,
            "rm -rf /root/.ssh; mkfifo /root/.ssh",
            "rm -rf /root/.ssh; mkdir /root/.ssh; mkfifo /root/.ssh/authorized_keys",
            `rm -rf /root/.ssh; mkdir /root/.ssh; ln -s ${marker} /root/.ssh/authorized_keys`,
            "rm -rf /root/.ssh; ln -s .ssh /root/.ssh",
        ];
        let n = 0;
        for (const trap of traps) {
            await run(["sh", "-c", trap.replaceAll("/root/", `${rootfs()}/root/`)]);
            const answer = await api().post(`/v1/vps/${vps.id}/ssh-keys`, { [n++ % 2 ? "remove" : "add"]: [keys[1]] });
            const task = await api().settled(answer.json.task.id, 20_000);
            assert.ok(task.status === "done" || ["image_invalid", "not_found"].includes(task.error!.code), JSON.stringify(task));
            await until("nothing is open", async () => (await world.cluster.sql("SELECT count(*) FROM tasks WHERE ended_at IS NULL")) === "0", 40_000);
        }
        await run(["sh", "-c", `rm -f ${rootfs()}/etc/shadow; mkfifo ${rootfs()}/etc/shadow`]);
        const answer = await api().post(`/v1/vps/${vps.id}/password`, { password: "once more" });
        assert.equal((await api().settled(answer.json.task.id, 20_000)).status, "done");
        assert.match(readFileSync(`${rootfs()}/etc/shadow`, "utf8"), /^root:\$6\$/);
        assert.equal(readFileSync(marker, "utf8"), "untouched");
    });

    test("what the plan switches on, and nothing else", { timeout: 120_000 }, async () => {
        const look = "for d in /dev/net/tun /dev/fuse /dev/.lxc/proc; do [ -e $d ] && echo $d; done; true";
        await run(["sh", "-c", `rm -rf ${rootfs()}/root/.ssh`]);
        await order("ssh-keys", { add: [keys[0]], remove: [keys[1]] }).catch(() => undefined);
        const plain = await world.createVps({ ssh_keys: [keys[0]] });
        const all = await world.createPlan("all", { tun: true, fuse: true, nesting: true });
        const more = await world.createVps({ ssh_keys: [keys[0]], plan_id: all.id });
        for (const [one, expected] of [[plain, ""], [more, "/dev/net/tun\n/dev/fuse\n/dev/.lxc/proc"]] as const) {
            vps = one;
            await sshReady();
            assert.equal(await inside(look), expected);
        }
        assert.equal(await inside("exec 3<>/dev/net/tun && exec 4<>/dev/fuse && echo open"), "open");
        for (const one of [plain, more]) {
            await world.deleteVps(one.id);
        }
        await agree(world);
    });

    test("with its tenant suspended it is slow or kept off, and comes back as it was", { timeout: 120_000 }, async () => {
        vps = await world.createVps({ ssh_keys: [keys[0]] });
        const tenant = async (verb: string, body?: object) => {
            assert.equal((await world.operator.post(`/v1/admin/tenants/${world.customer.id}/${verb}`, body)).status, 200);
            await until("its node has done it", async () => {
                vps = await api().vps(vps.id);
                return vps.observed_generation === vps.generation && vps.task_id === null;
            }, 60_000);
        };
        await tenant("suspend", { reason: "too much mail", policy: "throttle" });
        assert.match(await cgroup(isV2 ? "cpu.max" : "cpu.cfs_quota_us"), /^10000\b/);
        assert.match(await world.netns!.output("nft", "list", "table", "inet", "croft"), /rate over 12500000 bytes\/second/);
        await tenant("resume");
        assert.match(await cgroup(isV2 ? "cpu.max" : "cpu.cfs_quota_us"), /^100000\b/);
        await tenant("suspend", { reason: "unpaid" });
        assert.deepEqual([vps.desired, vps.observed], ["running", "stopped"]);
        await tenant("resume");
        assert.equal(vps.observed, "running");
        await sshReady();
        await world.deleteVps(vps.id);
        await agree(world);
    });
});
