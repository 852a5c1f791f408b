// Images that are made of a vps, on real parts: what is in them, what is not, and that no two guests share an identity.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { run, until } from "../harness/command.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

type Row = { id: string; addresses: { address: string; family: number }[] };

describe("images of a vps on real parts", () => {
    let world: World;
    let key: string;
    let keys: string[];
    let vps: Row;
    const api = () => world.customer.api;
    const address = (one: Row) => one.addresses.find(({ family }) => family === 4)!.address;
    const ssh = (one: Row, command: string) =>
        run(world.netns!.command("ssh", "-n", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3", `root@${address(one)}`, command), { timeoutMs: 60_000 });
    const says = async (one: Row, command: string) => (await until("ssh works", () => ssh(one, command), 30_000)).stdout.trim();
    const publish = async (name: string) => {
        const { task, image } = await api().expect(202, "POST", `/v1/vps/${vps.id}/publish`, { body: { name } });
        const settled = await api().settled(task.id, 90_000);
        assert.equal(settled.status, "done", `${JSON.stringify(settled.error)}\n${world.agent.tail()}`);
        return api().expect(200, "GET", `/v1/images/${image.id}`);
    };
    const outgoing = () => readdirSync(`${world.agent.state}/outgoing`);
    const stored = () => readdirSync(`${world.sandbox.path("server")}/images`);

    before(async () => {
        world = await World.create({ drivers: "real" });
        key = world.sandbox.path("ssh");
        await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key]);
        keys = [readFileSync(`${key}.pub`, "utf8").trim()];
        vps = await world.createVps({ ssh_keys: keys });
    });
    after(() => world?.close());

    test("what the guest holds is in it, what makes it that guest is not", { timeout: 240_000 }, async () => {
        await says(vps, "echo kept >/root/word; ln /root/word /root/hard; ln -s /etc/passwd /root/link; chmod 4755 /root/word; mkdir -p /root/deep/er; "
            + "sed -i 's|^root:[^:]*:|root:$6$salt$roothash:|' /etc/shadow; dd if=/dev/urandom of=/root/big bs=1M count=3 2>/dev/null; echo secret >/root/.ash_history; echo line >/var/log/mine; echo ssh-ed25519 AAAAforeign x >>/root/.ssh/authorized_keys; "
            + "echo 'ada:$6$salt$adahash:20000:0:99999:7:::' >>/etc/shadow; cp /etc/shadow /etc/shadow-; echo 'ada:oldhash:1000:1000::/home/ada:/bin/sh' >>/etc/passwd; mkfifo /root/pipe; sync");
        const sum = await says(vps, "md5sum </root/big");
        const image = await publish("shop");
        assert.deepEqual([image.state, image.active, image.public, image.vps_id], ["ready", true, false, vps.id]);
        assert.ok(image.size > 3 * 2 ** 20 && image.min_disk_bytes > 3 * 2 ** 20, JSON.stringify(image));
        assert.ok(stored().includes(image.sha256));
        assert.deepEqual(outgoing(), []);
        const file = `${world.sandbox.path("server")}/images/${image.sha256}`;
        const inside = async (path: string) => (await run(["sh", "-c", `tar --zstd -xOf ${file} ./${path} || tar --zstd -xOf ${file} ${path}`])).stdout;
        assert.match(await inside("etc/shadow"), /^root:\*:20000:.*^ada:\*:20000:/ms);
        assert.match(await inside("etc/passwd"), /^root:x:0:0:.*^ada:\*:1000:1000:/ms);
        assert.equal((await run(["sh", "-c", `zstd -dc ${file} | grep -acE 'roothash|adahash|oldhash' || true`])).stdout.trim(), "0");

        const made: Row = await world.createVps({ image_id: image.id, ssh_keys: keys });
        assert.equal(await says(made, "cat /root/hard; readlink /root/link; stat -c '%a %h %u' /root/word; test -p /root/pipe && echo pipe"), "kept\n/etc/passwd\n4755 2 0\npipe");
        assert.equal(await says(made, "md5sum </root/big"), sum);
        assert.equal(await says(made, "cat /root/.ash_history /var/log/mine 2>/dev/null; grep -c foreign /root/.ssh/authorized_keys || true"), "0");
        const { vps: clone, task } = await api().expect(202, "POST", `/v1/vps/${vps.id}/clone`, { body: { name: "clone", ssh_keys: keys } });
        assert.equal((await api().settled(task.id)).status, "done");
        const plain: Row = await world.createVps({ ssh_keys: keys });
        const guests = [vps, made, await api().vps(clone.id), plain];
        for (const what of ["cat /etc/machine-id", "cat /etc/hostname", "cat /etc/dropbear/*key* | md5sum", "cat /var/lib/systemd/random-seed 2>/dev/null | md5sum; hostname"]) {
            const said = await Promise.all(guests.map((one) => says(one, what)));
            assert.ok(said.every((one) => one !== ""), `${what}: ${said}`);
            assert.equal(new Set(said).size, guests.length, `${what} is shared: ${said}`);
        }
        assert.equal((await api().raw("DELETE", `/v1/images/${image.id}`)).status, 409);
        for (const one of guests.slice(1)) {
            await world.deleteVps(one.id);
        }
        // Added, deleted, and stored again: its row is about to come.
        writeFileSync(world.sandbox.path("again"), "an image that comes twice");
        const add = () => world.server.subcommand("image", "add", world.sandbox.path("again"), "--name", "again", "--os", "none").then((text) => JSON.parse(text));
        const once = await world.operator.expect(201, "POST", "/v1/admin/images", { body: await add() });
        await world.operator.expect(204, "DELETE", `/v1/admin/images/${once.id}`);
        const again = await add();
        utimesSync(file, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200); // what was stored within an hour stays
        await api().expect(204, "DELETE", `/v1/images/${image.id}`);
        await until("its file is swept", () => !stored().includes(image.sha256), 60_000);
        const twice = await world.operator.expect(201, "POST", "/v1/admin/images", { body: again });
        assert.ok(stored().includes(twice.sha256), "an image that was stored again was swept for the one before it");
        await world.operator.expect(204, "DELETE", `/v1/admin/images/${twice.id}`);
        assert.equal(await world.server.verifyQuotas(), "");
        await agree(world);
    });

    test("what goes into the image is the guest's own, whatever it links to", { timeout: 120_000 }, async () => {
        const root = `${world.agent.state}/pool/guests/${vps.id}/rootfs`;
        writeFileSync(world.sandbox.path("host-secret"), "of the host");
        await says(vps, `rm -rf /etc/machine-id /var/log; ln -s ${world.sandbox.path("host-secret")} /etc/machine-id; ln -s / /var/log; ln -s ${world.sandbox.path("host-secret")} /root/steal; sync`);
        assert.ok(existsSync(root));
        const image = await publish("links");
        const list = await run(["tar", "--zstd", "-tvf", `${world.sandbox.path("server")}/images/${image.sha256}`]);
        assert.match(list.stdout, /root\/steal -> /);
        const text = await run(["sh", "-c", `zstd -dc ${world.sandbox.path("server")}/images/${image.sha256} | grep -c 'of the host' || true`]);
        assert.equal(text.stdout.trim(), "0");
        await api().expect(204, "DELETE", `/v1/images/${image.id}`);
    });

    test("an image that would be larger than its quota leaves nothing behind", { timeout: 120_000 }, async () => {
        for (const { id } of (await api().expect(200, "GET", "/v1/images")).items.filter((one: any) => one.tenant_id)) {
            await api().expect(204, "DELETE", `/v1/images/${id}`);
        }
        const { tenant_id } = await api().vps(vps.id);
        const path = `/v1/admin/tenants/${tenant_id}/quotas`;
        const etag = (await world.operator.raw("GET", path)).headers.get("etag")!;
        await world.operator.expect(200, "PUT", path, { body: { image_bytes: 2 ** 20 }, headers: { "If-Match": etag } });
        const { task, image } = await api().expect(202, "POST", `/v1/vps/${vps.id}/publish`, { body: { name: "large" } });
        const settled = await api().settled(task.id, 60_000);
        assert.deepEqual([settled.status, settled.error?.code], ["failed", "quota_exceeded"], JSON.stringify(settled));
        const failed = await api().expect(200, "GET", `/v1/images/${image.id}`);
        assert.deepEqual([failed.state, failed.error?.code], ["failed", "quota_exceeded"]);
        assert.deepEqual(outgoing(), []);
        await api().expect(204, "DELETE", `/v1/images/${image.id}`);
        assert.equal(await world.server.verifyQuotas(), "");
        await agree(world);
    });
});
