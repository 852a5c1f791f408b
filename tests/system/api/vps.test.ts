// The life of a vps through server and agent, with fake drivers.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { sleep, until } from "../harness/command.js";
import { GiB, MiB, World, unlimited } from "../harness/world.js";

describe("vps", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const settle = async (answer: any) => {
        const task = await api().settled(answer.task.id);
        assert.equal(task.status, "done", JSON.stringify(task.error));
        return api().vps(answer.vps.id);
    };

    test("create, stop, start, rename, delete", async () => {
        const answer = await api().post("/v1/vps", world.order({ name: "first", ssh_keys: [] }));
        assert.equal(answer.status, 202);
        assert.equal(answer.headers.get("location"), `/v1/vps/${answer.json.vps.id}`);
        assert.equal(answer.json.vps.desired, "running");
        let vps = await settle(answer.json);
        assert.equal(vps.observed, "running");
        assert.equal(vps.task_id, null);
        assert.equal(vps.generation, vps.observed_generation);
        assert.deepEqual(vps.addresses.map(({ family, prefix_length, gateway }) => [family, prefix_length, gateway]), [[4, 32, "169.254.0.1"], [6, 128, "fe80::1"]]);
        const path = `/v1/vps/${vps.id}`;

        vps = await settle(await api().expect(202, "POST", `${path}/stop`));
        assert.deepEqual([vps.desired, vps.observed], ["stopped", "stopped"]);
        vps = await settle(await api().expect(202, "POST", `${path}/start`));
        assert.deepEqual([vps.desired, vps.observed], ["running", "running"]);

        const headers = { "If-Match": (await api().raw("GET", path)).headers.get("etag")! };
        assert.equal((await api().raw("PATCH", path, { body: { name: "renamed" } })).status, 428);
        assert.equal((await api().raw("PATCH", path, { body: { name: "renamed" }, headers })).json.name, "renamed");
        assert.equal((await api().raw("PATCH", path, { body: { name: "again" }, headers })).status, 412);

        await world.deleteVps(vps.id);
        assert.equal(await world.server.verifyQuotas(), "");
        assert.deepEqual(world.agent.vpsFolders(), []);
    });

    test("a deleted vps is gone, its name and addresses are free", async () => {
        const name = "comeback";
        const vps = await world.createVps({ name });
        await api().expect(409, "POST", "/v1/vps", { body: world.order({ name }) });
        await world.deleteVps(vps.id);
        const after = await api().raw("GET", `/v1/vps/${vps.id}`);
        assert.ok(after.status === 404 || after.json.desired === "deleted", after.text);
        const { items } = await api().expect(200, "GET", `/v1/vps?name=${name}`);
        assert.deepEqual(items, []);
        await world.deleteVps((await world.createVps({ name })).id);
    });

    test("start: false makes it and leaves it off", async () => {
        const vps = await world.createVps({ start: false });
        assert.deepEqual([vps.desired, vps.observed], ["stopped", "stopped"]);
        await world.deleteVps(vps.id);
    });

    test("Prefer: wait answers with the end, or 202 in time", async () => {
        const answer = await api().post("/v1/vps", world.order(), { Prefer: "wait=30" });
        assert.equal(answer.status, 201, answer.text);
        assert.equal(answer.json.task.status, "done");
        assert.equal(answer.json.vps.observed, "running");
        const stopped = await api().raw("POST", `/v1/vps/${answer.json.vps.id}/stop`, { headers: { Prefer: "wait=30" } });
        assert.equal(stopped.status, 200);
        assert.equal(stopped.json.vps.observed, "stopped");
        const deleted = await api().raw("DELETE", `/v1/vps/${answer.json.vps.id}`, { headers: { Prefer: "wait=30" } });
        assert.equal(deleted.status, 200);
        assert.equal(deleted.json.task.status, "done");
    });

    test("a long poll waits for the end, and no longer than asked", async () => {
        const { task, vps } = await api().expect(202, "POST", "/v1/vps", { body: world.order() });
        const done = await api().expect(200, "GET", `/v1/tasks/${task.id}?wait=30`);
        assert.equal(done.status, "done");
        await world.deleteVps(vps.id);
        await api().expect(422, "GET", `/v1/tasks/${task.id}?wait=31`);
    });

    test("fifty creates with one key make one", async () => {
        const body = world.order();
        const headers = { "Idempotency-Key": randomUUID() };
        const answers = await Promise.all(Array.from({ length: 50 }, () => api().post("/v1/vps", body, headers)));
        // One that arrives while the first still runs may be told so.
        const made = answers.filter((answer) => answer.status === 202);
        assert.ok(made.length >= 1);
        assert.deepEqual([...new Set(answers.map((answer) => answer.status))].filter((status) => ![202, 409].includes(status)), []);
        assert.equal(new Set(made.map((answer) => answer.json.vps.id)).size, 1);
        assert.equal((await api().expect(200, "GET", `/v1/vps?name=${body.name}`)).items.length, 1);
        assert.equal((await api().post("/v1/vps", body, headers)).json.vps.id, made[0]!.json.vps.id);
        assert.equal((await api().post("/v1/vps", { ...body, name: "other" }, headers)).status, 422);
        await api().settled(made[0]!.json.task.id);
        await world.deleteVps(made[0]!.json.vps.id);
    });

    test("fifty different creates against a quota of ten make ten", { timeout: 120_000 }, async () => {
        const small = await world.createCustomer({ ...unlimited, vps: 10 });
        const answers = await Promise.all(Array.from({ length: 50 }, () => small.api.post("/v1/vps", world.order())));
        const made = answers.filter((answer) => answer.status === 202);
        assert.equal(made.length, 10, answers.find((answer) => answer.status !== 202 && answer.json.code !== "quota_exceeded")?.text);
        assert.ok(answers.every((answer) => answer.status === 202 || answer.json.code === "quota_exceeded"));
        const used = (await small.api.expect(200, "GET", "/v1/quotas")).items.find((item: any) => item.resource === "vps");
        assert.deepEqual([used.limit, used.used], [10, 10]);
        assert.equal(await world.server.verifyQuotas(), "");
        for (const answer of made) {
            assert.equal((await small.api.settled(answer.json.task.id)).status, "done");
        }
        for (const answer of made) {
            await world.deleteVps(answer.json.vps.id, small.api);
        }
        const free = (await small.api.expect(200, "GET", "/v1/quotas")).items;
        assert.ok(free.every((item: any) => item.used === 0), JSON.stringify(free));
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("a tenant without a quota may make nothing", async () => {
        const none = await world.createCustomer({});
        const answer = await none.api.post("/v1/vps", world.order());
        assert.deepEqual([answer.status, answer.json.code], [409, "quota_exceeded"]);
    });

    test("each resource has its own ceiling, and nothing stays taken", async () => {
        for (const [resource, limit] of [["vcpus", 0], ["memory_bytes", MiB], ["disk_bytes", MiB], ["ipv4", 0], ["ipv6", 0]] as const) {
            const poor = await world.createCustomer({ ...unlimited, [resource]: limit });
            const answer = await poor.api.post("/v1/vps", world.order());
            assert.deepEqual([answer.status, answer.json.code], [409, "quota_exceeded"], resource);
            const quotas = (await poor.api.expect(200, "GET", "/v1/quotas")).items;
            assert.ok(quotas.every((item: any) => item.used === 0), resource);
        }
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("no node has room: a clear answer, nothing taken", async () => {
        const giant = await world.createPlan("giant", { memory_bytes: 2 ** 42 });
        const answer = await api().post("/v1/vps", world.order({ plan_id: giant.id }));
        assert.deepEqual([answer.status, answer.json.code], [409, "no_capacity"]);
        const small = await world.operator.expect(201, "POST", "/v1/admin/locations", { body: { name: "empty", title: "Empty" } });
        const nowhere = await api().post("/v1/vps", world.order({ location_id: small.id }));
        assert.deepEqual([nowhere.status, nowhere.json.code], [409, "no_capacity"]);
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("an inactive plan or image cannot be ordered", async () => {
        const plan = await world.createPlan("retired");
        const etag = (await world.operator.raw("GET", `/v1/admin/plans/${plan.id}`)).headers.get("etag")!;
        await world.operator.expect(200, "PATCH", `/v1/admin/plans/${plan.id}`, { body: { active: false }, headers: { "If-Match": etag } });
        const answer = await api().post("/v1/vps", world.order({ plan_id: plan.id }));
        assert.equal(answer.status, 422, answer.text);
        assert.equal(answer.json.errors[0].pointer, "/plan_id");
    });

    test("a disk smaller than the image needs is refused", async () => {
        const { headers } = await world.operator.raw("GET", `/v1/admin/images/${world.image.id}`);
        assert.ok(headers.get("etag"));
        await world.cluster.sql(`UPDATE images SET min_disk_bytes = ${GiB} WHERE id = '${world.image.id}'`);
        const answer = await api().post("/v1/vps", world.order());
        await world.cluster.sql(`UPDATE images SET min_disk_bytes = 0 WHERE id = '${world.image.id}'`);
        assert.equal(answer.status, 422, answer.text);
    });

    test("a draining node takes nothing new", async () => {
        const path = `/v1/admin/nodes/${world.node}`;
        const state = async (value: string) => {
            const etag = (await world.operator.raw("GET", path)).headers.get("etag")!;
            await world.operator.expect(200, "PATCH", path, { body: { state: value }, headers: { "If-Match": etag } });
        };
        await state("draining");
        const answer = await api().post("/v1/vps", world.order());
        await state("active");
        assert.deepEqual([answer.status, answer.json.code], [409, "no_capacity"]);
    });

    test("another tenant's vps and task are as if missing", async () => {
        const vps = await world.createVps();
        const other = await world.createCustomer(unlimited);
        const tasks = (await api().expect(200, "GET", `/v1/tasks?vps_id=${vps.id}`)).items;
        for (const [method, path] of [["GET", ""], ["DELETE", ""], ["POST", "/start"], ["POST", "/stop"], ["GET", "/usage"]] as const) {
            await other.api.expect(404, method, `/v1/vps/${vps.id}${path}`);
        }
        await other.api.expect(404, "PATCH", `/v1/vps/${vps.id}`, { body: { name: "mine" }, headers: { "If-Match": '"x"' } });
        await other.api.expect(404, "GET", `/v1/tasks/${tasks[0].id}`);
        assert.deepEqual((await other.api.expect(200, "GET", "/v1/vps")).items, []);
        assert.deepEqual((await other.api.expect(200, "GET", "/v1/tasks")).items, []);
        assert.equal((await api().vps(vps.id)).observed, "running");
        await world.deleteVps(vps.id);
    });

    test("an image in use, and a pool in use, stay", async () => {
        const vps = await world.createVps();
        await world.operator.expect(409, "DELETE", `/v1/admin/images/${world.image.id}`);
        const { items } = await world.operator.expect(200, "GET", "/v1/admin/pools");
        await world.operator.expect(409, "DELETE", `/v1/admin/pools/${items.find((pool: any) => pool.used > 0).id}`);
        await world.deleteVps(vps.id);
    });

    test("filters and lists over all tenants", async () => {
        const vps = await world.createVps({ name: "findme" });
        const names = async (query: string) => (await api().expect(200, "GET", `/v1/vps?${query}`)).items.map((item: any) => item.name);
        assert.deepEqual(await names("name=findme"), ["findme"]);
        assert.deepEqual(await names("name=findme&observed=stopped"), []);
        assert.deepEqual(await names(`name=findme&location_id=${world.location.id}`), ["findme"]);
        const all = await world.operator.expect(200, "GET", `/v1/admin/vps?tenant_id=${world.customer.id}&node_id=${world.node}`);
        assert.ok(all.items.some((item: any) => item.id === vps.id));
        const tasks = await world.operator.expect(200, "GET", "/v1/admin/tasks?status=done");
        assert.ok(tasks.items.length > 0);
        await world.deleteVps(vps.id);
    });

    test("usage is reported and adds up", async () => {
        const vps = await world.createVps();
        const usage = await until("usage arrives", async () => {
            const now = await api().expect(200, "GET", `/v1/vps/${vps.id}/usage`);
            return now.last && now.last.seq >= 3 && now;
        }, 30_000);
        assert.equal(usage.gaps, 0);
        const total = usage.hours.reduce((sum: number, hour: any) => sum + hour.cpu_ns, 0);
        assert.equal(total, usage.cpu_ns);
        assert.ok(usage.last.cpu_ns >= usage.cpu_ns - 1);
        await api().expect(422, "GET", `/v1/vps/${vps.id}/usage?from=yesterday`);
        await world.deleteVps(vps.id);
    });

    test("an agent that was away catches up", async () => {
        const vps = await world.createVps();
        await world.agent.stop();
        await until("the node is offline", async () => !(await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`)).online, 60_000);
        const { task } = await api().expect(202, "POST", `/v1/vps/${vps.id}/stop`);
        await sleep(500);
        assert.notEqual((await api().expect(200, "GET", `/v1/tasks/${task.id}`)).status, "done");
        await world.agent.start();
        assert.equal((await api().settled(task.id)).status, "done");
        assert.equal((await api().vps(vps.id)).observed, "stopped");
        await world.deleteVps(vps.id);
    });

    test("a pool runs out with a clear answer", async () => {
        const place = await world.operator.expect(201, "POST", "/v1/admin/locations", { body: { name: "narrow", title: "Narrow" } });
        await world.operator.expect(201, "POST", "/v1/admin/pools", { body: { location_id: place.id, name: "narrow", cidr: "198.51.100.0/31" } });
        const agent = await world.addAgent({ agent: { name: "node2" } }).catch((error) => error);
        assert.ok(!(agent instanceof Error), String(agent));
        const { items } = await world.operator.expect(200, "GET", "/v1/admin/nodes");
        // A join token decides the location; node2 was joined to the first one, so move its row.
        await world.cluster.sql(`UPDATE nodes SET location_id = '${place.id}' WHERE id = '${items.find((node: any) => node.name === "node2").id}'`);
        const four = await world.createPlan("four", { ipv6_count: 0 });
        const answers = [];
        for (let i = 0; i < 3; i++) {
            answers.push(await api().post("/v1/vps", world.order({ plan_id: four.id, location_id: place.id })));
        }
        const refused = answers.at(-1)!;
        assert.deepEqual([refused.status, refused.json.code], [409, "pool_exhausted"], refused.text);
        for (const answer of answers.filter((one) => one.status === 202)) {
            await api().settled(answer.json.task.id);
            await world.deleteVps(answer.json.vps.id);
        }
        assert.equal(await world.server.verifyQuotas(), "");
        await agent.stop();
    });

    test("a revoked node is cut off at once and may not come back", async () => {
        const agent = await world.addAgent({ agent: { name: "node3" } });
        const find = async () => (await world.operator.expect(200, "GET", "/v1/admin/nodes")).items.find((node: any) => node.name === "node3");
        const { id } = await find();
        await world.operator.expect(204, "POST", `/v1/admin/nodes/${id}/revoke`);
        await until("node3 is offline", async () => !(await find()).online, 10_000);
        await sleep(3000);
        assert.equal((await find()).online, false);
        await agent.stop();
    });
});
