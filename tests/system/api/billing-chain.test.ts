// From what existed to what is charged, exported and invoiced, to the cent: two buyers, one below a reseller, through orders of the API; the
// truth is worked out here, from the seconds and bytes alone. Then the same again after the server and PostgreSQL were killed, and the months
// before are ended while whoever ends them is killed at every step.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { output, run, until } from "../harness/command.js";
import { Gates } from "../harness/gates.js";
import { root } from "../harness/paths.js";
import { type Customer, unlimited, World } from "../harness/world.js";

type Row = Record<string, string>;

const hour = 3600;
const day = 24 * hour;
const month = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() - 1, 1)); // the last that is over
const next = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1));
const name = month.toISOString().slice(0, 7);
const monthSeconds = (next.getTime() - month.getTime()) / 1000;
const at = (second: number) => `'${new Date(month.getTime() + second * 1000).toISOString()}'`;

const cents = (amount: number) => Math.round(amount * 100);
const rounded = (numerator: bigint, denominator: bigint): number => Number((2n * numerator + denominator) / (2n * denominator));
// seconds at a price of an hour, in cents, rounded once.
const byHour = (...parts: [number, number][]): number => rounded(parts.reduce((sum, [seconds, price]) => sum + BigInt(seconds) * BigInt(Math.round(price * 10_000)), 0n), 360_000n);

