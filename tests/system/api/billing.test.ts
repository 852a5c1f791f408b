// Money through the API: a month ends in one invoice each, whatever dies meanwhile; documents; payments by hand and by a provider whose
// messages are signed; what is prepaid stops and goes on.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { sleep, until } from "../harness/command.js";
import { MailServer } from "../harness/smtp.js";
import { type Customer, unlimited, World } from "../harness/world.js";

describe("billing", () => {
    let world: World;
    let mail: MailServer;
    let last: string; // month
    before(async () => {
        mail = await MailServer.start({});
        world = await World.create({ agent: null, server: { config: { workers: 2, mail: { server: mail.address, from: "croft@example.org", tls: "none", retry_s: 1 } } } });
        last = await sql("SELECT to_char(now() AT TIME ZONE 'UTC' - interval '1 month', 'YYYY-MM')");
        await world.operator.expect(200, "PUT", "/v1/admin/billing/seller", { body: { company: "Croft & Söhne <GmbH>", country: "DE", number_prefix: "RE", footer: "Bank: 123" } });
    });
    after(async () => {
        await world?.close();
        await mail?.stop();
    });

    const sql = (text: string) => world.cluster.sql(text);
    const charge = (tenant: string, amount: number, description = "Small", month = last) =>
        sql(`INSERT INTO charges (account_id, month, key, number, tenant_id, meter, description, from_ts, to_ts, quantity, unit, unit_price, amount, currency, tax_rate,
                tax_amount, tax_name, evidence)
            SELECT '${tenant}', date '${month}-01', '${randomUUID()}', 0, '${tenant}', 'ipv4', '${description}', date '${month}-01', date '${month}-02', 1, 'month', ${amount},
                ${amount}, 'EUR', 19, round(${amount} * 0.19, 2), 'VAT', '{"by":"test"}'`);
    // Charges that were put in by hand have no history, so what they came from is not asked: only whether the money agrees.
    const agrees = async () => assert.equal(await sql("SELECT string_agg(m::text, ' ') FROM croft_verify_money() m"), "");
    const long = (of: string) => sql(`UPDATE billing_accounts SET created_at = '2020-01-01' WHERE tenant_id IN (${of})`);

    // Rating a month anew would take back what was put in by hand.
    const pinned = () => sql(`CREATE OR REPLACE FUNCTION croft_charge(p_account uuid, p_month date) RETURNS int LANGUAGE sql AS 'SELECT 0'`);

    async function ended(of: string, meanwhile = () => {}): Promise<void> {
        await sql("DELETE FROM month_runs");
        await world.operator.expect(202, "POST", "/v1/admin/month-ends", { body: { month: last } });
        meanwhile();
        await until("the month has ended", async () => (await sql(`SELECT count(*) FROM month_ends WHERE tenant_id IN (${of}) AND state <> 'done'`)) === "0"
            && Number(await sql(`SELECT count(*) FROM month_ends WHERE tenant_id IN (${of})`)) > 0, 120_000);
    }

    test("a month ends in an invoice, which is mailed, shown, and paid by hand", async () => {
        await pinned();
        const buyer = await world.createCustomer(unlimited);
        const { headers } = await buyer.api.raw("GET", "/v1/billing/account");
        const hostile = "<script>alert(1)</script> \"' & 名前 Ελλάδα";
        await buyer.api.expect(200, "PATCH", "/v1/billing/account", { body: { company: hostile, country: "DE", email: "bills@example.org" }, headers: { "If-Match": headers.get("etag")! } });
        await charge(buyer.id, 10.01, "Small <img src=x onerror=alert(1)>");
        await long(`'${buyer.id}'`);
        await ended(`'${buyer.id}'`);
        const { items } = await buyer.api.expect(200, "GET", "/v1/invoices");
        assert.deepEqual(items.map((one: any) => [one.state, one.total, one.open, one.month]), [["final", "11.91", "11.91", last]]);
        assert.match(items[0].number, /^RE20[0-9]{2}-[0-9]{5,}$/);
        await until("the invoice is mailed", async () => mail.to("bills@example.org").length === 1, 30_000).catch(async (error) => {
            throw new Error(`${error}: ${await sql("SELECT string_agg(m::text, ' ') FROM mails m")}`);
        });
        assert.match(mail.to("bills@example.org")[0]!.text, new RegExp(`${items[0].number}.*11\\.91 EUR`, "s"));

        const detail = await buyer.api.expect(200, "GET", `/v1/invoices/${items[0].id}`);
        assert.equal(detail.buyer.company, hostile);
        const html = await buyer.api.raw("GET", `/v1/invoices/${items[0].id}/html`);
        assert.equal(html.status, 200);
        assert.match(html.headers.get("content-security-policy")!, /default-src 'none'/);
        assert.ok(html.text.includes("&lt;script&gt;alert(1)&lt;/script&gt;") && html.text.includes("Croft &amp; Söhne &lt;GmbH&gt;"));
        assert.doesNotMatch(html.text, /<script|<img/);
        const pdf = await fetch(`${world.server.url}/v1/invoices/${items[0].id}/pdf`, { headers: { Authorization: `Bearer ${buyer.api.token}` } });
        const bytes = Buffer.from(await pdf.arrayBuffer());
        assert.deepEqual([pdf.status, pdf.headers.get("content-type"), bytes.subarray(0, 5).toString()], [200, "application/pdf", "%PDF-"]);
        assert.match(pdf.headers.get("content-disposition")!, /^attachment; filename="invoice-RE20[0-9-]+\.pdf"$/);
        assert.ok(bytes.length > 2000 && bytes.includes("%%EOF"));
        // What is final says what it said, whoever the buyer is by now.
        const again = await buyer.api.raw("GET", "/v1/billing/account");
        await buyer.api.expect(200, "PATCH", "/v1/billing/account", { body: { company: "Another" }, headers: { "If-Match": again.headers.get("etag")! } });
        assert.equal((await buyer.api.expect(200, "GET", `/v1/invoices/${items[0].id}`)).buyer.company, hostile);

        const body = { tenant_id: buyer.id, amount: "20.00", reference: "bank 1", invoice_id: items[0].id };
        const key = { "Idempotency-Key": randomUUID() };
        const paid = await Promise.all([1, 2, 3].map(() => world.operator.raw("POST", "/v1/admin/payments", { body, headers: key })));
        assert.ok(paid.every(({ status }) => status === 201), paid.map(({ text }) => text).join());
        assert.equal((await buyer.api.expect(200, "GET", `/v1/invoices/${items[0].id}`)).state, "paid");
        assert.equal((await buyer.api.expect(200, "GET", "/v1/billing/account")).balance, "8.09");
        await until("the payment is mailed", async () => mail.to("bills@example.org").length === 2, 30_000);
        await agrees();
    });

    test("a role that only pays reads and pays, one that only looks does neither", async () => {
        const owner = await world.createCustomer(unlimited);
        const as = async (role: string) => new Api(world.server.url, (await owner.api.expect(201, "POST", "/v1/tokens", { body: { name: role, role } })).token);
        const clerk = await as("billing");
        assert.equal((await clerk.raw("GET", "/v1/invoices")).status, 200);
        assert.equal((await clerk.raw("POST", "/v1/credits/redeem", { body: { code: "NOSUCH" } })).status, 422);
        assert.equal((await (await as("viewer")).raw("GET", "/v1/invoices")).status, 403);
    });

    test("two servers end a month while their connections die: one invoice each, without a gap", async () => {
        await pinned();
        const buyers = await sql(`WITH made AS (INSERT INTO tenants (parent_id, kind, name) SELECT croft_root(), 'tenant', 'many ' || n FROM generate_series(1, 150) n RETURNING id)
            SELECT string_agg(quote_literal(id), ',') FROM made`);
        await long(buyers);
        for (const id of buyers.split(",")) {
            await charge(id.slice(1, -1), 5);
        }
        const before = Number(await sql("SELECT last FROM invoice_numbers WHERE kind = 'invoice'"));
        let dying = true;
        let killer = Promise.resolve();
        const kill = async () => {
            while (dying) {
                await sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'croft_server' AND random() < 0.5");
                await sleep(300);
            }
        };
        await ended(buyers, () => (killer = kill())).finally(() => (dying = false));
        await killer;
        await until("the servers have their database back", async () => (await world.operator.raw("GET", "/v1/admin/month-ends")).status === 200, 30_000);
        assert.equal(await sql(`SELECT count(*) || ' ' || count(DISTINCT tenant_id) || ' ' || min(total) || ' ' || max(total) FROM invoices WHERE tenant_id IN (${buyers}) AND state = 'final'`), "150 150 5.95 5.95");
        assert.equal(await sql(`SELECT last FROM invoice_numbers WHERE kind = 'invoice'`), String(before + 150));
        await agrees();
        const summary = await world.operator.expect(200, "GET", `/v1/admin/month-ends/summary?month=${last}`);
        assert.equal(summary.accounts.active ?? 0, 0);
    });

    test("what is negative or tenfold waits for somebody", async () => {
        await pinned();
        const buyer = await world.createCustomer(unlimited);
        await charge(buyer.id, -3);
        await long(`'${buyer.id}'`);
        await sql("DELETE FROM month_runs");
        await world.operator.expect(202, "POST", "/v1/admin/month-ends", { body: { month: last } });
        const mine = async () => (await world.operator.expect(200, "GET", `/v1/admin/month-ends?tenant_id=${buyer.id}`)).items[0];
        await until("it waits", async () => (await mine())?.state === "review", 60_000);
        assert.match((await mine()).review, /negative/);
        assert.equal((await buyer.api.expect(200, "GET", "/v1/invoices")).items.length, 0);
        await world.operator.expect(200, "POST", `/v1/admin/month-ends/${(await mine()).id}/approve`);
        await until("it goes on", async () => (await mine()).state === "done", 60_000);
        const { items } = await buyer.api.expect(200, "GET", "/v1/invoices");
        assert.deepEqual(items.map((one: any) => [one.kind, one.total]), [["credit_note", "-3.57"]]);
        await agrees();
    });

    // ---- A provider

    async function provider(): Promise<{ id: string; secret: string }> {
        return world.operator.expect(201, "POST", "/v1/admin/payment-providers", { body: { kind: "webhook", title: "Cards", checkout_url: "https://pay.example.org/?shop=1" } });
    }
    function sign(secret: string, id: string, at: number, body: string): string {
        return "v1," + createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64")).update(`${id}.${at}.${body}`).digest("base64");
    }
    async function say(to: { id: string; secret: string }, notice: object, how: { id?: string; at?: number; signature?: string } = {}): Promise<number> {
        const [id, at, body] = [how.id ?? randomUUID(), how.at ?? Math.floor(Date.now() / 1000), JSON.stringify(notice)];
        const headers = { "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": how.signature ?? sign(to.secret, id, at, body) };
        return (await fetch(`${world.server.url}/v1/payment-webhooks/${to.id}`, { method: "POST", headers, body })).status;
    }
    async function started(buyer: Customer, from: { id: string }, amount: string) {
        const payment = await buyer.api.expect(201, "POST", "/v1/payments", { body: { provider_id: from.id, amount } });
        assert.equal(payment.checkout_url, `https://pay.example.org/?shop=1&payment=${payment.id}&amount=${amount}&currency=EUR`);
        return { payment, notice: { type: "payment.succeeded", data: { payment_id: payment.id, reference: `ch_${payment.id}`, amount, currency: "EUR" } } };
    }
    const state = async (buyer: Customer, id: string) => (await buyer.api.expect(200, "GET", `/v1/payments/${id}`)).state;

    test("a provider's word counts if it is signed, now, by that provider; once", async () => {
        const [buyer, one, other] = [await world.createCustomer(unlimited), await provider(), await provider()];
        const { payment, notice } = await started(buyer, one, "12.50");
        const now = Math.floor(Date.now() / 1000);
        assert.equal(await say(one, notice, { signature: "v1,bm90IGl0" }), 403);
        assert.equal(await say(one, notice, { at: now - 301 }), 403);
        assert.equal(await say(one, notice, { at: now + 360 }), 403);
        assert.equal(await say({ id: one.id, secret: other.secret }, notice), 403);
        assert.equal(await say({ id: other.id, secret: other.secret }, notice), 422);
        assert.equal(await say({ id: randomUUID(), secret: one.secret }, notice), 404);
        assert.equal(await state(buyer, payment.id), "pending");

        const id = randomUUID();
        const statuses = await Promise.all([1, 2, 3, 4].map(() => say(one, notice, { id })));
        assert.deepEqual(statuses, [204, 204, 204, 204]);
        assert.equal(await say(one, notice), 204); // said anew
        assert.equal(await state(buyer, payment.id), "succeeded");
        assert.equal(await sql(`SELECT count(*) || ' ' || sum(unallocated) FROM payments WHERE tenant_id = '${buyer.id}'`), "1 12.50");
        assert.equal(await sql(`SELECT count(*) FROM ledger_entries WHERE tenant_id = '${buyer.id}'`), "1");
        await agrees();
    });

    test("what is prepaid and used up stops, may still be paid, and goes on then", async () => {
        const [buyer, cards] = [await world.createCustomer(unlimited), await provider()];
        await charge(buyer.id, 10, "Small", "2026-01"); // of last month it would be rated anew
        const { headers } = await world.operator.raw("GET", `/v1/admin/tenants/${buyer.id}/billing`);
        const account = await world.operator.expect(200, "PUT", `/v1/admin/tenants/${buyer.id}/billing`, { body: { terms: "prepaid", grace_s: 0 }, headers: { "If-Match": headers.get("etag")! } });
        assert.deepEqual([account.prepaid_state, account.available], ["grace", "-11.90"]);
        await sql(`UPDATE prepaid_checks SET next_at = now() WHERE tenant_id = '${buyer.id}'`);
        await until("it is suspended", async () => (await buyer.api.expect(200, "GET", "/v1/billing/account")).prepaid_state === "suspended", 60_000);
        assert.equal((await world.operator.expect(200, "GET", `/v1/admin/tenants/${buyer.id}`)).suspended_by, "billing");
        assert.equal((await buyer.api.raw("POST", "/v1/tokens", { body: { name: "x" } })).status, 403);
        const { notice } = await started(buyer, cards, "50.00");
        assert.equal(await say(cards, notice), 204);
        assert.equal((await world.operator.expect(200, "GET", `/v1/admin/tenants/${buyer.id}`)).state, "active");
        assert.equal((await buyer.api.expect(200, "GET", "/v1/billing/account")).prepaid_state, "ok");
        await until("each is mailed", async () => mail.to(buyer.email).length >= 3, 30_000);
        await agrees();
    });

    test("a reseller bills the tenants below it, and nobody else's", async () => {
        const reseller = await world.createCustomer(unlimited, "owner", "reseller");
        const child = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "below" } });
        await reseller.api.expect(200, "PUT", "/v1/billing/seller", { body: { company: "Resell Ltd", number_prefix: "RS-" } });
        const { headers } = await reseller.api.raw("GET", `/v1/tenants/${child.id}/billing`);
        await reseller.api.expect(200, "PUT", `/v1/tenants/${child.id}/billing`, { body: { due_days: 30 }, headers: { "If-Match": headers.get("etag")! } });
        const granted = await reseller.api.expect(201, "POST", `/v1/tenants/${child.id}/credits`, { body: { amount: "5.00" } });
        assert.equal(granted.remaining, "5.00");
        await reseller.api.expect(201, "POST", `/v1/tenants/${child.id}/payments`, { body: { amount: "7.00", reference: "cash" } });
        await charge(child.id, 10);
        await sql(`SELECT croft_invoice_finalise(croft_invoice_draft(a, date '${last}-01'), a) FROM croft_account_lock('${child.id}') a`);
        const { items } = await reseller.api.expect(200, "GET", `/v1/tenants/${child.id}/invoices`);
        assert.deepEqual(items.map((one: any) => [one.number.slice(0, 3), one.state, one.total]), [["RS-", "paid", "11.90"]]);
        assert.equal((await reseller.api.raw("GET", `/v1/invoices/${items[0].id}/html`)).status, 200);
        const other = await world.createCustomer(unlimited, "owner", "reseller");
        for (const path of [`/v1/tenants/${child.id}/billing`, `/v1/tenants/${child.id}/invoices`, `/v1/invoices/${items[0].id}`, `/v1/invoices/${items[0].id}/pdf`]) {
            assert.equal((await other.api.raw("GET", path)).status, 404, path);
        }
        await agrees();
    });

    test("a reseller finalises, corrects and gives back itself, what it has sold and nothing else", async () => {
        await pinned();
        const [reseller, other] = [await world.createCustomer(unlimited, "owner", "reseller"), await world.createCustomer(unlimited, "owner", "reseller")];
        const child = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "below" } });
        await charge(child.id, 10);
        await charge(reseller.id, 10);
        const draft = (of: string) => sql(`SELECT (croft_invoice_draft(a, date '${last}-01')).id FROM croft_account_lock('${of}') a`);
        const [sold, bought] = [await draft(child.id), await draft(reseller.id)]; // the other one is the operator's
        const held = await sql(`INSERT INTO month_ends (tenant_id, month, currency, step, state, review, invoice_id)
            VALUES ('${child.id}', date '${last}-01', 'EUR', 'check', 'review', 'Look at it.', '${sold}') RETURNING id`);
        const refused = async (who: Customer, path: string, body?: object) => {
            const { status, json } = await who.api.raw("POST", path, { body });
            assert.deepEqual([status, json.code], [404, "not_found"], path);
        };
        const reason = { reason: "not as agreed" };
        for (const [who, id] of [[other, sold], [world.customer, sold], [reseller, bought]] as [Customer, string][]) {
            await refused(who, `/v1/invoices/${id}/finalise`);
            await refused(who, `/v1/invoices/${id}/void`, reason);
            await refused(who, `/v1/invoices/${id}/credit-note`, reason);
        }
        await refused(other, `/v1/month-ends/${held}/approve`);
        const waiting = await reseller.api.expect(200, "GET", "/v1/month-ends?state=review" as "/v1/month-ends");
        assert.deepEqual(waiting.items.map((one: any) => [one.id, one.review]), [[held, "Look at it."]]);
        assert.deepEqual((await other.api.expect(200, "GET", "/v1/month-ends")).items, []);
        assert.equal((await reseller.api.expect(200, "POST", `/v1/month-ends/${held}/approve`)).state, "active");
        const invoice = await until("the month has ended", async () => ((one: any) => one.state === "final" && one)(await reseller.api.expect(200, "GET", `/v1/invoices/${sold}`)), 60_000);
        assert.equal(invoice.total, "11.90");
        const clerk = new Api(world.server.url, (await reseller.api.expect(201, "POST", "/v1/tokens", { body: { name: "clerk", role: "billing" } })).token);
        assert.equal((await clerk.raw("POST", `/v1/invoices/${sold}/void`, { body: reason })).status, 403, "who only pays gives nothing away");
        const headers = { "Idempotency-Key": randomUUID() };
        const notes = await Promise.all([1, 2].map(() => reseller.api.raw("POST", `/v1/invoices/${sold}/credit-note`, { body: reason, headers })));
        assert.deepEqual(notes.map(({ status, json }) => [status, json.total, json.id]), [1, 2].map(() => [201, "-11.90", notes[0]!.json.id]));
        const payment = await reseller.api.expect(201, "POST", `/v1/tenants/${child.id}/payments`, { body: { amount: "7.00", reference: "till" } });
        await refused(other, `/v1/payments/${payment.id}/refund`, { amount: "1.00", ...reason });
        assert.equal((await reseller.api.expect(200, "POST", `/v1/payments/${payment.id}/refund`, { body: { amount: "7.00", ...reason } })).state, "refunded");
        assert.deepEqual((await reseller.api.expect(200, "GET", `/v1/tenants/${child.id}/payments`)).items.map((one: any) => one.state), ["refunded"]);
        await agrees();
    });
});
