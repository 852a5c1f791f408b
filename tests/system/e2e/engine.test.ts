// The same life of a vps on the second container engine, crun: what is ours must not depend on liblxc.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

describe("a vps on crun", () => {
    let world: World;
    let key: string;
    before(async () => {
        world = await World.create({ drivers: "real", agent: { config: { drivers: { container: "crun" } } } });
        key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
    });
    after(() => world?.close());

    const address = (vps: Vps, family = 4) => vps.addresses.find((one) => one.family === family)!.address;
    const answers = (target: string) => until(`${target} answers`, () => world.netns!.run("ping", "-c1", "-W1", target), 20_000);
    const ssh = (vps: Vps, command: string) =>
        run(
            world.netns!.command("ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${address(vps)}`, command),
            { timeoutMs: 60_000 },
        );
    const act = async (vps: Vps, verb: string) => {
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/${verb}`);
        assert.equal((await world.customer.api.settled(task.id)).status, "done");
    };

    test("the operator is told what it lacks", async () => {
        const node = await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`);
        assert.equal((node.features.drivers as { container: string }).container, "crun");
        assert.match(node.warnings.join("\n"), /crun: guests have no terminal/);
        assert.match(readFileSync(world.agent.log, "utf8"), /crun: guests have no terminal/);
    });

    test("create, reach, limits, usage, stop, start, delete", { timeout: 240_000 }, async () => {
        const vps = await world.createVps({ ssh_keys: [readFileSync(`${key}.pub`, "utf8").trim()] });
        assert.equal(vps.observed, "running");
        await answers(address(vps));
        await answers(address(vps, 6));
        await until("ssh works", () => ssh(vps, "true"), 30_000);
        assert.equal((await ssh(vps, "hostname")).stdout.trim(), vps.name);
        assert.match((await ssh(vps, "cat /proc/self/uid_map")).stdout, /^\s+0\s+\d{6,}\s+65536\s*$/);
        assert.match((await ssh(vps, "dd if=/dev/zero of=/fill bs=1M count=200 2>&1; echo status $?; rm -f /fill")).stdout, /status 1/);

        const path = `/v1/vps/${vps.id}/usage`;
        const usage = await until("usage arrives", async () => {
            const now = await world.customer.api.expect(200, "GET", path);
            return now.cpu_ns > 0 && now.net_rx_bytes > 0 && now.last?.memory_bytes > 0 && now.last.disk_bytes > 0 && now;
        }, 30_000);
        assert.equal(usage.gaps, 0);

        await act(vps, "stop");
        await agree(world);
        await act(vps, "start");
        await answers(address(vps));
        const more = await until("usage goes on", async () => {
            const now = await world.customer.api.expect(200, "GET", path);
            return now.last.boot !== usage.last.boot && now;
        }, 30_000);
        assert.ok(more.cpu_ns >= usage.cpu_ns, "usage went back");

        await world.deleteVps(vps.id);
        await agree(world);
        assert.deepEqual(world.agent.vpsFolders(), []);
    });
});
