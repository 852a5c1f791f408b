// Every screen that the panel's routes name, while the API refuses, fails, never answers, or has nothing: each time it says so, and is
// neither blank nor broken. The screens are read from the source, so that a new one cannot be forgotten here.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Route } from "playwright-core";
import { Browser, type Window } from "../harness/browser.js";
import { panelFolder, root } from "../harness/paths.js";
import { type Customer, unlimited, World } from "../harness/world.js";

const operator = { email: "operator@example.org", password: "an operator's long phrase" };
const nothing = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11";

function source(): string[] {
    const rooms = `${root}/web/src/rooms`;
    const files = readdirSync(rooms).map((room) => `${rooms}/${room}/routes.tsx`);
    return [`${root}/web/src/app.tsx`, ...files].flatMap((file) => {
        try {
            return [readFileSync(file, "utf8")];
        } catch {
            return []; // a room that is one screen
        }
    });
}

// What a route says; those that end in *? lead on to a room's own.
function routes(): string[] {
    const text = source().join("\n");
    const paths = [...text.matchAll(/<Route\s[^>]*?\bpath="([^"]+)"/g)].map(([, path]) => path!);
    assert.equal(paths.length, text.match(/<Route\b(?! component)/g)!.length, "a path is written as a string, so that this test finds it");
    return paths.filter((path) => !path.endsWith("*?"));
}

const tabs = () => /const tabs = \[([^;]*)\];/.exec(readFileSync(`${root}/web/src/rooms/vps/VpsPage.tsx`, "utf8"))![1]!.match(/"[a-z]+"(?!\))/g)!.map((one) => one.slice(1, -1));

interface Mode {
    name: string;
    answer?: (route: Route) => Promise<void>; // none: it is held
    shows: (window: Window) => Promise<string | undefined>; // what is wrong with what one sees
}

const busy = "main [aria-busy=true]";
const alert = "main .problem";

async function says(window: Window): Promise<string | undefined> {
    await window.page.waitForFunction(([wait, said]) => !document.querySelector(wait!) && document.querySelector(said!), [busy, alert] as const, { timeout: 8_000 }).catch(() => undefined);
    const text = (await window.page.locator(alert).allInnerTexts()).join(" ");
    return text.length < 20 ? `no sentence about it: ${text}` : (await window.page.locator(busy).count()) > 0 ? "still loads" : undefined;
}

const problem = (status: number, code: string, detail: string) => (route: Route) =>
    route.fulfill({ status, contentType: "application/problem+json", headers: { "Retry-After": "0.02" }, body: JSON.stringify({ type: `urn:croft:problem:${code}`, title: code, status, detail, code }) });

async function emptied(route: Route): Promise<void> {
    const answer = await route.fetch();
    const body = answer.ok() && answer.headers()["content-type"]?.includes("json") ? await answer.json() : undefined;
    return route.fulfill({ response: answer, ...(Array.isArray(body?.items) && { body: JSON.stringify({ ...body, items: [], next_cursor: null }) }) });
}

const modes: Mode[] = [
    { name: "one may not", answer: problem(403, "forbidden", "Your role may not read this."), shows: says },
    { name: "the server has a fault", answer: problem(500, "internal", "A fault."), shows: says },
    {
        name: "there is no answer",
        shows: async (window) => ((await window.page.waitForFunction((wait) => document.querySelector("main h1")?.checkVisibility() && document.querySelector(wait), busy, { timeout: 8_000 }).then(() => true, () => false)) ? undefined : "does not say that it loads"),
    },
    {
        name: "lists are empty",
        answer: emptied,
        shows: async (window) => {
            await window.page.waitForFunction((wait) => !document.querySelector(wait) && document.querySelector("main h1")?.checkVisibility(), busy, { timeout: 8_000 }).catch(() => undefined);
            const text = await window.page.locator("main").innerText();
            const wrong = await window.page.evaluate((bad) => bad.filter((one) => document.querySelector(one)), [busy, alert, "main table tbody:empty"]);
            return wrong.length > 0 ? `${wrong.join(", ")}: ${text.slice(0, 300)}` : text.length < 30 ? `says nothing: ${text}` : undefined;
        },
    },
];

