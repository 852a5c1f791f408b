// A guest with systemd: its user data, and what makes it a machine of its own.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { agree } from "../harness/match.js";
import { root } from "../harness/paths.js";
import { GiB, MiB, World } from "../harness/world.js";

describe("a Debian guest", () => {
    let world: World;
    let guests: Guests;
    let vps: Vps;
    let order: object;
    before(async () => {
        world = await World.create({ drivers: "real" });
        guests = await Guests.create(world);
        const { stdout } = await run([`${root}/tests/lib/image`, "debian-12"], { timeoutMs: 600_000 });
        const printed = await world.server.subcommand("image", "add", stdout.trim(), "--name", "debian-12", "--os", "debian");
        const image = await world.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
        const plan = await world.createPlan("whole", { memory_bytes: 256 * MiB, disk_bytes: GiB, pids: 512 });
        order = { image_id: image.id, plan_id: plan.id, ssh_keys: [guests.publicKey] };
    });
    after(() => world?.close());

    const says = async (one: Vps, command: string) => (await until("ssh works", () => guests.run(one, command), 90_000)).stdout.trim();
    const identity = (one: Vps) => says(one, "cat /etc/machine-id; cut -d' ' -f2 /etc/ssh/ssh_host_ed25519_key.pub; cat /var/lib/systemd/random-seed 2>/dev/null | md5sum");

    test("runs its user data once, as a unit, and is well", { timeout: 240_000 }, async () => {
        vps = await world.createVps({ ...order, user_data: "#!/bin/bash\necho \"$PPID $(id -u)\" >> /root/booted\n" });
        assert.equal(await until("it ran", () => says(vps, "cat /root/booted"), 60_000), "1 0", "by systemd, as root");
        assert.equal(await says(vps, "systemctl show -p Result --value croft-first-boot.service"), "success");
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/reboot`, { body: {} });
        assert.equal((await world.customer.api.settled(task.id, 90_000)).status, "done");
        assert.equal(await says(vps, "systemctl is-system-running --wait; systemctl --failed --no-legend"), "running");
        assert.equal(await says(vps, "cat /root/booted"), "1 0", "it ran again");
    });

    test("reboots itself, as after an update, and is as well as before", { timeout: 240_000 }, async () => {
        const boot = () => says(vps, "cut -d' ' -f22 /proc/1/stat");
        const before = await boot();
        await guests.run(vps, "systemctl reboot --no-block").catch(() => undefined); // once: it may cut the line before it has answered
        await until("it has booted again", async () => (await boot()) !== before, 120_000);
        assert.equal(await says(vps, "systemctl is-system-running --wait; systemctl --failed --no-legend"), "running");
        assert.equal(await says(vps, "stat -c %u:%g / /root /usr/bin/su | sort -u"), "0:0");
        assert.equal(await says(vps, "cat /root/booted"), "1 0", "its user data ran again");
    });

    test("shares no machine-id, host key or random seed with another of its image, nor with its clone", { timeout: 240_000 }, async () => {
        const { task, vps: clone } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/clone`, { body: { name: "twin" } });
        assert.equal((await world.customer.api.settled(task.id, 90_000)).status, "done");
        const other = await world.createVps(order);
        const all = (await Promise.all([vps, clone, other].map(identity))).map((text) => text.split("\n"));
        for (const part of [0, 1]) {
            assert.equal(new Set(all.map((lines) => lines[part])).size, 3, all.map((lines) => lines[part]).join(" "));
        }
        assert.equal(await says(clone, "systemctl is-active ssh"), "active");
        for (const one of [vps, clone, other]) {
            await world.deleteVps(one.id);
        }
        await agree(world);
    });
});
