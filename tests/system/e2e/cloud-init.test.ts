// A guest with cloud-init of its distribution: it finds the seed that the node wrote, and does once what it says.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { agree } from "../harness/match.js";
import { root } from "../harness/paths.js";
import { GiB, MiB, World } from "../harness/world.js";

describe("a guest with cloud-init", () => {
    let world: World;
    let guests: Guests;
    let order: object;
    before(async () => {
        world = await World.create({ drivers: "real" });
        guests = await Guests.create(world);
        const { stdout } = await run([`${root}/tests/lib/image`, "debian-12-cloud"], { timeoutMs: 900_000 });
        const printed = await world.server.subcommand("image", "add", stdout.trim(), "--name", "debian-12-cloud", "--os", "debian");
        const image = await world.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
        const plan = await world.createPlan("whole", { memory_bytes: 512 * MiB, disk_bytes: 2 * GiB, pids: 512 });
        order = { image_id: image.id, plan_id: plan.id, ssh_keys: [guests.publicKey] };
    });
    after(() => world?.close());

    const says = async (one: Vps, command: string) => (await until("ssh works", () => guests.run(one, command), 120_000)).stdout.trim();
    const finished = (one: Vps) => until("cloud-init is through", async () => /^status: done$/m.test(await says(one, "cloud-init status || true")), 180_000, 1000);

    test("takes the seed, runs it once, and stays reachable", { timeout: 600_000 }, async () => {
        const user_data = ["#cloud-config", "write_files:", "  - {path: /root/written, content: from the seed}", "runcmd:", "  - 'echo run >>/root/booted'", ""].join("\n");
        const vps = await world.createVps({ ...order, hostname: "seeded", user_data });
        await finished(vps);
        assert.equal(await says(vps, "cat /root/booted; cat /root/written; echo; hostname"), "run\nfrom the seed\nseeded");
        assert.match(await says(vps, "cloud-init query ds.meta_data.instance_id 2>/dev/null || cat /run/cloud-init/.instance-id"), new RegExp(vps.id));
        assert.match(await says(vps, "cat /run/cloud-init/cloud-id; cat /var/lib/cloud/instance/datasource"), /^nocloud\nDataSourceNoCloud:/);
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/reboot`, { body: {} });
        assert.equal((await world.customer.api.settled(task.id, 120_000)).status, "done");
        await finished(vps);
        assert.equal(await says(vps, "cat /root/booted"), "run", "it ran again");
        await world.deleteVps(vps.id);
    });

    test("runs a plain script as well, and needs none", { timeout: 600_000 }, async () => {
        const scripted = await world.createVps({ ...order, user_data: "#!/bin/sh\necho \"$(id -u)\" >>/root/booted\n" });
        const plain = await world.createVps(order);
        await finished(scripted);
        assert.equal(await says(scripted, "cat /root/booted"), "0");
        assert.equal(await says(plain, "systemctl is-active ssh; ls /root/booted 2>/dev/null; echo ."), "active\n.");
        for (const one of [scripted, plain]) {
            await world.deleteVps(one.id);
        }
        await agree(world);
    });
});
