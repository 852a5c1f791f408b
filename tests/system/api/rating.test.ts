// Prices, costs and charges through the API: of a customer, of a reseller and of its tenant; vps that lived in a month that is over.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Api, type Schema } from "../harness/client.js";
import { type Customer, unlimited, World } from "../harness/world.js";

// The last February that is over: what its usage came from is still kept.
const today = new Date();
const year = today.getUTCFullYear() - (today.getUTCMonth() < 2 ? 1 : 0);
const month = `${year}-02`;
const leap = new Date(Date.UTC(year, 2, 0)).getUTCDate() === 29;
const at = (day: string) => `${month}-${day}`;
const second = async () => sleep(1100);

describe("rating", () => {
    let world: World;
    let reseller: Customer;
    let shop: { id: string; api: Api };
    let plan: Schema["Plan"];
    let book: Schema["PriceBook"];

    before(async () => {
        world = await World.create();
        plan = await world.createPlan("rated", { price_month: "6.96", price_hour: "0.02", traffic_bytes: 1e12, currency: "EUR" });
        reseller = await world.createCustomer(unlimited, "owner", "reseller");
        await reseller.api.expect(201, "PUT", `/v1/plan-offers/${plan.id}`, { body: { price_month: "13.92", price_hour: "0.04", currency: "EUR" } });
        const made = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "shop", quotas: unlimited } });
        shop = { id: made.id, api: new Api(world.server.url, reseller.api.token, { "Croft-Tenant": made.id }) };
        book = await world.operator.expect(201, "POST", "/v1/admin/price-books", { body: { currency: "EUR", name: "Standard" } });
    });
    after(() => world?.close());

    const costs = (api: Api, of: string, path = "/v1/billing/costs"): Promise<Schema["Costs"]> => api.expect(200, "GET", `${path}?month=${of}`);
    const list = (items: object[], valid_from?: string) =>
        world.operator.expect(201, "POST", `/v1/admin/price-books/${book.id}/versions`, { body: { items, ...(valid_from && { valid_from }) } });
    const charge = (account: string) => world.cluster.sql(`SELECT croft_charge('${account}', '${month}-01')`);
    const total = (account: string) => world.cluster.sql(`SELECT sum(amount) FROM charges WHERE account_id = '${account}'`);

    // A vps that was there from one moment to another, as if time had passed; its prices were in force then, too.
    // A whole life within one second left nothing that could be moved to then.
    async function lived(api: Api, from: string, to: string): Promise<string> {
        const vps = await world.createVps({ plan_id: plan.id }, api);
        await world.deleteVps(vps.id, api);
        await world.cluster.sql(`SET session_replication_role = replica;
            DELETE FROM vps_periods WHERE vps_id = '${vps.id}';
            INSERT INTO vps_periods (vps_id, tenant_id, location_id, plan_id, plan_version, state, disk_bytes, ipv4_count, ipv6_count, from_ts, to_ts)
            SELECT id, tenant_id, location_id, plan_id, plan_version, 'running', disk_bytes, ipv4_count, ipv6_count, '${from}', '${to}'
            FROM vps WHERE id = '${vps.id}'`);
        return vps.id;
    }
    // Another part of what was used in an hour, as if a node had said so.
    const sent = (vps: string, hour: string, bytes: number) => world.cluster.sql(`INSERT INTO usage_evidence SELECT r.* FROM vps v,
        jsonb_populate_record(NULL::usage_evidence, (SELECT jsonb_object_agg(a.attname, 0) FROM pg_attribute a
            WHERE a.attrelid = 'usage_evidence'::regclass AND a.atttypid = 'bigint'::regtype)
        || jsonb_build_object('vps_id', v.id, 'tenant_id', v.tenant_id, 'boot', croft_uuid_min(), 'part', 0, 'hour', '${hour}'::timestamptz, 'samples', 60,
            'first_ts', '${hour}'::timestamptz, 'last_ts', '${hour}'::timestamptz, 'anew', false, 'last_net_tx_bytes', ${bytes},
            'last_net_tx_outside_bytes', ${bytes})) r WHERE v.id = '${vps}'`);

    test("a list of prices holds from the next second on, and never changes", async () => {
        const before: Schema["Prices"] = await world.customer.api.expect(200, "GET", "/v1/prices");
        assert.equal(before.valid_from, null);
        assert.ok(before.plans.some((one) => one.plan_id === plan.id && one.price_month === "6.96" && one.source === "plan"));
        const version: Schema["PriceBookVersion"] = await list([
            { meter: "traffic", price_unit: "1.00" },
            { meter: "plan", plan_id: plan.id, location_id: world.location.id, price_hour: "0.01", price_month: "3.48" },
        ]);
        await second();
        const now: Schema["Prices"] = await world.customer.api.expect(200, "GET", "/v1/prices");
        assert.equal(now.valid_from, version.valid_from);
        assert.deepEqual(now.plans.filter((one) => one.plan_id === plan.id).map(({ location_id, price_month }) => [location_id, price_month]),
            [[null, "6.96"], [world.location.id, "3.48"]]);
        assert.equal(now.items[0]!.price_unit, "1.00");
        await world.operator.expect(409, "DELETE", `/v1/admin/price-book-versions/${version.id}`);
        const later: Schema["PriceBookVersion"] = await list([], "2090-01-01T00:00:00Z");
        assert.equal((await world.customer.api.expect(200, "GET", "/v1/prices")).next_from, later.valid_from);
        const held: Schema["PriceBook"] = await world.operator.expect(200, "GET", `/v1/admin/price-books/${book.id}`);
        assert.deepEqual([held.now?.id, held.next?.id], [version.id, later.id]);
        await world.operator.expect(204, "DELETE", `/v1/admin/price-book-versions/${later.id}`);
        await world.operator.expect(404, "GET", `/v1/admin/price-book-versions/${later.id}`);
        // Nobody else's: a reseller sees neither the book nor what is in it, its tenant not even the reseller's.
        await reseller.api.expect(404, "GET", `/v1/price-books/${book.id}`);
        await shop.api.expect(403, "POST", "/v1/price-books", { body: { currency: "EUR", name: "mine" } });
        const shopPrices: Schema["Prices"] = await shop.api.expect(200, "GET", "/v1/prices");
        assert.deepEqual([shopPrices.plans.map((one) => one.price_month), shopPrices.items, shopPrices.valid_from], [["13.92"], [], null]);
        // What was sold before the list is what it was then.
        await world.cluster.sql(`SET session_replication_role = replica; UPDATE price_book_versions SET valid_from = '${at("11Z")}'`);
    });

    test("a customer sees what the month has come to, and what it will", async () => {
        const vps = await world.createVps({ plan_id: plan.id });
        await second();
        const now = await costs(world.customer.api, new Date().toISOString().slice(0, 7));
        assert.equal(now.charged, false);
        assert.deepEqual(now.vps.map((one) => one.vps_id), [vps.id]);
        assert.ok(Number(now.forecast!.net) >= Number(now.net), JSON.stringify(now));
        assert.equal(now.unpriced, 0);
        const lines: Schema["Costs"] = await world.customer.api.expect(200, "GET", `/v1/billing/costs?vps_id=${vps.id}`);
        assert.deepEqual(lines.lines.map((line) => [line.meter, line.unit, line.unit_price]), [["plan", "hour", "0.01"]]);
        await world.customer.api.expect(422, "GET", "/v1/billing/costs?month=2024-13");
        await world.deleteVps(vps.id);
    });

    test("retail and wholesale: each account at its seller's prices, and neither sees the other's", async () => {
        const vps = await lived(shop.api, at("01Z"), `${year}-03-01Z`);
        await sent(vps, at("20Z"), 1.5e12);
        // By the list from the 11th on, by the plan before; half a TB beyond what the plan includes, of which the list has a price.
        const wholesale = await costs(reseller.api, month);
        assert.deepEqual(wholesale.meters.map(({ meter, net }) => [meter, net]), [["plan", leap ? "4.68" : "4.72"], ["traffic", "0.50"]]);
        assert.equal(wholesale.traffic.over_bytes, 5e11);
        const retail = await costs(shop.api, month);
        assert.deepEqual([retail.net, retail.meters.map(({ meter }) => meter)], ["13.92", ["plan"]]);
        assert.deepEqual(await costs(reseller.api, month, `/v1/tenants/${shop.id}/costs`), retail);
        assert.equal((await costs(world.operator, month, `/v1/admin/tenants/${reseller.id}/costs`)).net, leap ? "5.18" : "5.22");
        await world.customer.api.expect(404, "GET", `/v1/tenants/${shop.id}/costs`);
        await charge(shop.id);
        await charge(reseller.id);
        const seen: Schema["Charge"][] = (await shop.api.expect(200, "GET", "/v1/charges")).items;
        assert.deepEqual(seen.map((one) => [one.account_id, one.amount, one.kind]), [[shop.id, "13.92", "usage"]]);
        const [theirs] = (await reseller.api.expect(200, "GET", "/v1/charges")).items;
        await shop.api.expect(404, "GET", `/v1/charges/${theirs.id}`);
    });

    test("a month is charged once, whoever asks how often at once; what comes late is a line of its own", async () => {
        const other = await world.createCustomer(unlimited);
        const vps = await lived(other.api, at("03T10:00:00Z"), at("03T12:20:00Z"));
        const made = await Promise.all(Array.from({ length: 10 }, () => charge(other.id)));
        assert.deepEqual(made.map(Number).sort((a, b) => b - a), [1, ...Array(9).fill(0)]);
        const [line] = (await other.api.expect(200, "GET", `/v1/charges?month=${month}&vps_id=${vps}`)).items;
        assert.deepEqual([line.quantity, line.unit, line.unit_price, line.amount], ["3.000000", "hour", "0.02", "0.06"]);
        const opened: Schema["ChargeDetail"] = await other.api.expect(200, "GET", `/v1/charges/${line.id}`);
        assert.deepEqual(opened.periods.map(({ seconds, state }) => [seconds, state]), [[8400, "running"]]);
        assert.equal(opened.facts.started_seconds, 2400);
        await sent(vps, at("12T10:00:00Z"), 2e12);
        assert.equal(await world.server.verifyBilling(), "");
        await Promise.all(Array.from({ length: 5 }, () => charge(other.id)));
        const late: Schema["Charge"][] = (await other.api.expect(200, "GET", "/v1/charges")).items;
        assert.deepEqual(late.map((one) => [one.meter, one.kind]), [["traffic", "usage"], ["plan", "usage"]]);
        const hours: Schema["ChargeDetail"] = await other.api.expect(200, "GET", `/v1/charges/${late[0]!.id}`);
        assert.deepEqual(hours.hours.map((one) => one.net_tx_outside_bytes), [2e12]);
        const was = await total(other.id);
        await sent(vps, at("12T11:00:00Z"), 1e12);
        await Promise.all(Array.from({ length: 5 }, () => charge(other.id)));
        assert.equal(Number(await total(other.id)).toFixed(2), (Number(was) + 1).toFixed(2));
        const [adjustment] = (await other.api.expect(200, "GET", "/v1/charges")).items;
        assert.deepEqual([adjustment.kind, adjustment.amount, adjustment.quantity], ["adjustment", "1.00", "1"]);
        assert.equal(await world.server.verifyBilling(), "");
    });

    test("taxes are frozen on the line, and are the seller's", async () => {
        const body = { country: "DE", rate: "19", name: "VAT" };
        const rule: Schema["TaxRule"] = await reseller.api.expect(201, "POST", "/v1/tax-rules", { body });
        await reseller.api.expect(201, "POST", "/v1/tax-rules", { body: { ...body, meter: "traffic", rate: "7" }, headers: { "Idempotency-Key": randomUUID() } });
        await world.cluster.sql(`SET session_replication_role = replica; UPDATE tax_rules SET valid_from = '2020-01-01Z' WHERE id = '${rule.id}'`);
        const customer = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "taxed", quotas: unlimited } });
        const api = new Api(world.server.url, reseller.api.token, { "Croft-Tenant": customer.id });
        await world.cluster.sql(`UPDATE billing_accounts SET country = 'DE' WHERE tenant_id = '${customer.id}'`);
        await lived(api, at("01Z"), at("11Z"));
        const taxed = await costs(api, month);
        assert.deepEqual([taxed.net, taxed.tax, taxed.gross], ["9.60", "1.82", "11.42"]);
        await charge(customer.id);
        await charge(reseller.id); // to whom this vps is new, too
        await world.cluster.sql(`UPDATE billing_accounts SET country = 'FR' WHERE tenant_id = '${customer.id}'`);
        assert.equal((await costs(api, month)).tax, "1.82");
        await reseller.api.expect(409, "DELETE", `/v1/tax-rules/${rule.id}`);
        await world.customer.api.expect(404, "GET", `/v1/tax-rules/${rule.id}`);
    });

    test("what was charged and does not follow from what was is found", async () => {
        assert.equal(await world.server.verifyBilling(), "");
        await world.cluster.sql("SET session_replication_role = replica; UPDATE charges SET amount = amount + 0.01 WHERE meter = 'plan' AND number = 0");
        const found = await world.server.verifyBilling();
        assert.match(found, new RegExp(`charge .*${month} plan`));
        await world.cluster.sql("SET session_replication_role = replica; UPDATE charges SET amount = amount - 0.01 WHERE meter = 'plan' AND number = 0");
        assert.equal(await world.server.verifyBilling(), "");
    });
});