describe("every screen", () => {
    let world: World;
    let browser: Browser;
    let reseller: Customer;
    const things: Record<string, string> = {}; // of whom a path with an id is, by what is before the id
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(operator.email, operator.password);
        reseller = await world.createCustomer(unlimited, "owner", "reseller");
        const hook = await world.customer.api.expect(201, "POST", "/v1/webhooks", { body: { url: "https://example.org/hook", enabled: false } });
        const book = (api: Customer["api"], path: string) => api.expect(201, "POST", path, { body: { currency: "EUR", name: "Standard" } });
        Object.assign(things, {
            "/vps": (await world.createVps({ name: "shop" })).id,
            "/account/webhooks": hook.id,
            "/operator/fleet": world.node,
            "/operator/tenants": world.customer.id,
            "/operator/plans": world.plan.id,
            "/operator/prices": (await book(world.operator, "/v1/admin/price-books")).id,
            "/reselling/prices": (await book(reseller.api, "/v1/price-books")).id,
            "/reselling/customers": (await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "Below", quotas: unlimited } })).id,
            // They are made by month ends: here, what is gone says so.
            "/billing/charges": nothing,
            "/billing/invoices": nothing,
            "/operator/invoices": nothing,
        });
        browser = await Browser.open(world.sandbox, world.server.url);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    function screens(): string[] {
        return routes().flatMap((path) => {
            const at = path.indexOf("/:id");
            const id = at < 0 ? "" : things[path.slice(0, at)];
            assert.notEqual(id, undefined, `${path} needs a thing in things`);
            const filled = path.replace(":id", id!);
            return filled.endsWith("/:tab?") ? tabs().map((tab) => filled.replace(":tab?", tab)) : [filled];
        });
    }

    const whose: [string, () => { email: string; password: string }, (path: string) => boolean][] = [
        ["a customer's", () => world.customer, (path) => !/^\/(operator|reselling)\//.test(path)],
        ["an operator's", () => operator, (path) => path.startsWith("/operator/")],
        ["a reseller's", () => reseller, (path) => path.startsWith("/reselling/")],
    ];

    for (const mode of modes) {
        test(`while ${mode.name}`, { timeout: 400_000 }, async () => {
            const wrong: string[] = [];
            for (const [, who, theirs] of whose) {
                const window = await browser.window();
                await window.signIn(who(), "/nowhere");
                await window.page.getByText("There is nothing here").waitFor();
                const held: Route[] = [];
                await window.page.route(/\/v1\/(?!session$|session\?|sessions\/refresh|events\/stream|admin\/events\/stream)/, (route) => {
                    if (!mode.answer) {
                        held.push(route);
                        return undefined;
                    }
                    return mode.answer(route).catch(() => undefined); // who asked is gone
                });
                for (const path of screens().filter(theirs)) {
                    await window.visit(path);
                    const gone = path.includes(nothing) && mode.name === "lists are empty";
                    const said = await (gone ? says : mode.shows)(window);
                    // What is shown before a room has come hides what was there.
                    const blank = (await window.page.locator("main h1:visible").count()) === 0 || (await window.page.getByText("Something went wrong on this page").count()) > 0;
                    wrong.push(...(said ? [`${path}: ${said}`] : []), ...(blank ? [`${path}: blank or broken`] : []), ...window.calm().map((one) => `${path}: ${one}`));
                    await window.visit("/nowhere");
                    await Promise.all(held.splice(0).map((route) => route.abort().catch(() => undefined)));
                }
                await window.context.close();
            }
            assert.deepEqual(wrong, []);
        });
    }

    test("a tenant's people are found on whichever page of all users they are", async () => {
        const window = await browser.window();
        await window.signIn(operator, "/nowhere");
        await window.page.route(/\/v1\/admin\/users\?/, (route) => {
            const url = new URL(route.request().url());
            return url.searchParams.has("cursor") ? (url.searchParams.delete("cursor"), route.continue({ url: url.href })) : route.fulfill({ contentType: "application/json", body: JSON.stringify({ items: [], next_cursor: "second" }) });
        });
        await window.visit(`/operator/tenants/${world.customer.id}`);
        await window.page.getByRole("region", { name: "Members" }).getByText(world.customer.email).waitFor();
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });

    test("a filter finds a tenant and a node on whichever page they are, and rows name them", async () => {
        const window = await browser.window();
        const { page } = window;
        await window.signIn(operator, "/nowhere");
        await page.route(/\/v1\/admin\/(tenants|nodes)\?limit=200/, (route) => {
            const url = new URL(route.request().url());
            return url.searchParams.has("cursor") ? (url.searchParams.delete("cursor"), route.continue({ url: url.href })) : route.fulfill({ contentType: "application/json", body: JSON.stringify({ items: [], next_cursor: "second" }) });
        });
        const { name } = await world.operator.expect(200, "GET", `/v1/admin/tenants/${world.customer.id}`);
        await window.visit("/operator/tasks");
        await page.getByRole("combobox", { name: "Tenant" }).or(page.getByRole("textbox", { name: "Tenant" })).click();
        await page.getByRole("option", { name, exact: true }).click();
        await page.waitForURL(new RegExp(`tenant=${world.customer.id}`));
        await page.getByRole("row", { name: /node1/ }).getByRole("link", { name, exact: true }).first().waitFor();
        await window.visit("/operator/fleet");
        await page.getByRole("row", { name: /node1/ }).waitFor();
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });

    test("an address in a room that is none says so", async () => {
        const window = await browser.window();
        await window.signIn(operator, "/nowhere");
        for (const path of ["/account/nowhere", "/billing/nowhere", "/operator/nowhere", "/operator/prices/a/b"]) {
            await window.visit(path);
            await window.page.getByText("There is nothing here").waitFor();
            await window.visit("/");
            await window.heading(/./).waitFor();
        }
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });
});
