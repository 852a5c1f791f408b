// Snapshots, restore, reinstall, rescue and clone through server and agent, with fake drivers.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { World } from "../harness/world.js";

const nobody = "0190a000-0000-7000-8000-000000000000";

describe("snapshots", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const wait = { Prefer: "wait=30" };
    const order = async (path: string, body?: object, status = 200) => {
        const answer = await api().raw("POST", path, { body, headers: wait });
        assert.equal(answer.status, status, answer.text);
        assert.equal(answer.json.task.status, "done", answer.text);
        return answer.json;
    };
    const take = async (vps: string, body?: object) => (await order(`/v1/vps/${vps}/snapshots`, body, 201)).snapshot;
    const file = (vps: string) => `${world.agent.state}/fake/guests/${vps}/rootfs/word`;
    const write = (vps: string, word: string) => writeFileSync(file(vps), word);
    const word = (vps: string) => readFileSync(file(vps), "utf8");
    const taken = (vps: string) => {
        const folder = `${world.agent.state}/fake/snapshots/${vps}`;
        return existsSync(folder) ? readdirSync(folder) : [];
    };
    const used = async () => (await api().expect(200, "GET", "/v1/quotas")).items.find((one: any) => one.resource === "snapshots").used;

    test("made, listed, renamed, gone back to, deleted", async () => {
        const vps = await world.createVps();
        write(vps.id, "then");
        const first = await take(vps.id, { name: "before the upgrade" });
        assert.deepEqual([first.state, first.origin, first.name], ["ready", "manual", "before the upgrade"]);
        assert.ok(first.size_bytes > 0);
        write(vps.id, "now");
        const second = await take(vps.id);
        const { items } = await api().expect(200, "GET", `/v1/vps/${vps.id}/snapshots?state=ready`);
        assert.deepEqual(items.map(({ id }: any) => id), [first.id, second.id]);
        assert.equal(await used(), 2);
        assert.deepEqual(taken(vps.id).sort(), [first.id, second.id].sort());

        const path = `/v1/snapshots/${first.id}`;
        const read = await api().raw("GET", path);
        assert.equal((await api().raw("PATCH", path, { body: { name: "x" } })).status, 428);
        const renamed = await api().raw("PATCH", path, { body: { name: "x" }, headers: { "If-Match": read.headers.get("etag")! } });
        assert.deepEqual([renamed.status, renamed.json.name], [200, "x"]);

        const restored = await order(`${path}/restore`);
        assert.deepEqual([restored.vps.observed, restored.vps.id], ["running", vps.id]);
        assert.equal(word(vps.id), "then");
        await order(`/v1/snapshots/${second.id}/restore`);
        assert.equal(word(vps.id), "now");

        const gone = await api().raw("DELETE", path, { headers: wait });
        assert.deepEqual([gone.status, gone.json.snapshot], [200, null]);
        assert.equal((await api().raw("GET", path)).status, 404);
        await world.deleteVps(vps.id);
        assert.deepEqual([taken(vps.id), await used()], [[], 0]);
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("what is not one's own is not there", async () => {
        const vps = await world.createVps();
        for (const [method, path, body] of [
            ["GET", `/v1/vps/${nobody}/snapshots`],
            ["POST", `/v1/vps/${nobody}/snapshots`],
            ["GET", `/v1/vps/${nobody}/snapshot-schedule`],
            ["GET", `/v1/snapshots/${nobody}`],
            ["DELETE", `/v1/snapshots/${nobody}`],
            ["POST", `/v1/snapshots/${nobody}/restore`],
            ["POST", `/v1/vps/${nobody}/unrescue`],
            ["POST", `/v1/vps/${nobody}/clone`, { name: "c" }],
        ] as [string, string, object?][]) {
            assert.equal((await api().raw(method as "GET", path, { body })).status, 404, `${method} ${path}`);
        }
        await world.deleteVps(vps.id);
    });

    test("two at once, and a delete while one is made", async () => {
        const vps = await world.createVps();
        const path = `/v1/vps/${vps.id}/snapshots`;
        const both = await Promise.all([api().expect(202, "POST", path), api().expect(202, "POST", path)]);
        const deleted = await api().expect(202, "DELETE", `/v1/snapshots/${both[0].snapshot.id}`);
        for (const { task } of [...both, deleted]) {
            assert.equal((await api().settled(task.id)).status, "done");
        }
        assert.deepEqual(taken(vps.id), [both[1].snapshot.id]);
        await world.deleteVps(vps.id);
    });

    test("a reinstall keeps id, addresses and snapshots, and has keys and machine-id of its own", async () => {
        const vps = await world.createVps();
        const machine = () => readFileSync(`${world.agent.state}/fake/guests/${vps.id}/rootfs/etc/machine-id`, "utf8");
        const before = machine();
        write(vps.id, "mine");
        await take(vps.id);
        const { vps: after } = await order(`/v1/vps/${vps.id}/reinstall`, { image_id: vps.image_id });
        assert.deepEqual([after.id, after.addresses, after.observed], [vps.id, vps.addresses, "running"]);
        assert.equal(existsSync(file(vps.id)), false);
        assert.notEqual(machine(), before);
        assert.equal(taken(vps.id).length, 1);
        await world.deleteVps(vps.id);
    });

    test("a rescue and back", async () => {
        const vps = await world.createVps();
        write(vps.id, "mine");
        const { vps: inside } = await order(`/v1/vps/${vps.id}/rescue`);
        assert.deepEqual([inside.rescue_image_id, inside.observed], [vps.image_id, "running"]);
        assert.ok(existsSync(`${world.agent.state}/fake/guests/${vps.id}/rescue`));
        assert.equal((await api().raw("POST", `/v1/vps/${vps.id}/reinstall`, { body: { image_id: vps.image_id } })).status, 409);
        const { vps: back } = await order(`/v1/vps/${vps.id}/unrescue`);
        assert.equal(back.rescue_image_id, null);
        assert.deepEqual(readdirSync(`${world.agent.state}/fake/guests/${vps.id}`), ["rootfs"]);
        assert.equal(word(vps.id), "mine");
        await world.deleteVps(vps.id);
    });

    test("a clone, of the disk as it is and of a snapshot", async () => {
        const vps = await world.createVps();
        write(vps.id, "then");
        const snapshot = await take(vps.id);
        write(vps.id, "now");
        const { vps: live } = await order(`/v1/vps/${vps.id}/clone`, { name: "live" }, 201);
        const { vps: old } = await order(`/v1/vps/${vps.id}/clone`, { name: "old", snapshot_id: snapshot.id }, 201);
        assert.deepEqual([word(live.id), word(old.id), word(vps.id)], ["now", "then", "now"]);
        assert.equal(new Set([vps, live, old].flatMap((one) => one.addresses.map(({ address }: { address: string }) => address))).size, 6);
        assert.equal((await api().raw("POST", `/v1/vps/${vps.id}/clone`, { body: { name: "live" } })).status, 409);
        for (const one of [live, old, vps]) {
            await world.deleteVps(one.id);
        }
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("a schedule makes what is due, once, and keeps as many as it says", async () => {
        const vps = await world.createVps();
        const path = `/v1/vps/${vps.id}/snapshot-schedule`;
        assert.equal((await api().raw("GET", path)).status, 404);
        assert.equal((await api().raw("PUT", path, { body: {} })).status, 422);
        const set = await api().raw("PUT", path, { body: { hourly: 1 } });
        assert.equal(set.status, 200, set.text);
        assert.equal((await api().raw("PUT", path, { body: { hourly: 2 } })).status, 428);
        const manual = await take(vps.id);
        const scheduled = new Set<string>();
        for (const run of [1, 2]) {
            await world.cluster.sql(`UPDATE snapshot_schedules SET next_at = now() - interval '5 hours' WHERE vps_id = '${vps.id}'`);
            await until(`run ${run}`, async () => {
                const { items } = await api().expect(200, "GET", `/v1/vps/${vps.id}/snapshots`);
                const made = items.filter((one: any) => one.origin === "scheduled");
                made.forEach(({ id }: any) => scheduled.add(id));
                return scheduled.size === run && made.length === 1 && made[0].state === "ready";
            }, 30_000);
        }
        assert.equal((await api().raw("GET", `/v1/snapshots/${manual.id}`)).status, 200);
        assert.equal((await api().raw("DELETE", path)).status, 204);
        await world.deleteVps(vps.id);
        assert.deepEqual(taken(vps.id), []);
    });
});
