// A vps on real parts: LXC, btrfs, nftables, cgroups.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, sleep, until } from "../harness/command.js";
import { agree, differences } from "../harness/match.js";
import { harnessFolder } from "../harness/paths.js";
import { MiB, World, unlimited } from "../harness/world.js";

describe("a vps on real parts", () => {
    let world: World;
    let key: string;
    let publicKey: string;
    before(async () => {
        world = await World.create({ drivers: "real" });
        key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        publicKey = readFileSync(`${key}.pub`, "utf8").trim();
    });
    after(() => world?.close());

    const address = (vps: Vps, family = 4) => vps.addresses.find((one) => one.family === family)!.address;

    const ping = (target: string, timeoutMs = 10_000) =>
        until(`${target} answers`, () => world.netns!.run("ping", "-c1", "-W1", target), timeoutMs).catch((error: Error) => {
            throw new Error(`${error.message}\n${world.agent.tail(60)}`);
        });

    const ssh = (vps: Vps, command: string, accept: number[] = []) => {
        const argv = ["ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${address(vps)}`, command];
        return run(world.netns!.command(...argv), { accept, timeoutMs: 60_000 });
    };

    const sshReady = (vps: Vps) => until("ssh works", () => ssh(vps, "true"), 20_000);

    test("create to reachable, limits seen inside, usage, stop, start, delete", { timeout: 180_000 }, async () => {
        const vps = await world.createVps({ ssh_keys: [publicKey] });
        assert.equal(vps.observed, "running");
        await ping(address(vps));
        await ping(address(vps, 6));
        const page = await until("its web server answers", () => world.netns!.run("curl", "-fsS", "--max-time", "2", `http://${address(vps)}/`), 10_000);
        assert.equal(page.stdout.trim(), "croft");
        await sshReady(vps);
        assert.equal((await ssh(vps, "hostname")).stdout.trim(), vps.name);

        const full = await ssh(vps, "dd if=/dev/zero of=/fill bs=1M count=200 2>&1; echo status $?");
        assert.match(full.stdout, /status 1/, "a write past the disk limit");
        await ssh(vps, "rm -f /fill");
        // All of it in one system call: a program that runs on while it grows may read its own pages again and again instead.
        const big = await ssh(vps, "dd if=/dev/zero of=/dev/null bs=200M count=1; echo status $?", [1, 137, 255]);
        assert.doesNotMatch(big.stdout, /status 0/, "more memory than the plan has");
        await sshReady(vps);

        const path = `/v1/vps/${vps.id}/usage`;
        const usage = await until("usage arrives", async () => {
            const now = await world.customer.api.expect(200, "GET", path);
            return now.cpu_ns > 0 && now.net_rx_bytes > 0 && now.last?.memory_bytes > 0 && now.last.disk_bytes > 0 && now;
        }, 30_000);
        assert.equal(usage.gaps, 0);

        const act = async (verb: string) => {
            const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/${verb}`);
            assert.equal((await world.customer.api.settled(task.id)).status, "done");
        };
        await act("stop");
        await agree(world);
        await assert.rejects(world.netns!.run("ping", "-c1", "-W1", address(vps)));
        await act("start");
        await ping(address(vps));
        const more = await until("usage goes on", async () => {
            const now = await world.customer.api.expect(200, "GET", path);
            return now.last.boot !== usage.last.boot && now;
        }, 30_000);
        assert.ok(more.cpu_ns >= usage.cpu_ns, "usage went back");
        assert.equal(more.gaps, 0);
        await world.deleteVps(vps.id);
        await agree(world);
        assert.deepEqual(world.agent.vpsFolders(), []);
    });

    // Echo requests by the guest's own kernel, so that a lost answer does not matter. dir: "In" or "Out".
    async function echoes(vps: Vps, dir: "In" | "Out", family: number): Promise<number> {
        const { stdout } = await ssh(vps, family === 4 ? "cat /proc/net/snmp" : "cat /proc/net/snmp6");
        if (family === 6) {
            return Number(stdout.match(new RegExp(`^Icmp6${dir}Echos\\s+(\\d+)`, "m"))![1]);
        }
        const [names, values] = stdout.split("\n").filter((line) => line.startsWith("Icmp:")).map((line) => line.split(" "));
        return Number(values![names!.indexOf(`${dir}Echos`)]);
    }

    // How many of two pings with this source left the one guest and reached the other.
    async function pings(from: Vps, to: Vps, family: number, source: string): Promise<{ sent: number; arrived: number }> {
        const count = () => Promise.all([echoes(from, "Out", family), echoes(to, "In", family)]);
        const before = await count();
        await ssh(from, `ping -${family} -c 2 -W 1 -I ${source} ${address(to, family)}`, [1]);
        const after = await count();
        return { sent: after[0] - before[0], arrived: after[1] - before[1] };
    }

    test("one tenant's guest cannot speak with another's address", { timeout: 120_000 }, async () => {
        const other = await world.createCustomer(unlimited);
        const mine = await world.createVps({ ssh_keys: [publicKey] });
        const third = await world.createVps();
        const theirs = await world.createVps({ ssh_keys: [publicKey] }, other.api);
        await sshReady(mine);
        await sshReady(theirs);
        const forged = { 4: [address(third), "10.83.3.200", "192.0.2.77"], 6: [address(third, 6), "fd83:1::dead", "2001:db8::77"] };
        for (const family of [4, 6] as const) {
            const honest = () => pings(mine, theirs, family, address(mine, family));
            assert.deepEqual(await honest(), { sent: 2, arrived: 2 }, `its own IPv${family} address`);
            for (const source of forged[family]) {
                await ssh(mine, `ip -${family} addr add ${source}/${family === 4 ? 32 : 128} dev lo`);
                assert.deepEqual(await pings(mine, theirs, family, source), { sent: 2, arrived: 0 }, `forged ${source}`);
            }
            assert.deepEqual(await honest(), { sent: 2, arrived: 2 }, "its own address again");
        }
        await world.deleteVps(mine.id);
        await world.deleteVps(third.id);
        await world.deleteVps(theirs.id, other.api);
        await agree(world);
    });

    test("guests outlive the agent", { timeout: 120_000 }, async () => {
        const vps = await world.createVps();
        // by its cgroup, and the one that is process 1 inside
        const init = () => run(["sh", "-c", `for pid in $(find /sys/fs/cgroup -path '*lxc.payload*${vps.id}*' -name cgroup.procs -exec cat {} + | sort -u); do
            grep -qsE '^NSpid:.*[[:space:]]1$' /proc/$pid/status && echo $pid; done; true`]);
        const before = (await init()).stdout;
        assert.match(before, /^\d+\n$/, "the guest's init is not found");
        await world.agent.stop("SIGKILL");
        await ping(address(vps));
        await world.agent.start();
        await ping(address(vps));
        assert.equal((await init()).stdout, before, "it was restarted");
        await world.agent.stop();
        await ping(address(vps));
        await world.agent.start();
        await world.deleteVps(vps.id);
        await agree(world);
    });

    // What arrived at a guest: 1028 bytes of IP for each of these pings, on both sides of the reboot.
    const hear = (vps: Vps, count: number) => world.netns!.run("ping", `-c${count}`, "-i0.02", "-W1", "-s1000", address(vps));

    test("after a reboot of the node those run again that should, without the server, and the usage of both boots is counted once", { timeout: 240_000 }, async () => {
        const on = await world.createVps();
        const off = await world.createVps({ start: false });
        const usage = () => world.customer.api.expect(200, "GET", `/v1/vps/${on.id}/usage`);
        await ping(address(on));
        const before = await until("usage arrives", async () => {
            const now = await usage();
            return now.last && now.net_rx_bytes > 0 && now;
        }, 60_000);
        await world.server.stop();
        await hear(on, 200);
        await sleep(5000); // several samples; what is between the last of them and the reboot went with the kernel's counters
        await world.agent.stop("SIGKILL");
        await run([`${harnessFolder}/undo-agent.sh`, world.agent.state]); // guests, mounts and loop device, as a reboot does
        writeFileSync(`${world.agent.state}/boot`, "00000000-0000-4000-8000-000000000001");
        await world.agent.start();
        await ping(address(on), 30_000);
        await assert.rejects(world.netns!.run("ping", "-c1", "-W1", address(off)));
        await hear(on, 200);
        await world.server.start();
        await until("the server sees it", async () => (await world.customer.api.vps(on.id)).observed === "running", 30_000);
        const sent = 400 * 1028;
        const after = await until("usage of both boots", async () => {
            const now = await usage();
            return now.last?.boot !== before.last!.boot && now.net_rx_bytes >= before.net_rx_bytes + sent && now;
        }, 60_000);
        assert.ok(after.net_rx_bytes < before.net_rx_bytes + 1.25 * sent, `${after.net_rx_bytes - before.net_rx_bytes} of ${sent} bytes`);
        assert.equal(after.gaps, 0);
        await agree(world);
        await world.deleteVps(on.id);
        await world.deleteVps(off.id);
        await agree(world);
    });

    test("an image that does not verify: a clear error, everything taken back", { timeout: 120_000 }, async () => {
        const file = world.sandbox.path("bad.tar.zst");
        await run(["sh", "-c", `echo bad > ${world.sandbox.path("bad")} && tar -C ${world.sandbox.dir} -cf - bad | zstd -q -o ${file}`]);
        const printed = JSON.parse(await world.server.subcommand("image", "add", file, "--name", "bad", "--os", "bad"));
        const register = (name: string, change: object) => world.operator.expect(201, "POST", "/v1/admin/images", { body: { ...printed, name, ...change } });
        const forged = await register("forged", { signature: "00".repeat(64) }).catch((error: Error) => error);
        // The server may refuse it already; if it does not, the agent must.
        if (!(forged instanceof Error)) {
            await failsWith(world, forged.id, /image/);
        }
        const rootless = forged instanceof Error ? await register("rootless", {}) : forged;
        writeFileSync(world.sandbox.path("server", "images", printed.sha256), "not what it was");
        await failsWith(world, rootless.id, /image|node_unreachable|unavailable|protocol/);
    });

    async function failsWith(where: World, image: string, code: RegExp): Promise<void> {
        const answer = await where.customer.api.post("/v1/vps", where.order({ image_id: image }));
        if (answer.status !== 202) {
            assert.match(answer.json.code, code);
            return;
        }
        const task = await where.customer.api.settled(answer.json.task.id, 90_000);
        assert.equal(task.status, "failed");
        assert.match(task.error!.code, code);
        await where.customer.api.raw("DELETE", `/v1/vps/${answer.json.vps.id}`);
        await agree(where);
    }

    // The agent, when it is back, takes away by itself what is nobody's in its table.
    test("what lies about of a guest that is not there is seen by the comparison, and taken away by the agent", { timeout: 240_000 }, async () => {
        await agree(world);
        await world.agent.stop();
        const nft = (...args: string[]) => world.netns!.run("nft", ...args);
        const things: [string[], string[]][] = [
            [["add", "chain", "inet", "croft", "in64001"], ["delete", "chain", "inet", "croft", "in64001"]],
            [["add", "limit", "inet", "croft", "up64001", "{ rate 1 mbytes/second ; }"], ["delete", "limit", "inet", "croft", "up64001"]],
            [["add", "element", "inet", "croft", "guest_in", "{ \"crv64001\" : accept }"], ["delete", "element", "inet", "croft", "guest_in", "{ \"crv64001\" }"]],
        ];
        for (const [make, take] of things) {
            await nft(...make);
            assert.deepEqual(await differences(world), ["nftables of a slot without a row: 64001"], make.join(" "));
            await nft(...take);
        }
        for (const element of ["private4 { 198.51.100.77 }", "member6 { fd63::77 }", "forwards { tcp . 20077 : 198.51.100.77 . 22 }"]) {
            const words = ["element", "inet", "croft", ...element.split(" ")];
            await nft("add", ...words);
            const address = element.match(/(198[.0-9]+|fd63::77)/)![1];
            assert.deepEqual(await differences(world), [`nftables of an address without a row: ${address}`], element);
            await nft("delete", ...words);
        }
        for (const [make] of things) {
            await nft(...make);
        }
        await nft("add", "element", "inet", "croft", "private4", "{ 198.51.100.77 }");
        await assert.rejects(agree(world, 1000), /nftables of a slot without a row: 64001\n.*198\.51\.100\.77/s);
        await world.agent.start();
        await agree(world);
    });

    test("fifty at once", { timeout: 240_000 }, async () => {
        const answers = await Promise.all(Array.from({ length: 50 }, () => world.customer.api.post("/v1/vps", world.order())));
        for (const answer of answers) {
            assert.equal(answer.status, 202, answer.text);
            const task = await world.customer.api.settled(answer.json.task.id, 120_000);
            assert.equal(task.status, "done", JSON.stringify(task.error));
        }
        await agree(world);
        await Promise.all(answers.map((answer) => world.deleteVps(answer.json.vps.id)));
        await agree(world);
        const ids = answers.map((answer) => answer.json.vps.id);
        assert.deepEqual(world.agent.vpsFolders().filter((id) => ids.includes(id)), []);
    });
});

describe("a node whose pool is full", () => {
    test("a create fails with disk_full and is taken back; space back, it works", { timeout: 240_000 }, async () => {
        const world = await World.create({ drivers: "real", agent: { config: { pool: { size_bytes: 256 * MiB } } } });
        try {
            await world.deleteVps((await world.createVps()).id);
            const fill = `${world.agent.state}/pool/fill`;
            await run(["sh", "-c", `dd if=/dev/zero of=${fill} bs=1M 2>/dev/null; i=0; while head -c 4000 /dev/zero > ${fill}.$i && [ $i -lt 2000 ]; do i=$((i+1)); done; sync -f ${world.agent.state}/pool; true`]);
            const order = await world.customer.api.post("/v1/vps", world.order());
            if (order.status === 202) {
                const settled = await world.customer.api.settled(order.json.task.id);
                assert.match(settled.error?.code ?? "disk_full", /disk_full/);
            } else {
                assert.equal(order.json.code, "no_capacity", "the node had told of its pool before");
            }
            await run(["sh", "-c", `rm -f ${fill}*; sync -f ${world.agent.state}/pool`]);
            await until("nothing is open", async () => (await world.cluster.sql("SELECT count(*) FROM tasks WHERE ended_at IS NULL")) === "0");
            const left = await world.customer.api.expect(200, "GET", "/v1/vps");
            for (const vps of left.items.filter((one: { desired: string }) => one.desired !== "deleted")) {
                await world.deleteVps(vps.id);
            }
            await agree(world);
            await until("the alarm of the pool is over", async () => {
                const { alarms } = await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`);
                return !alarms.some((one: { code: string }) => one.code.startsWith("pool_"));
            });
            await world.deleteVps((await world.createVps()).id);
            await agree(world);
        } finally {
            await world.close();
        }
    });
});