describe("every cent", () => {
    let world: World;
    let reseller: Customer;
    let below: string; // the reseller's tenant
    let large: string;
    const vps: Record<string, string> = {};
    const wanted: Record<string, number> = {}; // cents by account and meter

    const sql = (text: string) => world.cluster.sql(text);
    // The history of a vps as it is to have been: [from, to, plan, state].
    async function lived(id: string, ...periods: [number, number | null, string, string][]): Promise<void> {
        const rows = periods.map(([from, to, plan, state], i) =>
            `('${id}', (SELECT tenant_id FROM vps WHERE id = '${id}'), '${world.location.id}', '${plan}', 1, '${state}', 67108864, 1, 0, ${at(from)}, ${to === null ? "NULL" : at(to)}, ${i === 0 ? "NULL" : at(from)})`);
        await sql(`SET session_replication_role = replica; DELETE FROM vps_periods WHERE vps_id = '${id}';
            INSERT INTO vps_periods (vps_id, tenant_id, location_id, plan_id, plan_version, state, disk_bytes, ipv4_count, ipv6_count, from_ts, to_ts, follows)
            SELECT v.a::uuid, v.b, v.c::uuid, v.d::uuid, v.e, v.f, v.g, x.ipv4_count, x.ipv6_count, v.j::timestamptz, v.k::timestamptz, v.l::timestamptz
            FROM (VALUES ${rows.join(",")}) v (a, b, c, d, e, f, g, h, i, j, k, l) JOIN vps x ON x.id = v.a::uuid`);
    }
    // Counters of an hour as evidence, of a boot of their own: so many samples, bytes out of the location.
    const measured = (id: string, from: number, samples: number, bytes: number) =>
        sql(`INSERT INTO usage_evidence SELECT (jsonb_populate_record(NULL::usage_evidence, (SELECT jsonb_object_agg(column_name, 0) FROM information_schema.columns
                WHERE table_schema = 'public' AND table_name = 'usage_evidence' AND data_type = 'bigint')
            || jsonb_build_object('vps_id', v.id, 'boot', gen_random_uuid(), 'tenant_id', v.tenant_id, 'hour', ${at(from)}::timestamptz, 'part', 1, 'samples', ${samples},
                'last_seq', ${samples}, 'first_ts', ${at(from)}::timestamptz, 'last_ts', ${at(from + 3599)}::timestamptz, 'anew', false,
                'last_net_tx_bytes', ${bytes}, 'last_net_tx_outside_bytes', ${bytes}))).* FROM vps v WHERE v.id = '${id}'`);
    const verified = async () => assert.equal(await world.server.verifyBilling(), "");
    const charge = (account: string) => sql(`SELECT croft_charge('${account}', '${name}-01')`);

    async function csv(who: Customer["api"], query: string): Promise<Row[]> {
        let text = "";
        for (let path: string | undefined = query; path; ) {
            const answer: { headers: Headers; status: number; text: string } = await who.raw("GET", path);
            assert.equal(answer.status, 200, answer.text);
            text += answer.text;
            path = answer.headers.get("link")?.match(/<([^>]*)>/)?.[1];
        }
        return JSON.parse((await run(["python3", "-c", "import csv,io,json,sys; print(json.dumps(list(csv.DictReader(io.StringIO(sys.stdin.read(), newline='')))))"], { input: text })).stdout);
    }
    const sum = (rows: Row[], column: string) => rows.reduce((total, row) => total + cents(Number(row[column])), 0);

    before(async () => {
        world = await World.create();
        const small = { price_month: "5.00", price_hour: "0.0100", traffic_bytes: 10 ** 12, currency: "EUR" };
        world.plan = await world.createPlan("small", small);
        large = (await world.createPlan("large", { ...small, price_month: "9.99", price_hour: "0.0200", memory_bytes: 128 * 2 ** 20 })).id;
        reseller = await world.createCustomer(unlimited, "owner", "reseller");
        await reseller.api.expect(201, "PUT", `/v1/plan-offers/${world.plan.id}`, { body: { price_month: "7.00", price_hour: "0.0150", currency: "EUR" } });
        below = (await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "below", quotas: unlimited } })).id;
        // The prices have held since before the month; the operator's list adds traffic and snapshots.
        await sql(`SET session_replication_role = replica;
            UPDATE plan_versions SET valid_from = '2020-01-01', created_at = '2020-01-01'; UPDATE plan_offer_prices SET valid_from = '2020-01-01';
            WITH b AS (INSERT INTO price_books (seller_id, currency, name) SELECT id, 'EUR', 'list' FROM tenants WHERE parent_id IS NULL RETURNING id),
                v AS (INSERT INTO price_book_versions (book_id, number, valid_from) SELECT id, 1, '2020-01-01' FROM b RETURNING id)
            INSERT INTO price_items (version_id, meter, price_unit, price_month) SELECT id, 'traffic', 1.5, NULL FROM v UNION ALL SELECT id, 'snapshot', NULL, 0.3 FROM v;
            INSERT INTO tax_rules (seller_id, rate, name, valid_from) SELECT id, 19, 'VAT', '2020-01-01' FROM tenants WHERE parent_id IS NULL`);
    });
    after(() => world?.close());

    test("orders: a life with a resize, a snapshot and a deletion; one below a reseller", async () => {
        const own = world.customer.api;
        vps.short = (await world.createVps({ name: "short", external_ref: "=short" })).id;
        const { task: grown } = await own.expect(202, "POST", `/v1/vps/${vps.short}/resize`, { body: { plan_id: large } });
        assert.equal((await own.settled(grown.id)).status, "done");
        const { task, snapshot } = await own.expect(202, "POST", `/v1/vps/${vps.short}/snapshots`);
        await own.settled(task.id);
        await world.deleteVps(vps.short);
        const headers = { "Croft-Tenant": below };
        const made = await reseller.api.raw("POST", "/v1/vps", { body: world.order({ name: "whole" }), headers: { ...headers, Prefer: "wait=30" } });
        assert.equal(made.status, 201, made.text);
        vps.whole = made.json.vps.id;
        // What lasted a second or so here is set to what it is to have lasted.
        const s = { begun: 10 * hour + 7, grown: 5 * day + 3 * hour + 753, ended: 9 * day + hour + 123 };
        await lived(vps.short!, [s.begun, s.grown, world.plan.id, "running"], [s.grown, s.ended, large, "running"], [s.ended, s.ended + 5, large, "ending"]);
        await lived(vps.whole!, [-400 * day, null, world.plan.id, "running"]);
        await sql(`SET session_replication_role = replica; DELETE FROM snapshot_periods;
            INSERT INTO snapshot_periods (snapshot_id, vps_id, tenant_id, size_bytes, from_ts, to_ts)
                VALUES ('${snapshot.id}', '${vps.short}', '${world.customer.id}', 123456789012, ${at(6 * day)}, ${at(8 * day + 11)})`);
        const traffic = 3_333_333_333_333; // bytes out of the location
        await measured(vps.short!, 7 * day, 60, traffic);
        // The truth. A started hour is paid whole by who deletes.
        const lasted = s.ended - s.begun;
        wanted["own plan"] = byHour([s.grown - s.begun, 0.01], [s.ended - s.grown + ((hour - (lasted % hour)) % hour), 0.02]);
        const included = (BigInt(10 ** 12) * BigInt(lasted)) / BigInt(monthSeconds);
        wanted["own traffic"] = rounded((BigInt(traffic) - included) * 150n, 10n ** 12n);
        wanted["own snapshot"] = rounded(123456789012n * BigInt(2 * day + 11) * 30n, 10n ** 9n * BigInt(monthSeconds));
        wanted["reseller plan"] = 500; // capped
        wanted["below plan"] = 700; // what the reseller asks for the same
    });

    const totals = async () => {
        const own = await csv(world.customer.api, `/v1/billing/export?month=${name}&limit=2`);
        const resold = await csv(reseller.api, `/v1/billing/export?month=${name}`);
        const sold = await csv(reseller.api, `/v1/billing/export?month=${name}&sold=true`);
        const of = (rows: Row[], meter: string) => sum(rows.filter((row) => row.meter === meter), "amount");
        return { "own plan": of(own, "plan"), "own traffic": of(own, "traffic"), "own snapshot": of(own, "snapshot"), "reseller plan": of(resold, "plan"), "below plan": of(sold, "plan") };
    };
    let first: object;

    test("what is charged is the truth, to the cent, and again after every death", { timeout: 240_000 }, async () => {
        for (const account of [world.customer.id, reseller.id, below]) {
            assert.ok(Number(await charge(account)) > 0, account);
            assert.equal(await charge(account), "0", "charged twice");
        }
        assert.deepEqual(await totals(), wanted);
        first = await csv(world.customer.api, `/v1/billing/export?month=${name}`);
        await verified();
        for (const pid of world.server.workers()) {
            process.kill(pid, "SIGKILL");
        }
        await world.server.ready();
        assert.deepEqual(await totals(), wanted);
        await world.cluster.stop("immediate");
        await world.cluster.start();
        await world.server.ready();
        assert.equal(await charge(world.customer.id), "0");
        assert.deepEqual(await totals(), wanted);
        assert.deepEqual(await csv(world.customer.api, `/v1/billing/export?month=${name}`), first, "a line changed");
        await verified();
    });

    test("docs/billing.md: the example runs", async () => {
        const page = readFileSync(`${root}/docs/billing.md`, "utf8");
        const section = page.slice(page.indexOf("## A line down to its counters")).split("\n## ")[0]!;
        const script = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]).join("\n");
        const { stdout } = await run(["bash", "-euo", "pipefail", "-c", script], { env: { URL: world.server.url, TOKEN: world.customer.api.token!, MONTH: name } });
        for (const word of ["plan: short, small: 113.207222 hour at 0.01: 1.13 EUR", ": 337770 s", "3333333333333 bytes, 60 samples", "1.90 EUR"]) {
            assert.ok(stdout.includes(word), `${word} in ${stdout}`);
        }
        assert.equal(stdout.match(/^true$/gm)?.length, 2, stdout);
    });

    test("usage that comes late is a line of its own; nothing that was charged changes", async () => {
        await measured(vps.short!, 7 * day, 1, 10 ** 12);
        assert.equal(await charge(world.customer.id), "1");
        const rows = await csv(world.customer.api, `/v1/billing/export?month=${name}`);
        const late = rows.filter((row) => row.kind === "adjustment");
        assert.deepEqual(late.map((row) => [row.meter, cents(Number(row.amount))]), [["traffic", 150]]);
        assert.deepEqual(rows.filter((row) => row.kind === "usage"), first);
        await verified();
    });

    // https://focus.finops.org, Cost and Usage: what must be there, which of it may be null, and what it looks like.
    const columns: [string, RegExp][] = [
        ["BilledCost", /^-?[0-9]+(\.[0-9]+)?$/], ["BillingAccountId", /^.+$/], ["BillingAccountName", /^/], ["BillingCurrency", /^[A-Z]{3}$/],
        ["BillingPeriodEnd", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/], ["BillingPeriodStart", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/],
        ["ChargeCategory", /^(Usage|Purchase|Tax|Credit|Adjustment)$/], ["ChargeClass", /^(Correction)?$/], ["ChargeDescription", /^/],
        ["ChargePeriodEnd", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/], ["ChargePeriodStart", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/],
        ["ContractedCost", /^-?[0-9]+(\.[0-9]+)?$/], ["EffectiveCost", /^-?[0-9]+(\.[0-9]+)?$/], ["HostProviderName", /^.+$/], ["InvoiceIssuerName", /^.+$/],
        ["ListCost", /^-?[0-9]+(\.[0-9]+)?$/], ["PricingQuantity", /^(-?[0-9]+(\.[0-9]+)?)?$/], ["PricingUnit", /^/],
        ["ServiceCategory", /^(Compute|Networking|Storage|Other)$/], ["ServiceName", /^.+$/], ["ServiceProviderName", /^.+$/],
    ];

    test("FOCUS has the mandatory columns, and the same money with its tax", async () => {
        const rows = await csv(world.customer.api, `/v1/billing/export?month=${name}&kind=focus&limit=2`);
        const charges = await csv(world.customer.api, `/v1/billing/export?month=${name}`);
        for (const row of rows) {
            for (const [column, form] of columns) {
                assert.ok(column in row, `${column} is missing`);
                assert.match(row[column]!, form, column);
            }
            assert.ok(Date.parse(row.ChargePeriodStart!) >= Date.parse(row.BillingPeriodStart!) && Date.parse(row.ChargePeriodEnd!) <= Date.parse(row.BillingPeriodEnd!));
            assert.deepEqual([row.BillingPeriodStart, row.BillingPeriodEnd], [month, next].map((time) => time.toISOString().replace(".000Z", "Z")));
            // A column of a standard or of ours, and nothing else.
            assert.deepEqual(Object.keys(row).filter((column) => !/^[A-Z][A-Za-z]+$|^x_[A-Z]/.test(column)), []);
        }
        assert.equal(sum(rows, "BilledCost"), sum(charges, "amount") + sum(charges, "tax_amount"));
        assert.equal(sum(rows.filter((row) => row.ChargeCategory === "Tax"), "BilledCost"), sum(charges, "tax_amount"));
        assert.ok(rows.some((row) => row.ChargeClass === "Correction") && rows.some((row) => row.x_ExternalRef === "'=short"));
        assert.equal((await world.operator.raw("GET", `/v1/admin/billing/export?month=${name}&tenant_id=${below}`)).text.split("\r\n").length, 3);
        assert.equal((await csv(world.operator, `/v1/admin/billing/export?month=${name}`)).some((row) => row.account_id === below), false, "what a reseller sells is not the operator's bill");
    });

    // ---- The end of the months before

    // Two months end one after another, as they do after a while without a server. Whoever ends them is killed at every step: in the first month right
    // before it is committed, in the second right behind that. Two workers and two others do the steps at once; at one step it is the workers alone that die.
    const steps = ["freeze", "wait", "rate", "check", "finalise", "send"];
    const monthOf = (back: number) => new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth() - back, 1)).toISOString().slice(0, 7);
    const earlier = [monthOf(2), monthOf(1)];
    const places = ["before", "after"].flatMap((when, i) => steps.map((step) => ({ step, when, month: earlier[i]! })));
    const beyond = async (place: { month: string; step: string }) => Number(await sql(`SELECT count(*) FROM month_ends WHERE month = '${place.month}-01'
        AND array_position(ARRAY['${steps.join("','")}', 'done'], step) > ${steps.indexOf(place.step) + 1}`));
    const ended = (name: string, accounts: number) => until(`${name} has ended`, async () =>
        (await sql(`SELECT count(*) FILTER (WHERE state = 'done') FROM month_ends WHERE month = '${name}-01'`)) === `${accounts}`, 60_000).catch(async (error) => {
        throw new Error(`${error}: ${await sql(`SELECT string_agg(m::text, ' ') FROM month_ends m WHERE month = '${name}-01' AND state <> 'done'`)}`);
    });

    // One invoice each, one mail each, numbers without a gap, and books that come to nothing. What was there of the vps is the same in each month.
    async function checked(name: string): Promise<void> {
        const invoices = `invoices i WHERE i.month = '${name}-01'`;
        assert.equal(await sql(`SELECT string_agg(tenant_id || ' ' || kind || ' ' || state || ' ' || total, ', ' ORDER BY total) FROM ${invoices}`),
            `${reseller.id} invoice final 5.95, ${below} invoice final 7.00`, name);
        assert.equal(await sql(`SELECT count(*) || ' ' || count(DISTINCT subject_id) FROM mails WHERE kind = 'invoice' AND subject_id IN (SELECT id FROM ${invoices})`), "2 2", `${name}: mails`);
        assert.equal(await sql(`SELECT count(*) FROM (SELECT FROM invoices WHERE sequence IS NOT NULL GROUP BY seller_id, kind, year
            HAVING min(sequence) <> 1 OR max(sequence) <> count(*) OR count(DISTINCT sequence) <> count(*)) gaps`), "0", `${name}: numbers`);
        assert.equal(await sql("SELECT count(*) FROM (SELECT FROM ledger_accounts GROUP BY tenant_id, currency HAVING sum(balance) <> 0) wrong"), "0", `${name}: ledger`);
    }

    async function killed(gates: Gates, n: number): Promise<string> {
        const place = places[n]!;
        const alone = place.step === "finalise";
        if (alone) {
            await gates.dismiss();
        }
        const victims = await until(`${place.step} of ${place.month} is about to be committed`, async () => {
            const waiting = await gates.waiting(n);
            const others = waiting.filter(({ hand }) => alone && hand);
            if (others.length > 0) {
                await gates.terminate(others);
            }
            return waiting.length > others.length && waiting.filter((one) => !others.includes(one));
        }, 60_000);
        const workers = victims.some(({ hand }) => !hand) ? world.server.workers() : [];
        await gates.dismiss();
        workers.forEach((pid) => process.kill(pid, "SIGKILL"));
        assert.equal(await beyond(place), 0, "nobody else did the step meanwhile");
        if (place.when === "before") {
            await gates.terminate(victims);
            assert.equal(await beyond(place), 0, "what was not committed is lost");
            gates.open(n);
        } else {
            gates.open(n);
            await gates.gone(victims);
            assert.ok(await beyond(place) > 0, "what was committed is kept");
        }
        return `${workers.length} workers, ${victims.filter(({ hand }) => hand).length} others`;
    }

    test("months end twice, by four at once, killed before and after the commit of each step: one invoice each", { timeout: 240_000 }, async (t) => {
        // The customer has nothing in those months and would run ahead of the others: its account is newer than they are.
        await sql(`UPDATE billing_accounts SET created_at = CASE tenant_id WHEN '${world.customer.id}' THEN ${at(0)}::timestamptz ELSE '2020-01-01' END,
            email = tenant_id || '@example.org' WHERE tenant_id IN ('${world.customer.id}', '${reseller.id}', '${below}')`);
        const gates = await Gates.create(world.cluster, places);
        try {
            await sql(`DELETE FROM month_runs; INSERT INTO month_runs (month) VALUES ('${earlier[0]}-01')`);
            gates.engage(2);
            for (const [n, { step, when, month }] of places.entries()) {
                t.diagnostic(`${month}: ${await killed(gates, n)} killed right ${when} the commit of ${step}`);
                assert.equal(await sql("SELECT string_agg(m::text, ' ') FROM croft_verify_money() m"), "", `${step}, ${when}`);
                gates.engage(2);
            }
            // Accounts may be at different steps, and what waits at a gate holds back others of its transaction: months are whole only now.
            for (const month of earlier) {
                await ended(month, 2);
                await checked(month);
            }
            await verified();
            assert.deepEqual((await gates.hits(places.length)).flatMap((hits, n) => (hits > 0 ? [] : [places[n]])), [], "a step was not hit");
            // All of it again, by the operator's order and by a list of runs that was lost.
            await world.server.ready();
            const made = () => sql("SELECT count(*) || ' ' || (SELECT count(*) FROM mails) || ' ' || (SELECT count(*) FROM ledger_entries) || ' ' || (SELECT count(*) FROM charges) FROM invoices");
            await ended(name, 3);
            const once = await made();
            await Promise.all([...earlier, ...earlier, ...earlier].map((month) => world.operator.expect(202, "POST", "/v1/admin/month-ends", { body: { month } })));
            await sql(`DELETE FROM month_runs; INSERT INTO month_runs (month) VALUES ('${earlier[0]}-01')`);
            await until("the list of runs is whole again", async () => (await sql(`SELECT count(*) FROM month_runs WHERE opened_at IS NOT NULL AND month = '${name}-01'`)) === "1");
            assert.equal(await made(), once);
        } finally {
            await gates.close();
        }
    });

    test("an invoice is the truth to the cent; each line opens to its evidence, that to its counters, and the PDF says the total", async () => {
        const own = world.customer.api;
        const { items } = await own.expect(200, "GET", "/v1/invoices");
        assert.deepEqual(items.map((one: any) => [one.month, one.state]), [[name, "final"]]);
        const invoice = await own.expect(200, "GET", `/v1/invoices/${items[0].id}`);
        const truth = wanted["own plan"]! + wanted["own traffic"]! + wanted["own snapshot"]! + 150; // the last came late
        const taxes = invoice.lines.reduce((all: number, line: any) => all + cents(Number(line.tax_amount)), 0);
        assert.deepEqual([cents(invoice.net), cents(invoice.tax), cents(invoice.total)], [truth, taxes, truth + taxes]);
        assert.ok(invoice.lines.every((line: any) => cents(line.tax_amount) === rounded(BigInt(cents(Number(line.amount))) * 19n, 100n)), "19 percent of each line");
        const opened: string[] = [];
        for (const line of invoice.lines) {
            const charge = await own.expect(200, "GET", `/v1/charges/${line.charge_id}`);
            assert.deepEqual([charge.invoice_id, cents(charge.amount), cents(charge.tax_amount)], [invoice.id, cents(line.amount), cents(line.tax_amount)]);
            opened.push(`${line.meter} ${charge.kind}`);
            if (line.meter === "plan") {
                assert.equal(charge.periods.reduce((all: number, one: any) => all + one.seconds, 0), charge.facts.seconds);
            } else if (line.meter === "snapshot") {
                assert.deepEqual(charge.snapshots.map((one: any) => [one.size_bytes, one.seconds]), [[123456789012, 2 * day + 11]]);
            } else {
                let counted = 0;
                for (const one of charge.hours) {
                    const to = new Date(Date.parse(one.hour) + hour * 1000).toISOString();
                    const { parts } = await own.expect(200, "GET", `/v1/vps/${one.vps_id}/usage/evidence?from=${encodeURIComponent(one.hour)}&to=${to}` as "/v1/vps/{id}/usage/evidence");
                    const bytes = parts.reduce((all: number, part: any) => all + part.last.net_tx_outside_bytes - part.first.net_tx_outside_bytes, 0);
                    assert.equal(bytes, one.net_tx_outside_bytes);
                    counted += bytes;
                }
                assert.equal(counted, 4_333_333_333_333, "with what came late");
            }
        }
        assert.deepEqual(opened.sort(), ["plan usage", "plan usage", "snapshot usage", "traffic adjustment", "traffic usage"]);
        const file = world.sandbox.path("invoice.pdf");
        const pdf = await fetch(`${world.server.url}/v1/invoices/${invoice.id}/pdf`, { headers: { Authorization: `Bearer ${own.token}` } });
        writeFileSync(file, Buffer.from(await pdf.arrayBuffer()));
        const text = await output(["pdftotext", "-layout", file, "-"]);
        assert.ok(text.includes(invoice.number), text);
        assert.match(text, new RegExp(`Total.*\\b${((truth + taxes) / 100).toFixed(2)}\\b`), text);
        for (const line of invoice.lines) {
            assert.ok(text.includes(line.amount), `${line.amount} in ${text}`);
        }
    });

    test("billing.mode: none and export say so", async () => {
        world.server.configure({ billing: { mode: "none" } });
        await world.server.reload();
        const refused = await world.customer.api.raw("GET", "/v1/billing/export");
        assert.deepEqual([refused.status, refused.json.code], [403, "forbidden"]);
        assert.match(refused.json.detail, /billing\.mode is none/);
        assert.equal((await world.customer.api.raw("GET", "/v1/usage")).status, 200, "usage is there in every mode");
        world.server.configure({ billing: { mode: "export" } });
        await world.server.reload();
        assert.equal((await world.customer.api.raw("GET", "/v1/billing/export")).status, 200);
        world.server.configure({ billing: { mode: "both" } });
        const broken = await world.server.command("check-config").catch(String);
        assert.match(broken, /must be none, export or full/);
    });
});
