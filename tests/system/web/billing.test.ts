// From a price to a paid invoice: what an operator sets, what a customer sees of it, down to what was measured; what a reseller sells.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { type Customer, unlimited, World } from "../harness/world.js";

const staff = { email: "operator@example.org", password: "an operator's long phrase" };
const pdf = /^%PDF-/;

describe("billing", () => {
    let world: World;
    let browser: Browser;
    let customer: Window;
    let operator: Window;
    let other: Customer;
    let reseller: Customer;
    let below: string; // a reseller's customer
    let vps: string;
    let book: string;
    let invoice: string;
    let charge: string;
    let card: { id: string; secret: string };
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(staff.email, staff.password);
        other = await world.createCustomer(unlimited);
        reseller = await world.createCustomer(unlimited, "owner", "reseller");
        for (const [who, name] of [[world.customer, "Harbour Books"], [other, "Quay Coffee"], [reseller, "Pier Hosting"]] as const) {
            await world.operator.expect(200, "PATCH", `/v1/admin/tenants/${who.id}`, { body: { name }, headers: { "If-Match": "*" } });
        }
        await reseller.api.expect(201, "PUT", `/v1/plan-offers/${world.plan.id}`, { body: { price_month: "8.00", price_hour: "0.0150", currency: "EUR" } });
        below = (await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "Dock Diving", quotas: unlimited } })).id;
        vps = (await world.createVps({ name: "shop" })).id;
        await world.createVps({ name: "till" }, other.api);
        const made = await reseller.api.raw("POST", "/v1/vps", { body: world.order({ name: "tank" }), headers: { "Croft-Tenant": below, Prefer: "wait=30" } });
        assert.equal(made.status, 201, made.text);
        // As if all of it had been there since two months ago.
        await past(`UPDATE vps SET created_at = date_trunc('second', created_at - interval '65 days');
            UPDATE vps_periods p SET from_ts = v.created_at FROM vps v WHERE v.id = p.vps_id AND p.follows IS NULL;
            UPDATE billing_accounts SET created_at = '2020-01-01'`);
        browser = await Browser.open(world.sandbox, world.server.url);
        operator = await browser.window();
        await operator.signIn(staff, "/operator/prices");
        customer = await browser.window();
        await customer.signIn(world.customer);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const past = (text: string) => world.cluster.sql(`SET session_replication_role = replica; ${text}`);

    test("a price book is made, and its next list is written beside what it changes", async () => {
        const { page } = operator;
        await operator.button("Create price book").first().click();
        await operator.dialog().getByLabel("Name").fill("Standard");
        await operator.button("Create price book", operator.dialog()).click();
        await operator.heading("Standard · EUR").waitFor();
        book = new URL(page.url()).pathname.split("/").pop()!;
        await operator.button("New list").click();
        await operator.button("Add price").click();
        const first = page.getByRole("listitem", { name: "Price 1" });
        await first.getByLabel("A month").fill("7,00");
        await first.getByLabel("An hour").fill("0.01");
        await page.getByRole("row", { name: /New.*Plan · any plan/ }).waitFor();
        await operator.button("Save list").click();
        await page.getByRole("table", { name: "Prices" }).getByText(/€7.00/).waitFor();
        await operator.button("New list").click();
        await page.getByRole("listitem", { name: "Price 1" }).getByLabel("A month").fill("8.00");
        await page.getByRole("table", { name: "What it changes" }).getByText(/€8.00/).waitFor();
        await page.getByLabel("Holds from").fill("2040-01-01");
        await operator.button("Save list").click();
        await page.getByRole("heading", { name: /From .*2040 on/ }).waitFor();
        await operator.button("Delete").click(); // of the one that does not hold yet
        await operator.button("Delete", operator.dialog()).click();
        await page.getByRole("heading", { name: /From .*2040 on/ }).waitFor({ state: "detached" });
        await past("UPDATE price_book_versions SET valid_from = '2020-01-01' WHERE valid_from < now()");
    });

    test("a tax rule, what invoices say of the seller, two ways to pay, a code", async () => {
        const { page } = operator;
        await operator.go("/operator/taxes");
        await operator.button("Add tax rule").first().click();
        await operator.dialog().getByLabel("Name").fill("VAT");
        await operator.dialog().getByLabel("Percent").fill("19");
        await operator.button("Add tax rule", operator.dialog()).click();
        await page.getByRole("row", { name: /VAT.*19 %/ }).waitFor();
        await past("UPDATE tax_rules SET valid_from = '2020-01-01'");

        await operator.go("/operator/selling");
        const seller = page.getByRole("region", { name: "On your invoices" });
        await seller.getByLabel("Company").fill("Croft Hosting GmbH");
        await seller.getByLabel("Numbers begin with").fill("CH");
        await operator.button("Save", seller).click();
        await page.getByText("Saved.").waitFor();
        await operator.button("Add way to pay").click();
        await operator.dialog().getByLabel("Title").fill("Bank transfer");
        await operator.dialog().getByLabel("What the payer reads").fill("IBAN DE00 0000 0000 0000 00");
        await operator.button("Add", operator.dialog()).click();
        await page.getByRole("row", { name: /Bank transfer/ }).waitFor();
        await operator.button("Add way to pay").click();
        await operator.dialog().getByRole("combobox", { name: "Kind" }).or(operator.dialog().getByRole("textbox", { name: "Kind" })).click();
        await page.getByRole("option", { name: "Reports by webhook" }).click();
        await operator.dialog().getByLabel("Title").fill("Card");
        await operator.button("Add", operator.dialog()).click();
        const secret = (await operator.dialog("Card").locator("pre").first().innerText()).trim();
        card = { secret, id: (await operator.dialog("Card").locator("pre").last().innerText()).trim().split("/").pop()! };
        await operator.button("Done", operator.dialog()).click();
        await operator.button("Add code").click();
        await operator.dialog().getByLabel("Code").fill("welcome");
        await operator.dialog().getByLabel("Amount").fill("10");
        await operator.button("Add", operator.dialog()).click();
        await page.getByRole("row", { name: /WELCOME.*€10.00/ }).waitFor();
    });

    test("the one who creates a vps sees that price before", async () => {
        const { page } = customer;
        await customer.go("/vps/new");
        await page.getByRole("radio", { name: /tiny/ }).check({ force: true });
        await page.getByText("€7.00 a month").first().waitFor();
    });

    test("the costs of the month, down to the lines of a vps", async () => {
        const { page } = customer;
        await customer.go("/billing");
        await customer.heading("Costs").waitFor();
        await page.getByText("Foreseen for the month").waitFor();
        await page.getByRole("table", { name: "Costs by VPS" }).getByRole("link", { name: "shop" }).click();
        await page.getByRole("heading", { name: "Costs of shop" }).waitFor();
        await page.getByRole("table", { name: "Lines" }).getByRole("row").nth(1).waitFor();
        await customer.go("/");
        await page.getByRole("region", { name: "This month" }).getByText(/€/).first().waitFor();
    });

    test("a month is ended, what is odd is approved, and the customer has an invoice", { timeout: 180_000 }, async () => {
        await past("DELETE FROM month_runs"); // when the month was over there were no accounts yet
        await operator.go("/operator/months");
        await operator.button("Start month end").click();
        await operator.button("Start month end", operator.dialog()).click();
        const row = operator.page.getByRole("row", { name: /Harbour Books/ });
        await row.waitFor({ timeout: 60_000 });
        await until("it is done, or asks to be reviewed", async () => {
            const odd = operator.page.getByRole("row").filter({ has: operator.button("Approve") }).first();
            if (await odd.isVisible()) {
                const approve = operator.button("Approve", operator.page.getByRole("row", { name: (await odd.getByRole("link").first().innerText()) }));
                await approve.click();
                await operator.button("Approve", operator.dialog()).click();
                await approve.waitFor({ state: "detached" });
            }
            const states = await world.cluster.sql("SELECT count(*) FROM month_ends WHERE state <> 'done'");
            return states === "0" && (await row.getByText("Done").isVisible());
        }, 120_000);
        await customer.go("/billing/invoices");
        await customer.page.getByRole("row").nth(1).getByText("Open").waitFor();
    });

    test("each line of it leads to what it was computed from; it comes as files", async () => {
        const { page } = customer;
        await page.getByRole("table").getByRole("link", { name: /^CH/ }).first().click();
        await customer.heading(/^Invoice CH/).waitFor();
        invoice = new URL(page.url()).pathname.split("/").pop()!;
        for (const [name, begins] of [["PDF", pdf], ["HTML", /^\s*<!doctype/i]] as const) {
            const [download] = await Promise.all([page.waitForEvent("download"), customer.button(name).click()]);
            assert.match(readFileSync(await download.path()).toString("latin1", 0, 60), begins);
        }
        await page.getByRole("table", { name: "Lines" }).getByRole("link").first().click();
        await page.getByRole("table", { name: "What it was, second by second" }).getByRole("row").nth(1).waitFor();
        charge = new URL(page.url()).pathname.split("/").pop()!;
        await page.getByRole("link", { name: "Show the invoice" }).click();
        await customer.heading(/^Invoice CH/).waitFor();
    });

    test("a part that came by bank, the rest by a provider that reports: seen to be paid without a reload", async () => {
        const { page } = customer;
        await page.getByText("Open", { exact: true }).first().waitFor();
        await operator.go(`/operator/invoices/${invoice}`);
        await operator.button("Record payment").click();
        await operator.dialog().getByLabel("Amount").fill("1.33");
        await operator.dialog().getByLabel("Reference").fill("bank 1");
        await operator.button("Record payment", operator.dialog()).click();
        await operator.page.getByText("The payment is recorded.").waitFor();
        await page.getByText("€7.00", { exact: true }).first().waitFor(); // left of 7.00 and its tax

        await customer.button("Pay").click();
        await customer.dialog().getByRole("radio", { name: /Card/ }).check({ force: true });
        await customer.button("Go on", customer.dialog()).click();
        const payment = (await customer.dialog().locator("pre").innerText()).trim();
        await customer.button("Done", customer.dialog()).click();
        const body = JSON.stringify({ type: "payment.succeeded", data: { payment_id: payment, reference: "ch_1", amount: "7.00", currency: "EUR" } });
        const [id, at] = [randomUUID(), Math.floor(Date.now() / 1000)];
        const signature = "v1," + createHmac("sha256", Buffer.from(card.secret.replace("whsec_", ""), "base64")).update(`${id}.${at}.${body}`).digest("base64");
        const headers = { "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": signature };
        const answer = await fetch(`${world.server.url}/v1/payment-webhooks/${card.id}`, { method: "POST", headers, body });
        assert.ok(answer.ok, await answer.text());
        await page.getByText("Paid", { exact: true }).first().waitFor();
        await customer.go("/billing/account");
        await page.getByRole("table", { name: "Payments" }).getByRole("row").nth(2).waitFor();
    });

    test("it is taken back by a credit note, which asks for its number; another's is voided, and what was paid for nothing sent back", async () => {
        const { page } = operator;
        await operator.go(`/operator/invoices/${invoice}`);
        await operator.button("Credit note").click();
        const sure = operator.button("Credit note", operator.dialog());
        await operator.dialog().getByLabel("Reason").fill("It did not run.");
        assert.ok(await sure.isDisabled(), "not before its number was typed");
        await operator.dialog().getByLabel(/^Type CH/).fill((await operator.heading(/^Invoice/).innerText()).replace("Invoice ", ""));
        await sure.click();
        await operator.dialog().waitFor({ state: "hidden" });
        await customer.go("/billing/invoices");
        await customer.page.getByText("Credit note").first().waitFor();

        await operator.go("/operator/invoices");
        await page.getByRole("row", { name: /Quay Coffee/ }).getByRole("link").first().click();
        await operator.button("Void").click();
        await operator.dialog().getByLabel("Reason").fill("It was free.");
        await operator.dialog().getByLabel(/^Type CH/).fill((await operator.heading(/^Invoice/).innerText()).replace("Invoice ", ""));
        await operator.button("Void", operator.dialog()).click();
        await page.getByText("Void", { exact: true }).first().waitFor();
        await operator.go(`/operator/tenants/${other.id}/billing`);
        await page.getByRole("table", { name: "Ledger" }).getByText("Voided").waitFor();
        await operator.button("Grant credit").click();
        await operator.dialog().getByLabel("Amount").fill("3");
        await operator.button("Grant credit", operator.dialog()).click();
        await page.getByText("Credit granted").waitFor();
        await operator.button("Record payment").click();
        await operator.dialog().getByLabel("Amount").fill("4");
        await operator.dialog().getByLabel("Reference").fill("bank 2");
        await operator.button("Record payment", operator.dialog()).click();
        await page.getByText("The payment is recorded.").waitFor();
        await operator.go("/operator/payments"); // what no invoice uses may be sent back
        await operator.button("Refund", page.getByRole("row", { name: /Quay Coffee/ })).click();
        await operator.dialog().getByLabel("Reason").fill("Paid by mistake.");
        await operator.button("Refund", operator.dialog()).click();
        await page.getByRole("row", { name: /Quay Coffee/ }).getByText("Refunded").waitFor();
    });

    test("a draft is made final once one has said so again; a plan's next version is taken back the same way", async () => {
        const { page } = operator;
        const path = `**/v1/admin/invoices/${invoice}`;
        await page.route(path, async (route) => {
            const answer = await route.fetch();
            return route.fulfill({ response: answer, body: JSON.stringify({ ...(await answer.json()), state: "draft", number: null }) });
        });
        await operator.go(`/operator/invoices/${invoice}`);
        await operator.button("Finalise").click();
        await operator.dialog("Finalise").getByText(/changes no more/).waitFor();
        await Promise.all([page.waitForRequest(/\/finalise$/), operator.button("Finalise", operator.dialog()).click()]);
        await operator.dialog().getByRole("alert").waitFor(); // it is final already
        await page.unroute(path);

        await operator.go(`/operator/plans/${world.plan.id}`);
        await operator.button("New version").click();
        await operator.dialog().getByLabel("Network, each way").fill("250");
        await operator.dialog().getByLabel("Holds from").fill("2040-01-01");
        await operator.button("New version", operator.dialog()).click();
        const next = page.getByRole("row", { name: /2040/ });
        await next.waitFor();
        const { items } = await world.operator.expect(200, "GET", `/v1/admin/plans/${world.plan.id}/versions`);
        assert.deepEqual(items.map((one: { net_rate_bps: number | null }) => one.net_rate_bps).sort(), [250_000_000, null]);
        await operator.button("Delete", next).click();
        await operator.button("Delete", operator.dialog("Delete version")).click();
        await next.waitFor({ state: "detached" });
    });

    test("who invoices are made out to, and a code", async () => {
        const { page } = customer;
        await customer.go("/billing/account");
        const address = page.getByRole("region", { name: "Billing address" });
        await address.getByLabel("Company").fill("Harbour Books GmbH");
        await address.getByLabel("Country").fill("d1");
        await customer.button("Save", address).click();
        await address.getByRole("alert").waitFor();
        assert.equal(await address.getByLabel("Company").inputValue(), "Harbour Books GmbH");
        await address.getByLabel("Country").fill("de");
        await customer.button("Save", address).click();
        await page.getByText("Saved.").waitFor();
        const credits = page.getByRole("region", { name: "Credits" });
        await credits.getByLabel("Code").fill("welcome");
        await customer.button("Redeem", credits).click();
        await credits.getByText(/€10.00/).first().waitFor();
        await credits.getByLabel("Code").fill("NO-SUCH-CODE");
        await customer.button("Redeem", credits).click();
        await credits.getByRole("alert").waitFor();
    });

    test("a reseller sets prices of its own, and sees what its customers owe", async () => {
        const window = await browser.window();
        const { page } = window;
        await window.signIn(reseller, "/reselling/prices");
        await window.button("Create price book").first().click();
        await window.dialog().getByLabel("Name").fill("Resold");
        await window.button("Create price book", window.dialog()).click();
        await window.button("New list").click();
        await window.button("Add price").click();
        await page.getByRole("listitem", { name: "Price 1" }).getByLabel("A month").fill("9");
        await page.getByRole("listitem", { name: "Price 1" }).getByLabel("An hour").fill("0.02");
        await window.button("Save list").click();
        await page.getByRole("table", { name: "Prices" }).getByText(/€9.00/).waitFor();
        await window.go("/reselling/selling");
        await page.getByLabel("Company").fill("Pier Hosting Ltd");
        await page.getByLabel("Numbers begin with").fill("PH");
        await window.button("Save").click();
        await page.getByText("Saved.").waitFor();
        await window.go("/reselling/customers");
        await page.getByRole("link", { name: "Dock Diving" }).click();
        await page.getByRole("table", { name: "Costs by VPS" }).getByText("tank").waitFor();
        await window.button("Record payment").click();
        await window.dialog().getByLabel("Amount").fill("2.50");
        await window.dialog().getByLabel("Reference").fill("cash 1");
        await window.button("Record payment", window.dialog()).click();
        await page.getByText("The payment is recorded.").waitFor();
        await until("its invoice asks for that much less", async () => {
            const { items } = await reseller.api.expect(200, "GET", `/v1/tenants/${below}/invoices`);
            return items.length === 1 && Math.round((Number(items[0].total) - Number(items[0].open)) * 100) === 250;
        });
        // What it has sold it takes back itself.
        await page.getByRole("table", { name: "Invoices" }).getByRole("link").first().click();
        const number = (await window.heading(/^Invoice \S/).innerText()).replace("Invoice ", "");
        assert.equal(await window.button("Pay").count(), 0, "who sells does not pay");
        await window.button("Credit note").click();
        await window.dialog().getByLabel("Reason").fill("It did not run.");
        await window.dialog().getByLabel(/^Type/).fill(number);
        await window.button("Credit note", window.dialog()).click();
        await window.dialog().waitFor({ state: "hidden" });
        await page.locator("main").getByRole("link", { name: "Customers" }).click();
        await page.getByRole("table", { name: "Invoices" }).getByRole("row").nth(2).waitFor();
        await window.button("Record payment").click(); // which no invoice asks for: it may be sent back
        await window.dialog().getByLabel("Amount").fill("4");
        await window.dialog().getByLabel("Reference").fill("cash 2");
        await window.button("Record payment", window.dialog()).click();
        const paid = page.getByRole("table", { name: "Payments" }).getByRole("row", { name: /cash 2/ });
        await window.button("Refund", paid).click();
        await window.dialog().getByLabel("Reason").fill("Paid by mistake.");
        await window.button("Refund", window.dialog()).click();
        await paid.getByText("Refunded").waitFor();
        await window.go("/reselling/selling");
        await window.button("Add code").click();
        await window.dialog().getByLabel("Code").fill("dock-day");
        await window.dialog().getByLabel("Amount").fill("5");
        await window.button("Add", window.dialog()).click();
        await page.getByRole("row", { name: /DOCK-DAY.*€5.00/ }).waitFor();
        await page.getByLabel("DOCK-DAY may be redeemed").click({ force: true });
        await until("it may be redeemed no more", async () => (await reseller.api.expect(200, "GET", "/v1/promotions")).items[0].active === false);
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });

    test("a member without the right sees nothing of it", async () => {
        for (const [tenant_id, link, path] of [[world.customer.id, "Costs", "/billing"], [reseller.id, "Customers", "/reselling/customers"]] as const) {
            const email = `${Date.now()}@example.org`;
            const password = "a member's long phrase";
            await world.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password, tenant_id, role: "member" } });
            const window = await browser.window();
            await window.signIn({ email, password });
            assert.equal(await window.page.getByRole("link", { name: link }).count(), 0);
            await window.go(path);
            await window.page.getByText(/Not allowed/).first().waitFor();
            assert.deepEqual(window.calm(), []);
            await window.context.close();
        }
    });

    const rooms = (base: string, names: string[]) => names.map((one) => ({ name: `${base}-${one}`, path: `/${base}/${one}` }));
    test("its screens break no rule, in both themes, on a desktop and on a phone", { timeout: 300_000 }, async () => {
        const selling = await browser.window();
        await selling.signIn(reseller);
        const broken = await Promise.all([
            customer.lookedThrough([
                { name: "billing", path: "/billing" }, { name: "billing-vps", path: `/billing?vps=${vps}` }, ...rooms("billing", ["invoices", "account"]),
                { name: "billing-invoice", path: `/billing/invoices/${invoice}` }, { name: "billing-charge", path: `/billing/charges/${charge}` },
            ]),
            operator.lookedThrough([
                ...rooms("operator", ["months", "invoices", "payments", "prices", "taxes", "selling"]),
                { name: "operator-price-book", path: `/operator/prices/${book}` }, { name: "operator-invoice", path: `/operator/invoices/${invoice}` },
                { name: "operator-tenant-billing", path: `/operator/tenants/${world.customer.id}/billing` },
            ]),
            selling.lookedThrough([...rooms("reselling", ["customers", "prices", "taxes", "selling"]), { name: "reselling-customer", path: `/reselling/customers/${below}` }]),
        ]);
        await selling.context.close();
        assert.deepEqual(broken.flat(), []);
    });

    test("nothing of it made the pages complain", () => {
        assert.deepEqual([...customer.calm(), ...operator.calm()], []);
    });
});
