// Orders of a vps that exists, through server and agent, with fake drivers.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { until } from "../harness/command.js";
import { World, unlimited } from "../harness/world.js";

const key = (name: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq1k2b3o4p5q6r7s8t9u0v1w2x3y4z5A6B7C8D9E0F1 ${name}`;

describe("operations", () => {
    let world: World;
    let vps: Vps;
    before(async () => {
        world = await World.create();
        vps = await world.createVps();
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const order = async (verb: string, body?: object) => {
        const answer = await api().post(`/v1/vps/${vps.id}/${verb}`, body);
        assert.equal(answer.status, 202, answer.text);
        const task = await api().settled(answer.json.task.id);
        assert.equal(task.status, "done", JSON.stringify(task.error));
        vps = await api().vps(vps.id);
        assert.equal(vps.observed_generation, vps.generation);
        return answer.json;
    };
    const refused = async (status: number, verb: string, body?: object) => {
        const answer = await api().post(`/v1/vps/${vps.id}/${verb}`, body);
        assert.equal(answer.status, status, answer.text);
        return answer.json;
    };

    test("each order is a task that ends in the state it asked for", async () => {
        assert.equal((await order("reboot")).task.kind, "vps_reboot");
        await order("stop", { force: true });
        assert.equal(vps.observed, "stopped");
        await order("start");
        await order("freeze");
        assert.deepEqual([vps.frozen, vps.observed], [true, "running"]);
        await order("thaw");
        await order("hostname", { hostname: "other" });
        assert.equal(vps.hostname, "other");
        await order("ssh-keys", { add: [key("a"), key("b")] });
        await order("ssh-keys", { remove: [key("a")] });
        assert.deepEqual(vps.ssh_keys, [key("b")]);
        await order("addresses", { family: 6 });
        assert.equal(vps.addresses.length, 3);
        const { task } = await api().expect(202, "DELETE", `/v1/vps/${vps.id}/addresses?address=${vps.addresses[2]!.address}`);
        assert.equal((await api().settled(task.id)).status, "done");
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("an SSH key is kept under a name, once, and is its tenant's alone", async () => {
        const body = { name: "laptop", public_key: key("ada@desk") };
        const headers = { "Idempotency-Key": "kept-1" };
        const first = await api().raw("POST", "/v1/ssh-keys", { body, headers });
        assert.deepEqual([first.status, first.json.public_key], [201, body.public_key], first.text);
        const printed = execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: body.public_key, encoding: "utf8" });
        assert.equal(first.json.fingerprint, printed.split(" ")[1]);
        assert.equal((await api().raw("POST", "/v1/ssh-keys", { body, headers })).json.id, first.json.id);
        const again = await api().raw("POST", "/v1/ssh-keys", { body: { name: "other", public_key: key("somebody else") } });
        assert.deepEqual([again.status, again.json.errors[0].pointer], [409, "/public_key"]);
        const wrong = await api().raw("POST", "/v1/ssh-keys", { body: { name: "wrong", public_key: `command="sh" ${key("x")}` } });
        assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [422, "/public_key"]);
        const stranger = await world.createCustomer(unlimited);
        assert.deepEqual((await stranger.api.expect(200, "GET", "/v1/ssh-keys")).items, []);
        assert.equal((await stranger.api.raw("DELETE", `/v1/ssh-keys/${first.json.id}`)).status, 404);
        assert.deepEqual((await api().expect(200, "GET", "/v1/ssh-keys")).items, [first.json]);
        assert.equal((await api().raw("DELETE", `/v1/ssh-keys/${first.json.id}`)).status, 204);
        assert.deepEqual((await api().expect(200, "GET", "/v1/ssh-keys")).items, []);
    });

    test("a password that is made is shown once, one that is sent never", async () => {
        const headers = { "Idempotency-Key": "password-1" };
        const first = await api().raw("POST", `/v1/vps/${vps.id}/password`, { headers });
        assert.match(first.json.password, /^[\w-]{24}$/);
        const again = await api().raw("POST", `/v1/vps/${vps.id}/password`, { headers });
        assert.deepEqual([again.status, again.json.password, again.json.task.id], [202, null, first.json.task.id]);
        assert.equal((await refused(202, "password", { password: "my own one" })).password, null);
        await refused(422, "password", { password: "short" });
        const kept = await world.cluster.sql(`SELECT count(*) FROM tasks t, events e, idempotency_keys i WHERE concat(t, e, i) LIKE '%${first.json.password}%'`);
        assert.equal(kept, "0");
        assert.ok(!world.server.tail(5000).includes(first.json.password), "it is in the log");
    });

    test("a resize moves quota and node by the difference, up and down", async () => {
        const big = await world.createPlan("bigger", { vcpus: 3, memory_bytes: world.plan.memory_bytes * 2 });
        const used = async () => Object.fromEntries((await api().expect(200, "GET", "/v1/quotas")).items.map((one: any) => [one.resource, one.used]));
        const before = await used();
        await order("resize", { plan_id: big.id });
        assert.equal((await used()).vcpus, before.vcpus + 2);
        assert.equal(await world.server.verifyQuotas(), "");
        await order("resize", { plan_id: world.plan.id });
        assert.deepEqual(await used(), before);
        assert.equal(await world.server.verifyQuotas(), "");
        const huge = await world.createPlan("huge", { vcpus: 1000 });
        assert.equal((await refused(409, "resize", { plan_id: huge.id })).code, "no_capacity");
        await refused(422, "resize", { plan_id: world.plan.id });
        assert.deepEqual(await used(), before);
    });

    test("a quota that is full lets nothing grow", async () => {
        const customer = await world.createCustomer({ ...unlimited, vcpus: 1, ipv4: 1 });
        const own = await world.createVps({}, customer.api);
        const big = await world.createPlan("two", { vcpus: 2 });
        for (const [verb, body] of [["resize", { plan_id: big.id }], ["addresses", { family: 4 }]] as const) {
            const answer = await customer.api.post(`/v1/vps/${own.id}/${verb}`, body);
            assert.deepEqual([answer.status, answer.json.code], [409, "quota_exceeded"]);
        }
        await world.deleteVps(own.id, customer.api);
    });

    test("cancel: in the database and at the agent; a later order takes an earlier one's place", async () => {
        await world.agent.stop();
        const first = await api().expect(202, "POST", `/v1/vps/${vps.id}/stop`);
        const second = await api().expect(202, "POST", `/v1/vps/${vps.id}/reboot`);
        const superseded = await api().expect(200, "GET", `/v1/tasks/${first.task.id}`);
        assert.deepEqual([superseded.status, superseded.error.code], ["cancelled", "cancelled"]);
        const cancelled = await api().expect(200, "POST", `/v1/tasks/${second.task.id}/cancel`);
        assert.equal(cancelled.status, "cancelled");
        assert.equal((await api().post(`/v1/tasks/${second.task.id}/cancel`)).json.code, "conflict");
        await world.agent.start();
        vps = await until("all is as before", async () => {
            const now = await api().vps(vps.id);
            return now.task_id === null && now.observed_generation === now.generation && now;
        }, 30_000);
        // The reboot had taken the stop's place: what its cancel goes back to is the stop.
        assert.equal(vps.desired, vps.observed);
        await until("the node has answered", async () => (await world.cluster.sql("SELECT count(*) FROM tasks WHERE NOT cancel_sent")) === "0", 20_000);
        await order("start");
        const other = await world.createCustomer(unlimited);
        const mine = await api().expect(202, "POST", `/v1/vps/${vps.id}/reboot`);
        assert.equal((await other.api.post(`/v1/tasks/${mine.task.id}/cancel`)).status, 404);
        await api().settled(mine.task.id);
    });

    test("deleted with a hold, by the request and by the plan; undelete; in the end it goes", async () => {
        const kept = await world.createPlan("kept", { delete_hold_s: 3600 });
        vps = await world.createVps({ plan_id: kept.id });
        const { task } = await api().expect(202, "DELETE", `/v1/vps/${vps.id}`);
        await api().settled(task.id);
        vps = await api().vps(vps.id);
        assert.equal(vps.observed, "stopped");
        await refused(409, "start");
        await order("undelete");
        assert.deepEqual([vps.desired, vps.observed], ["running", "running"]);
        await refused(409, "undelete");
        await api().settled((await api().expect(202, "DELETE", `/v1/vps/${vps.id}?hold=1`)).task.id);
        await until("it is gone", async () => (await api().raw("GET", `/v1/vps/${vps.id}`)).status === 404, 30_000);
        assert.equal(await world.server.verifyQuotas(), "");
    });
});
