// The life of nodes: reserve, tags, where a vps goes and why, maintenance, orphans, what is lost, the end.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Agent } from "../harness/agent.js";
import type { Schema } from "../harness/client.js";
import { checkReport } from "../harness/check-report.js";
import { until } from "../harness/command.js";
import { GiB, MiB, World } from "../harness/world.js";

describe("nodes", () => {
    let world: World;
    let second: Agent;
    let other: string; // node2
    const api = () => world.customer.api;

    before(async () => {
        world = await World.create();
        second = await world.addAgent({ agent: { name: "node2" } });
        other = (await world.online("node2")).id;
    });
    after(async () => {
        await second?.stop();
        await world?.close();
    });

    const node = (id: string): Promise<Schema["Node"]> => world.operator.expect(200, "GET", `/v1/admin/nodes/${id}`);
    const change = (id: string, body: Schema["NodeUpdate"]): Promise<Schema["Node"]> =>
        world.operator.expect(200, "PATCH", `/v1/admin/nodes/${id}`, { body, headers: { "If-Match": "*" } });
    const placement = (query = ""): Promise<Schema["Placement"]> =>
        world.operator.expect(200, "GET", `/v1/admin/placement?plan_id=${world.plan.id}&location_id=${world.location.id}${query}`);
    const reasons = async (id: string) => (await placement()).nodes.find((one) => one.node_id === id)!.reasons;

    test("what a node measured, what is kept for the host, what may be sold", async () => {
        const before = await node(world.node);
        assert.equal(before.status, "online");
        assert.deepEqual(before.alarms, []);
        assert.ok(before.pool_bytes! > 0 && before.pool_bytes! >= before.disk_free_bytes!);
        const now = await change(world.node, { reserve_vcpus: 4, reserve_memory_bytes: GiB, overcommit_vcpu_percent: 200 });
        assert.equal(now.sellable.vcpus, (now.capacity.vcpus - 4) * 2);
        assert.equal(now.sellable.memory_bytes, now.capacity.memory_bytes - GiB);
        await change(world.node, { reserve_vcpus: 64 });
        assert.deepEqual(await reasons(world.node), ["vcpus"]);
        await change(world.node, { reserve_vcpus: 0, reserve_memory_bytes: 0 });
        assert.equal(now.line_rate_mbit, 100_000);
        assert.equal((await change(world.node, { line_rate_mbit: 10_000 })).line_rate_mbit, 10_000);
        await change(world.node, { line_rate_mbit: 100_000 });
    });

    test("a plan goes to nodes with its tags; a dedicated node takes no other", async () => {
        await change(other, { tags: ["nvme"], dedicated: true });
        const plan = await world.createPlan("fast", { node_tags: ["nvme"] });
        assert.deepEqual(plan.node_tags, ["nvme"]);
        assert.deepEqual(await reasons(other), ["tags"]);
        const vps = await world.createVps({ plan_id: plan.id });
        assert.equal(vps.node_id, other);
        await world.deleteVps(vps.id);
        await world.operator.expect(422, "PATCH", `/v1/admin/nodes/${other}`, { body: { tags: ["No Tag"] }, headers: { "If-Match": "*" } });
        await change(other, { tags: [], dedicated: false });
    });

    test("a hard group is never on one node twice, a soft one where it can be avoided", async () => {
        const hard = { anti_affinity_group: "web", anti_affinity: "hard" as const };
        const all = await Promise.all([1, 2, 3, 4].map(() => api().post("/v1/vps", world.order(hard))));
        const made = all.filter((one) => one.status === 202);
        assert.equal(made.length, 2, all.map((one) => one.text).join("\n"));
        assert.notEqual(made[0]!.json.vps.node_id, made[1]!.json.vps.node_id);
        const refused = all.find((one) => one.status !== 202)!;
        assert.deepEqual([refused.status, refused.json.code], [409, "no_capacity"]);
        assert.match(refused.json.detail, /group web/);
        const soft = await world.createVps({ anti_affinity_group: "web" });
        assert.equal(soft.anti_affinity, "soft");
        for (const one of made) {
            await api().settled(one.json.task.id);
            await world.deleteVps(one.json.vps.id);
        }
        await world.deleteVps(soft.id);
    });

    test("a location spreads or packs", async () => {
        const both = async () => {
            const made = [await world.createVps(), await world.createVps()];
            for (const { id } of made) {
                await world.deleteVps(id);
            }
            return new Set(made.map((one) => one.node_id)).size;
        };
        assert.equal(await both(), 2);
        await world.operator.expect(200, "PATCH", `/v1/admin/locations/${world.location.id}`, { body: { placement: "pack" }, headers: { "If-Match": "*" } });
        assert.equal(await both(), 1);
        await world.operator.expect(200, "PATCH", `/v1/admin/locations/${world.location.id}`, { body: { placement: "spread" }, headers: { "If-Match": "*" } });
    });

    test("no room: a tenant learns what would fit, an operator why not on which nodes", async () => {
        const huge = await world.createPlan("huge", { memory_bytes: 2 ** 45, disk_bytes: 64 * MiB });
        const mine = await api().post("/v1/vps", world.order({ plan_id: huge.id }));
        assert.equal(mine.json.code, "no_capacity");
        assert.match(mine.json.detail, /What would go there: .*tiny/);
        assert.doesNotMatch(mine.json.detail, /Nodes|memory on/);
        const staff = await world.operator.post("/v1/vps", world.order({ plan_id: huge.id }));
        assert.match(staff.json.detail, /Nodes: 2; memory on 2\./);
        const dry = await world.operator.expect(200, "POST", "/v1/vps?dry_run=true", { body: world.order() });
        assert.equal(dry.placement.nodes.length, 2);
        assert.ok(dry.placement.nodes.every((one: any) => one.count > 0));
        const customers = await api().expect(200, "POST", "/v1/vps?dry_run=true", { body: world.order() });
        assert.equal(customers.placement.nodes, null);
    });

    test("in maintenance orders wait; they are carried out when it is over", async () => {
        await change(other, { state: "draining" });
        const vps = await world.createVps();
        await change(world.node, { state: "maintenance" });
        assert.deepEqual(await reasons(world.node), ["maintenance"]);
        const { task } = await api().expect(202, "POST", `/v1/vps/${vps.id}/stop`);
        const waited = await api().expect(200, "GET", `/v1/tasks/${task.id}?wait=3`);
        assert.equal(waited.status, "queued");
        await change(world.node, { state: "active" });
        assert.equal((await api().settled(task.id)).status, "done");
        await world.deleteVps(vps.id);
        await change(other, { state: "active" });
    });

    // As a node has it whose control plane was restored from before the vps was made.
    async function orphan(): Promise<string> {
        const vps = await world.createVps({ anti_affinity_group: "here" });
        assert.equal(vps.node_id, world.node, "the test wants it on the first node");
        const id = randomUUID();
        await world.agent.stop();
        for (const part of ["vps", "fake/guests", "fake/containers"]) {
            cpSync(`${world.agent.state}/${part}/${vps.id}`, `${world.agent.state}/${part}/${id}`, { recursive: true, force: true });
        }
        const file = `${world.agent.state}/vps/${id}/state.json`;
        const state = readFileSync(file, "utf8").replaceAll(vps.id, id);
        writeFileSync(file, state.replace(/"slot": ?\d+/, '"slot":77'));
        await world.agent.start();
        await world.online();
        await world.deleteVps(vps.id);
        await until("it is an orphan", async () => (await orphans()).some((one) => one.vps_id === id));
        return id;
    }
    const orphans = async (): Promise<Schema["Orphan"][]> => (await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}/orphans`)).items;

    test("an orphan is reported, stays, and is deleted or adopted as an operator chooses", { timeout: 120_000 }, async () => {
        await change(other, { state: "draining" });
        const first = await orphan();
        const { id } = await world.operator.expect(202, "POST", `/v1/admin/nodes/${world.node}/orphans/delete`, { body: { vps_id: first } });
        await until("its delete is done", async () => (await world.cluster.sql(`SELECT status FROM tasks WHERE id = '${id}'`)) === "done");
        await until("it is no orphan any more", async () => !(await orphans()).some((one) => one.vps_id === first), 90_000);

        const second = await orphan();
        const of = { vps_id: second, tenant_id: world.customer.id, plan_id: world.plan.id, image_id: world.image.id, name: "foundling" };
        await world.operator.expect(422, "POST", `/v1/admin/nodes/${world.node}/orphans/adopt`, { body: { vps_id: second } });
        const { vps, task } = await world.operator.expect(202, "POST", `/v1/admin/nodes/${world.node}/orphans/adopt`, { body: of });
        await until("it is converged", async () => (await world.cluster.sql(`SELECT status FROM tasks WHERE id = '${task.id}'`)) === "done");
        assert.equal((await api().vps(vps.id)).name, "foundling");
        assert.equal(await world.server.verifyQuotas(), "");
        await world.deleteVps(vps.id);
        await change(other, { state: "active" });
    });

    test("the report of croft-agent check is handed in, read back, and replaced by who has read it", async () => {
        const path = `/v1/admin/nodes/${world.node}/check-report`;
        assert.deepEqual(await world.operator.expect(200, "GET", path), { node_id: world.node, received_at: null, report: null });
        const report = checkReport();
        const kept = await world.operator.expect(200, "PUT", path, { body: report });
        assert.deepEqual(kept.report, report);
        assert.deepEqual(await world.operator.expect(200, "GET", path), kept);
        await world.operator.expect(428, "PUT", path, { body: report });
        const wrong = await world.operator.raw("PUT", path, { body: { ...report, escapes: [{ name: "mount", refused: "yes" }] }, headers: { "If-Match": "*" } });
        assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [422, "/escapes/0/refused"]);
        const next = await world.operator.expect(200, "PUT", path, { body: { ...report, verdict: "good", reasons: [] }, headers: { "If-Match": "*" } });
        assert.equal(next.report.verdict, "good");
        assert.equal((await api().raw("GET", path)).status, 403);
    });

    test("a node that is gone for ever is retired: deletes on it end, the rest is lost and says so", { timeout: 120_000 }, async () => {
        await change(world.node, { state: "draining" });
        const [kept, going] = [await world.createVps(), await world.createVps()];
        await world.operator.expect(409, "POST", `/v1/admin/nodes/${other}/retire`);
        await world.operator.expect(409, "POST", `/v1/admin/vps/${kept.id}/lose`);
        await second.stop();
        const { task } = await api().expect(202, "DELETE", `/v1/vps/${going.id}`);
        const retired = await world.operator.expect(200, "POST", `/v1/admin/nodes/${other}/retire`, { body: { lose_vps: true } });
        assert.deepEqual([retired.status, retired.used.vps], ["retired", 0]);
        assert.equal((await api().expect(200, "GET", `/v1/tasks/${task.id}`)).error.code, "vps_lost");
        assert.equal((await api().raw("GET", `/v1/vps/${going.id}`)).status, 404);
        const lost = await api().vps(kept.id);
        assert.deepEqual([lost.error!.code, lost.observed, lost.desired], ["vps_lost", "absent", "stopped"]);
        const refused = await api().raw("POST", `/v1/vps/${kept.id}/start`);
        assert.deepEqual([refused.status, refused.json.code], [409, "vps_lost"]);
        assert.equal(await world.server.verifyQuotas(), "");
        const gone = await api().expect(202, "DELETE", `/v1/vps/${kept.id}`);
        assert.equal(gone.task.status, "done");
        assert.equal((await api().raw("GET", `/v1/vps/${kept.id}`)).status, 404);
        await world.operator.expect(409, "PATCH", `/v1/admin/nodes/${other}`, { body: { state: "active" }, headers: { "If-Match": "*" } });
        await change(world.node, { state: "active" });
    });
});
