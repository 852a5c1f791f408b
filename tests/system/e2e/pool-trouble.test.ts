// The disks below a node's guests and below its log: damaged data, no room for metadata, writes that fail, a log that cannot be written.
// The kernels that tests run on have no device mapper: the device of the pool is a loop over a file on a disk that the test fills.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, statfsSync, statSync, writeFileSync, writeSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Schema, Task } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { agree } from "../harness/match.js";
import { quote, Sandbox } from "../harness/sandbox.js";
import { MiB, World } from "../harness/world.js";

// First data takes all chunks that are left, then small files, which lie in the metadata, fill that.
const fillMetadata = `
import os
size = 500
while True:
    try:
        os.posix_fallocate(os.open("data", os.O_CREAT | os.O_RDWR), 0, size << 20)
        break
    except OSError:
        size -= 20
try:
    for i in range(100000):
        with open(str(i), "wb") as f:
            f.write(b"x" * 1900)
        if i % 200 == 0:
            os.fsync(os.open(".", os.O_RDONLY))
except OSError as e:
    print(e)
`;

const MARK = Buffer.from("croft-mark-0123456789-".repeat(200));

interface Disks {
    below: string; // the disk with the pool's file
    device: string;
    logs: string; // the disk with the log
}

describe("a node whose disks fail", () => {
    let disks: Disks;
    let world: World;
    let guests: Guests;
    const tool = (...argv: string[]) => execFileSync(argv[0]!, argv.slice(1), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();

    function disk(sandbox: Sandbox, name: string, bytes: number): string {
        const path = sandbox.path(name);
        mkdirSync(path, { mode: 0o755 });
        // The kernel lets go of a loop device's file a little after the device.
        sandbox.undo(`for i in $(seq 50); do mountpoint -q ${quote(path)} || break; umount ${quote(path)} 2>/dev/null || sleep 0.2; done; ! mountpoint -q ${quote(path)}`);
        tool("mount", "-t", "tmpfs", "-o", `mode=0755,size=${bytes}`, "croft-test", path);
        return path;
    }

    // What is unmounted below it is unmounted in the copies, too, that other agents' mount namespaces have of it.
    function share(sandbox: Sandbox): void {
        const path = sandbox.path("node1");
        mkdirSync(path, { mode: 0o755 });
        sandbox.undo(`! mountpoint -q ${quote(path)} || umount -l ${quote(path)}`);
        tool("mount", "--bind", path, path);
        tool("mount", "--make-shared", path);
    }

    function make(sandbox: Sandbox): Disks {
        const below = disk(sandbox, "below", 220 * MiB);
        tool("truncate", "-s", "700M", `${below}/pool`);
        sandbox.undo(`losetup -j ${quote(`${below}/pool`)} | cut -d: -f1 | xargs -r losetup -d`);
        const device = tool("losetup", "--find", "--show", `${below}/pool`);
        tool("mkfs.btrfs", "-q", device);
        return { below, device, logs: disk(sandbox, "logs", 24 * MiB) };
    }

    before(async () => {
        world = await World.create({ agent: null, drivers: "real" });
        share(world.sandbox);
        disks = make(world.sandbox);
        await world.addAgent({ drivers: "real", agent: { log: `${disks.logs}/agent.log`, config: { check_s: 2, pool: { device: disks.device } } } });
        guests = await Guests.create(world);
    });
    after(() => world?.close());

    const alarms = async () => (await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`)).alarms.map((one: Schema["NodeAlarm"]) => one.code);
    const raised = (code: string) => until(`${code} is raised`, async () => (await alarms()).includes(code), 90_000);
    const cleared = (code: string) => until(`${code} is over`, async () => !(await alarms()).includes(code), 90_000);
    const pool = (name = "") => `${world.agent.state}/pool${name}`;
    const answers = (vps: Schema["Vps"]) => until("it answers", () => world.netns!.run("ping", "-c1", "-W1", vps.addresses[0]!.address).then(() => true, () => false), 60_000);

    function fill(path: string): void {
        execFileSync("sh", ["-c", `dd if=/dev/zero bs=4k 2>/dev/null >>${quote(path)}; true`]);
    }

    async function ordered(verb: "start" | "stop", vps: string): Promise<Task> {
        return world.customer.api.settled((await world.customer.api.expect(202, "POST", `/v1/vps/${vps}/${verb}`)).task.id);
    }

    // Nothing new goes to a pool in trouble.
    async function refusesNew(): Promise<void> {
        const answer = await world.operator.expect(200, "GET", `/v1/admin/placement?plan_id=${world.plan.id}&location_id=${world.location.id}`);
        assert.match(JSON.stringify(answer), /"pool"/);
        const refused = await world.customer.api.raw("POST", "/v1/vps", { body: world.order() });
        assert.deepEqual([refused.status, refused.json.code], [409, "no_capacity"]);
    }

    // Every copy of the mark in the pool's file becomes something else.
    function damage(): number {
        const fd = openSync(`${disks.below}/pool`, "r+");
        const size = statSync(`${disks.below}/pool`).size;
        const buffer = Buffer.alloc(4 * MiB);
        let found = 0;
        for (let at = 0; at < size; at += buffer.length) {
            const n = readSync(fd, buffer, 0, buffer.length, at);
            for (let i = buffer.indexOf(MARK); i >= 0 && i < n; i = buffer.indexOf(MARK, i + 4096)) {
                writeSync(fd, Buffer.from("damaged"), 0, 7, at + i);
                found++;
            }
        }
        closeSync(fd);
        return found;
    }

    test("the log's disk is full: an alarm, and everything else goes on", { timeout: 240_000 }, async () => {
        const kept = await world.createVps();
        fill(`${disks.logs}/fill`);
        assert.equal(statfsSync(disks.logs).bfree, 0);
        const size = () => statSync(world.agent.log).size;
        const full = size();
        await raised("log_disk_full");
        const vps = await world.createVps();
        assert.equal((await ordered("stop", vps.id)).status, "done");
        await world.deleteVps(vps.id);
        await answers(kept);
        assert.ok(size() <= full + 4096, "a line was written to a full disk");
        rmSync(`${disks.logs}/fill`);
        await cleared("log_disk_full");
        await until("it logs again", () => size() > full);
        await world.deleteVps(kept.id);
        await agree(world);
    });

    test("damaged data: the guest is told, the operator too, and nothing else suffers", { timeout: 240_000 }, async () => {
        const vps = await guests.make();
        const file = pool(`/guests/${vps.id}/rootfs/root/data`);
        writeFileSync(file, Buffer.concat(Array.from({ length: 200 }, () => MARK)));
        tool("sync", "-f", file);
        assert.ok(damage() > 0, "the data is not in the file of the pool");
        tool("python3", "-c", `import os; f = os.open(${JSON.stringify(file)}, os.O_RDONLY); os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)`);
        const read = await guests.run(vps, "cat /root/data >/dev/null; echo status $?");
        assert.match(read.stdout, /status 1/);
        await raised("pool_errors");
        await answers(vps);
        assert.equal((await ordered("stop", vps.id)).status, "done");
        assert.equal((await ordered("start", vps.id)).status, "done");
        tool("btrfs", "device", "stats", "-z", pool());
        await cleared("pool_errors");
        await world.deleteVps(vps.id);
        await agree(world);
    });

    test("no room for metadata: nothing new comes, guests run, and it is over when there is room", { timeout: 300_000 }, async () => {
        const vps = await world.createVps();
        mkdirSync(pool("/filled"));
        const said = (await run(["python3", "-c", fillMetadata], { cwd: pool("/filled") })).stdout;
        assert.match(said, /No space left/);
        await raised("pool_metadata_full");
        await refusesNew();
        await answers(vps);
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/snapshots`, { body: { name: "full" } }).catch(() => ({ task: undefined }));
        const settled = task && (await world.customer.api.settled(task.id));
        assert.ok(!settled || settled.status === "done" || settled.error!.code === "disk_full", JSON.stringify(settled?.error));
        rmSync(pool("/filled"), { recursive: true });
        tool("btrfs", "filesystem", "sync", pool());
        tool("btrfs", "balance", "start", "-dusage=0", pool());
        await cleared("pool_metadata_full");
        await world.deleteVps((await world.createVps()).id);
        await world.deleteVps(vps.id);
        await agree(world);
    });

    test("its writes fail: read-only, orders fail with a reason, guests are back after the repair", { timeout: 400_000 }, async () => {
        const vps = await guests.make();
        const kept = await world.createVps();
        fill(`${disks.below}/fill`);
        await guests.run(vps, "dd if=/dev/urandom of=/root/x bs=1M count=40; sync").catch(() => undefined);
        await raised("pool_read_only");
        await refusesNew();
        await answers(kept);
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${kept.id}/snapshots`, { body: { name: "never" } });
        const failed = await world.customer.api.settled(task.id);
        assert.equal(failed.status, "failed");
        assert.match(failed.error!.detail, /Read-only file system|Input\/output error/);
        assert.equal((await world.online()).online, true);

        // As docs/operations.md says: guests off, then the pool is taken down, mended and checked.
        for (const one of [vps, kept]) {
            const stop = await ordered("stop", one.id);
            assert.equal(stop.status, "done", stop.error?.detail); // nothing of it has to be written there
            await until("it is off", async () => (await world.customer.api.vps(one.id)).observed === "stopped");
        }
        await world.agent.stop();
        tool("umount", pool());
        rmSync(`${disks.below}/fill`);
        await until("nobody holds it, and it is whole", () => tool("btrfs", "check", disks.device), 60_000, 1000);
        world.agent.launch();
        await cleared("pool_read_only");
        for (const one of [vps, kept]) {
            assert.equal((await ordered("start", one.id)).status, "done");
            await answers(one);
            await world.deleteVps(one.id);
        }
        await agree(world);
        assert.ok(readFileSync(world.agent.log, "utf8").length > 0);
    });
});
