// From a price to a paid invoice: what an operator sets, what a customer sees of it, down to what was measured.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";

const staff = { email: "operator@example.org", password: "an operator's long phrase" };

describe("billing", () => {
    let world: World;
    let browser: Browser;
    let customer: Window;
    let operator: Window;
    let vps: string;
    const now = new Date();
    const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7);
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(staff.email, staff.password);
        vps = (await world.createVps({ name: "shop" })).id;
        // As if it had been there since two months ago.
        await world.cluster.sql(`SET session_replication_role = replica;
            UPDATE vps SET created_at = date_trunc('second', created_at - interval '65 days') WHERE id = '${vps}';
            UPDATE vps_periods p SET from_ts = v.created_at FROM vps v WHERE v.id = p.vps_id AND p.vps_id = '${vps}' AND p.follows IS NULL`);
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

    test("a price book is made, and its next list is written beside what it changes", async () => {
        const { page } = operator;
        await operator.button("Create price book").first().click();
        await operator.dialog().getByLabel("Name").fill("Standard");
        await operator.button("Create price book", operator.dialog()).click();
        await operator.heading("Standard · EUR").waitFor();
        await operator.button("New list").click();
        await operator.button("Add price").click();
        const first = page.getByRole("listitem", { name: "Price 1" });
        await first.getByLabel("A month").fill("7,00");
        await first.getByLabel("An hour").fill("0.01");
        await page.getByRole("row", { name: /New.*Plan · any plan/ }).waitFor();
        // From two months ago on there is none: the list holds from now.
        await operator.button("New list").last().click();
        await page.getByRole("table", { name: "Prices" }).getByText(/€7.00/).waitFor();
        await operator.button("New list").click();
        await page.getByRole("listitem", { name: "Price 1" }).getByLabel("A month").fill("8.00");
        await page.getByRole("table", { name: "What it changes" }).getByText(/€8.00/).waitFor();
        await page.getByLabel("Holds from").fill("2040-01-01");
        await operator.button("New list").last().click();
        await page.getByRole("heading", { name: /From .*2040 on/ }).waitFor();
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
        assert.ok((await page.getByRole("table", { name: "Lines" }).getByRole("row").count()) >= 2);
        await customer.go("/");
        await page.getByRole("region", { name: "This month" }).waitFor();
    });

    test("a month is ended, and the customer has an invoice", { timeout: 120_000 }, async () => {
        await operator.go("/operator/months");
        await operator.button("Start month end").click();
        await operator.button("Start month end", operator.dialog()).click();
        const row = operator.page.getByRole("row", { name: new RegExp((await world.operator.expect(200, "GET", `/v1/admin/tenants/${world.customer.id}`)).name) });
        await row.waitFor({ timeout: 60_000 });
        const approve = operator.button("Approve", row);
        await until("it is done, or asks to be reviewed", async () => {
            if (await approve.isVisible()) {
                await approve.click();
            }
            return row.getByText("Done").isVisible();
        }, 90_000);
        await customer.go("/billing/invoices");
        await customer.page.getByRole("row").nth(1).waitFor();
    });

    test("each line of it leads to what it was computed from; it comes as files", async () => {
        const { page } = customer;
        await page.getByRole("table").getByRole("link").first().click();
        await customer.button("PDF").waitFor();
        for (const [name, begin] of [["PDF", "%PDF"], ["HTML", "<!"]] as const) {
            const [download] = await Promise.all([page.waitForEvent("download"), customer.button(name).click()]);
            assert.ok(readFileSync(await download.path()).toString("latin1", 0, 60).trimStart().toLowerCase().startsWith(begin.toLowerCase()), name);
        }
        await customer.picture("billing-invoice-light");
        await page.getByRole("table", { name: "Lines" }).getByRole("link").first().click();
        await page.getByText("What it was, second by second").waitFor();
        assert.ok((await page.getByRole("table", { name: "What it was, second by second" }).getByRole("row").count()) >= 2);
        assert.deepEqual(await customer.violations(), []);
        await customer.picture("billing-charge-light");
    });

    test("a payment that is recorded shows by itself, and the invoice is paid", async () => {
        const invoice = (await world.customer.api.expect(200, "GET", "/v1/invoices")).items[0];
        await customer.go(`/billing/invoices/${invoice.id}`);
        await customer.page.getByText("Open", { exact: true }).waitFor();
        await operator.go(`/operator/invoices/${invoice.id}`);
        await operator.button("Record payment").click();
        await operator.dialog().getByLabel("Reference").fill("bank 1");
        await operator.button("Record payment", operator.dialog()).click();
        await operator.page.getByText("The payment is recorded.").waitFor();
        await customer.page.getByText("Paid", { exact: true }).first().waitFor();
    });

    test("who invoices are made out to, a credit and a code", async () => {
        const { page } = customer;
        await world.operator.expect(201, "POST", "/v1/admin/promotions", { body: { code: "WELCOME", amount: "10.00", currency: "EUR" } });
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

    test("a member without the right sees nothing of it", async () => {
        const email = `${Date.now()}@example.org`;
        const password = "a member's long phrase";
        await world.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password, tenant_id: world.customer.id, role: "member" } });
        const other = await browser.window();
        await other.signIn({ email, password });
        assert.equal(await other.page.getByRole("link", { name: "Costs" }).count(), 0);
        await other.go("/billing");
        await other.page.getByText(/Not allowed/).first().waitFor();
        assert.deepEqual(other.calm(), []);
        await other.context.close();
    });

    test("nothing of it made the pages complain", () => {
        assert.deepEqual([...customer.calm(), ...operator.calm()], []);
    });
});
