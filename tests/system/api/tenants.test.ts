import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Api, type Schema } from "../harness/client.js";
import { until } from "../harness/command.js";
import { type Customer, MiB, World, unlimited } from "../harness/world.js";

describe("resellers and their tenants", () => {
    let world: World;
    let reseller: Customer;
    before(async () => {
        world = await World.create();
        reseller = await world.createCustomer({ ...unlimited, vps: 3, memory_bytes: 192 * MiB }, "owner", "reseller");
        const offer = { price_month: "7.50", price_hour: "0.0104", currency: "EUR" };
        await reseller.api.expect(201, "PUT", `/v1/plan-offers/${world.plan.id}`, { body: offer });
    });
    after(() => world?.close());

    const below = (child: string) => new Api(world.server.url, reseller.api.token, { "Croft-Tenant": child });
    const quotas = async (api: Api): Promise<Map<string, Schema["Quota"]>> =>
        new Map((await api.expect(200, "GET", "/v1/quotas")).items.map((one: Schema["Quota"]) => [one.resource, one]));
    async function child(limits: object = unlimited): Promise<{ id: string; api: Api }> {
        const made = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: `shop ${randomUUID()}`, quotas: limits } });
        assert.equal(made.parent_id, reseller.id);
        return { id: made.id, api: below(made.id) };
    }
    async function empty(id: string): Promise<void> {
        const api = below(id);
        for (const vps of (await api.expect(200, "GET", "/v1/vps")).items) {
            await world.deleteVps(vps.id, api);
        }
    }
    const settled = (api: Api, id: string) => until("the node has followed", async () => {
        const vps = await api.vps(id);
        return vps.observed_generation === vps.generation && vps.task_id === null ? vps : undefined;
    }, 60_000);

    test("a tenant below sees what its reseller sells, at the reseller's price, and nothing else", async () => {
        const hidden = await world.createPlan("wholesale");
        const shop = await child();
        const plans: Schema["Plan"][] = (await shop.api.expect(200, "GET", "/v1/plans")).items;
        assert.deepEqual(plans.map((plan) => [plan.id, plan.price_month]), [[world.plan.id, "7.50"]]);
        await shop.api.expect(404, "GET", `/v1/plans/${hidden.id}`);
        const refused = await shop.api.expect(422, "POST", "/v1/vps", { body: world.order({ plan_id: hidden.id }) });
        assert.equal(refused.errors[0].pointer, "/plan_id");
        await world.customer.api.expect(403, "POST", "/v1/tenants", { body: { name: "no reseller" } });
    });

    test("a vps counts at every level, and each level refuses by itself", async () => {
        const one = await child({ ...unlimited, vps: 1 });
        const two = await child();
        const vps = await world.createVps({}, one.api);
        assert.equal(vps.tenant_id, one.id);
        const full = await one.api.expect(409, "POST", "/v1/vps", { body: world.order() });
        assert.equal(full.code, "quota_exceeded");
        await world.createVps({}, two.api);
        await world.createVps({}, two.api);
        const above = await two.api.expect(409, "POST", "/v1/vps", { body: world.order() });
        assert.equal(above.code, "quota_exceeded");
        assert.match(above.detail, /reseller above/);
        const held = await quotas(reseller.api);
        assert.deepEqual([held.get("vps"), held.get("memory_bytes")].map((q: any) => [q.used, q.limit]), [[3, 3], [192 * MiB, 192 * MiB]]);
        const holders = (await reseller.api.expect(200, "GET", "/v1/quotas/holders?resource=vps")).items;
        assert.equal(holders.reduce((sum: number, one: Schema["QuotaHolder"]) => sum + one.amount, 0), 3);
        assert.equal((await reseller.api.expect(200, "GET", "/v1/vps")).items.length, 0, "a reseller's own list is its own");
        await empty(one.id);
        await empty(two.id);
        assert.equal((await quotas(reseller.api)).get("vps")!.used, 0);
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("an override beats the ceiling, says why, and is an operator's", async () => {
        const shop = await child({ ...unlimited, vps: 0 });
        await shop.api.expect(409, "POST", "/v1/vps", { body: world.order() });
        const path = `/v1/admin/tenants/${shop.id}/quota-overrides`;
        const known = (await world.operator.raw("GET", `/v1/admin/tenants/${shop.id}/quotas`)).headers.get("etag")!;
        const match = { "If-Match": known };
        await reseller.api.expect(403, "PUT", path, { headers: match, body: { vps: { limit: 1, reason: "mine" } } });
        await world.operator.expect(428, "PUT", path, { body: { vps: { limit: 1, reason: "unseen" } } });
        await world.operator.expect(200, "PUT", path, { headers: match, body: { vps: { limit: 1, reason: "migration until June" } } });
        await world.operator.expect(412, "PUT", path, { headers: match, body: { vps: { limit: 2, reason: "overtaken" } } });
        const quota = (await quotas(shop.api)).get("vps") as any;
        assert.deepEqual([quota.limit, quota.ceiling, quota.override_reason], [1, 0, "migration until June"]);
        await world.createVps({}, shop.api);
        await empty(shop.id);
    });

    test("a dry run tells price, place and what would be left, and makes nothing", async () => {
        const shop = await child({ ...unlimited, vps: 2 });
        const body = world.order();
        const told: Schema["DryRun"] = await shop.api.expect(200, "POST", "/v1/vps?dry_run=true", { body });
        assert.deepEqual([told.price.price_month, told.placement.location_id, told.placement.node_id], ["7.50", world.location.id, null]);
        assert.equal(told.quota_left.find((one) => one.resource === "vps")!.left, 1);
        assert.equal((await shop.api.expect(200, "GET", "/v1/vps")).items.length, 0);
        assert.equal((await quotas(shop.api)).get("vps")!.used, 0);
        await shop.api.expect(422, "POST", "/v1/vps?dry_run=true", { body: { ...body, plan_id: randomUUID() } });
        const vps = await world.createVps(body, shop.api);
        const larger = await world.createPlan("larger", { vcpus: 2 });
        await reseller.api.expect(201, "PUT", `/v1/plan-offers/${larger.id}`, { body: { price_month: "9", price_hour: "0.0125", currency: "EUR" } });
        const resized: Schema["DryRun"] = await shop.api.expect(200, "POST", `/v1/vps/${vps.id}/resize?dry_run=true`, { body: { plan_id: larger.id } });
        assert.equal(resized.price.price_month, "9");
        assert.equal((await shop.api.vps(vps.id)).generation, vps.generation);
        await empty(shop.id);
    });

    test("a suspended tenant is stopped, reads, changes nothing, and comes back as it was", async () => {
        const shop = await child();
        const vps = await world.createVps({}, shop.api);
        const order = { body: { reason: "unpaid since May" } };
        const stranger = await world.createCustomer(unlimited, "owner", "reseller");
        await stranger.api.expect(404, "POST", `/v1/tenants/${shop.id}/suspend`, order);
        const tenant: Schema["Tenant"] = await reseller.api.expect(200, "POST", `/v1/tenants/${shop.id}/suspend`, order);
        assert.deepEqual([tenant.state, tenant.suspended_reason], ["suspended", "unpaid since May"]);
        const stopped = await settled(shop.api, vps.id);
        assert.deepEqual([stopped.desired, stopped.observed], ["running", "stopped"]);
        await shop.api.expect(403, "POST", `/v1/vps/${vps.id}/start`);
        await shop.api.expect(403, "POST", "/v1/vps", { body: world.order() });
        await reseller.api.expect(200, "POST", `/v1/tenants/${shop.id}/resume`);
        assert.equal((await settled(shop.api, vps.id)).observed, "running");
        await empty(shop.id);
    });

    test("a reseller suspended while its tenants create leaves no half state", async () => {
        const shop = await child();
        const path = `/v1/admin/tenants/${reseller.id}`;
        const creates = Array.from({ length: 12 }, () => shop.api.post("/v1/vps", world.order()));
        const suspended = world.operator.expect(200, "POST", `${path}/suspend`, { body: { reason: "audit" } });
        const answers = await Promise.all(creates);
        await suspended;
        assert.ok(answers.every((one) => [202, 403, 409].includes(one.status)), answers.map((one) => one.status).join(" "));
        await world.operator.expect(200, "POST", `${path}/resume`);
        const made = answers.filter((one) => one.status === 202);
        for (const one of made) {
            await shop.api.settled(one.json.task.id);
            assert.equal((await settled(shop.api, one.json.vps.id)).observed, "running");
        }
        assert.equal((await quotas(shop.api)).get("vps")!.used, made.length);
        await empty(shop.id);
    });

    test("a reseller closed, and deleted after its grace, while its own and its tenants' requests run leaves no half state", async () => {
        const seller = await world.createCustomer(unlimited, "owner", "reseller");
        await seller.api.expect(201, "PUT", `/v1/plan-offers/${world.plan.id}`, { body: { price_month: "1", price_hour: "0.01", currency: "EUR" } });
        const shops: Api[] = [];
        for (let i = 0; i < 2; i++) {
            const { id } = await seller.api.expect(201, "POST", "/v1/tenants", { body: { name: `shop ${randomUUID()}`, quotas: unlimited } });
            shops.push(new Api(world.server.url, seller.api.token, { "Croft-Tenant": id }));
        }
        const seen: string[] = [];
        let over = false;
        const busy = async (work: () => Promise<{ status: number; text: string }>) => {
            while (!over) {
                const { status, text } = await work();
                seen.push(`${status}${[200, 201, 202, 401, 403, 404, 409].includes(status) ? "" : ` ${text}`}`);
            }
        };
        const workers = [
            ...shops.map((shop) => busy(() => shop.post("/v1/vps", world.order()))),
            ...shops.map((shop) => busy(() => shop.post("/v1/tokens", { name: "late" }))),
            busy(() => seller.api.post("/v1/tenants", { name: `shop ${randomUUID()}`, quotas: unlimited })),
            busy(() => seller.api.raw("GET", "/v1/vps")),
        ];
        await until("they have begun", () => seen.length > 20);
        const path = `/v1/admin/tenants/${seller.id}`;
        await world.operator.expect(200, "POST", `${path}/close`, { body: { reason: "left" } });
        const from = seen.length;
        await until("they have noticed", () => seen.length > from + 20);
        await world.cluster.sql(`UPDATE tenants SET grace_until = now() WHERE '${seller.id}' = ANY (path) AND state = 'closing'`);
        await until("it is closed", async () => (await world.operator.expect(200, "GET", path)).state === "closed", 120_000);
        over = true;
        await Promise.all(workers);
        assert.deepEqual([...new Set(seen)].filter((one) => one.includes(" ")), []);
        const below = `(SELECT id FROM tenants WHERE '${seller.id}' = ANY (path))`;
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM tenants WHERE id IN ${below} AND state <> 'closed'`), "0");
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM vps WHERE tenant_id IN ${below} AND deleted_at IS NULL`), "0");
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM tasks WHERE tenant_id IN ${below} AND ended_at IS NULL`), "0");
        assert.equal(await world.cluster.sql(`SELECT coalesce(sum(used), 0) FROM quotas WHERE tenant_id IN ${below}`), "0");
        assert.equal(await world.server.verifyQuotas(), "");
    });

    test("a closed tenant keeps everything until the grace is over, and then nothing but its log", async () => {
        const shop = await child();
        const vps = await world.createVps({}, shop.api);
        const closing: Schema["Tenant"] = await reseller.api.expect(200, "POST", `/v1/tenants/${shop.id}/close`, { body: { reason: "left" } });
        assert.equal(closing.state, "closing");
        assert.ok(Date.parse(closing.grace_until!) > Date.now());
        assert.equal((await shop.api.vps(vps.id)).id, vps.id);
        await world.cluster.sql(`UPDATE tenants SET grace_until = now() WHERE id = '${shop.id}'`);
        const closed = await until("it is closed", async () => {
            const tenant: Schema["Tenant"] = await reseller.api.expect(200, "GET", `/v1/tenants/${shop.id}`);
            return tenant.state === "closed" ? tenant : undefined;
        }, 60_000);
        assert.ok(closed.closed_at);
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM vps WHERE tenant_id = '${shop.id}' AND deleted_at IS NULL`), "0");
        assert.notEqual(await world.cluster.sql(`SELECT count(*) FROM events WHERE tenant_id = '${shop.id}'`), "0");
        assert.equal((await quotas(reseller.api)).get("vps")!.used, 0);
    });
});
