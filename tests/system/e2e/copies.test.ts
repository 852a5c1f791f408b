// Snapshots, restore, reinstall, rescue and clone on real parts, of disks of both modes. A death at each step of each: faults-copies.ts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

type Row = { id: string; image_id: string; addresses: { address: string; family: number }[] };

for (const mode of ["snapshot", "layer"]) describe(`copies on real parts, pool.mode ${mode}`, () => {
    let world: World;
    let key: string;
    let vps: Row;
    const wait = { Prefer: "wait=55" };
    const api = () => world.customer.api;
    const address = (one: Row) => one.addresses.find(({ family }) => family === 4)!.address;
    const ssh = (one: Row, command: string, accept: number[] = []) =>
        run(world.netns!.command("ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${address(one)}`, command), { accept, timeoutMs: 60_000 });
    const says = async (one: Row, command: string) => (await until("ssh works", () => ssh(one, command), 30_000)).stdout.trim();
    const order = async (path: string, body?: object) => {
        const answer = await api().raw("POST", path, { body, headers: wait });
        assert.equal(answer.json.task?.status, "done", answer.text);
        return answer.json;
    };
    const limited = async (one: Row) => {
        assert.match((await ssh(one, "dd if=/dev/urandom of=/fill bs=1M count=200 2>&1; echo status $?; rm -f /fill")).stdout, /status 1/, "a write past the disk limit");
    };

    const seeds = ["seedrng/seed.credit", "systemd/random-seed", "urandom/random-seed"].map((name) => `/var/lib/${name}`);
    // What a machine is known by, and what its random numbers begin with.
    const identity = async (one: Row) => {
        const machine = await says(one, "cat /etc/machine-id");
        const { stdout } = await run(world.netns!.command("ssh-keyscan", "-t", "ed25519", address(one)));
        const host = stdout.split("\n").find((line) => line.includes(" ssh-ed25519 "))!.split(" ")[2]!;
        const left = await says(one, `ls ${seeds.join(" ")} 2>/dev/null; true`);
        return { machine, host, left };
    };

    before(async () => {
        world = await World.create({ drivers: "real", agent: { config: { pool: { mode } } } });
        key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        vps = await world.createVps({ ssh_keys: [readFileSync(`${key}.pub`, "utf8").trim()] });
    });
    after(() => world?.close());

    test("what was written before the snapshot is there after the restore, and limits hold", { timeout: 180_000 }, async () => {
        await says(vps, "echo then >/root/word");
        const { snapshot } = await order(`/v1/vps/${vps.id}/snapshots`);
        assert.equal(snapshot.state, "ready");
        assert.equal(await says(vps, "cat /root/word; echo now >/root/word"), "then");
        await order(`/v1/snapshots/${snapshot.id}/restore`);
        assert.equal(await says(vps, "cat /root/word"), "then");
        await limited(vps);
        const machine = await says(vps, "cat /etc/machine-id");
        const { vps: clone } = await order(`/v1/vps/${vps.id}/clone`, { name: "clone", snapshot_id: snapshot.id });
        assert.equal(await says(clone, "cat /root/word"), "then");
        assert.notEqual(await says(clone, "cat /etc/machine-id"), machine);
        await limited(clone);
        await world.deleteVps(clone.id);
        await agree(world);
    });

    test("no two machines share a machine-id, a host key or a random seed", { timeout: 180_000 }, async () => {
        await says(vps, seeds.map((path) => `mkdir -p $(dirname ${path}); echo seed > ${path}`).join("; "));
        const original = await identity(vps);
        assert.equal(original.left, seeds.join("\n"));
        const { snapshot } = await order(`/v1/vps/${vps.id}/snapshots`);
        const { vps: clone } = await order(`/v1/vps/${vps.id}/clone`, { name: "twin", snapshot_id: snapshot.id });
        const cloned = await identity(clone);
        await world.deleteVps(clone.id);
        await order(`/v1/snapshots/${snapshot.id}/restore`);
        const restored = await identity(vps);
        await order(`/v1/vps/${vps.id}/reinstall`, { image_id: vps.image_id });
        const reinstalled = await identity(vps);
        assert.equal(new Set([original, cloned, reinstalled].map(({ machine }) => machine)).size, 3);
        assert.equal(new Set([original, cloned, reinstalled].map(({ host }) => host)).size, 3);
        assert.deepEqual([restored.machine, restored.host], [original.machine, original.host], "it is the same machine");
        assert.deepEqual([cloned, restored, reinstalled].map(({ left }) => left), ["", "", ""]);
    });

    test("a key that was revoked does not come back with an old disk", { timeout: 120_000 }, async () => {
        const { snapshot } = await order(`/v1/vps/${vps.id}/snapshots`);
        const other = world.sandbox.path("other");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "other", "-f", other]);
        const keys = [key, other].map((file) => readFileSync(`${file}.pub`, "utf8").trim());
        await order(`/v1/vps/${vps.id}/ssh-keys`, { add: [keys[1]], remove: [keys[0]] });
        await order(`/v1/snapshots/${snapshot.id}/restore`);
        const revoked = key;
        key = other;
        assert.match(await says(vps, "cat /root/.ssh/authorized_keys"), / other$/m);
        key = revoked;
        await assert.rejects(ssh(vps, "true"));
        key = other;
    });

    test("rescue: the own disk at /mnt, and back; reinstall: a new disk", { timeout: 180_000 }, async () => {
        await says(vps, "echo mine >/root/word; sync");
        await order(`/v1/vps/${vps.id}/rescue`);
        assert.equal(await says(vps, "cat /mnt/root/word"), "mine");
        const rescue = await identity(vps);
        await order(`/v1/vps/${vps.id}/unrescue`);
        const own = await identity(vps);
        assert.notEqual(rescue.machine, own.machine);
        assert.notEqual(rescue.host, own.host);
        assert.equal(await says(vps, "cat /root/word"), "mine");
        const { vps: fresh } = await order(`/v1/vps/${vps.id}/reinstall`, { image_id: vps.image_id });
        assert.deepEqual(fresh.addresses, vps.addresses);
        assert.equal(await says(vps, "cat /root/word 2>/dev/null || echo none"), "none");
        await limited(vps);
        await agree(world);
    });
});
