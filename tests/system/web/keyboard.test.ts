// Every screen by Tab alone: whatever can be clicked can be reached, in both directions, and shows that it has the focus.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";

const operator = { email: "operator@example.org", password: "an operator's long phrase" };

// Runs in the page. Marks what one can act on; of a group of radio buttons or tabs only one is in the order of Tab, arrows reach the rest.
function markAll(): number {
    const selector = "a[href], button, input, select, textarea, [role=tab], [role=switch], [contenteditable], [tabindex]";
    const groups = new Set<string>();
    let count = 0;
    for (const one of Array.from(document.querySelectorAll<HTMLElement>(selector))) {
        const box = one.getBoundingClientRect();
        const hidden = !one.checkVisibility({ visibilityProperty: true }) || box.width === 0 || one.closest("[aria-hidden=true], [inert]");
        if (hidden || one.matches(":disabled, [data-disabled], [tabindex='-1']:not([role=tab]), .xterm *, [type=hidden]")) {
            continue;
        }
        const radio = one.matches("input[type=radio]") ? `radio ${(one as HTMLInputElement).name}` : one.matches("[role=tab]") ? `tabs ${one.closest("[role=tablist]")?.getAttribute("aria-label")}` : "";
        if (radio && groups.has(radio)) {
            continue;
        }
        groups.add(radio);
        one.dataset.walk = radio || String(count);
        count++;
    }
    return count;
}

// Runs in the page: notes what gets the focus, and whether it shows.
function watch(): void {
    const seen: [string, boolean][] = ((globalThis as any).focused = []);
    const framed = (of: Element | null) => {
        const style = of && getComputedStyle(of);
        return !!style && ((style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none");
    };
    document.addEventListener("focusin", ({ target }) => {
        const one = target as HTMLElement;
        const radio = one.matches("input[type=radio]") ? `radio ${(one as HTMLInputElement).name}` : one.matches("[role=tab]") ? `tabs ${one.closest("[role=tablist]")?.getAttribute("aria-label")}` : "";
        // A field says it by its border, a card of a choice by its own outline, a switch by its track.
        const shows = framed(one) || one.matches("input, textarea") || framed(one.closest(".choice")) || one.matches("main, [id=content]");
        seen.push([radio || one.dataset.walk || `${one.tagName} ${one.className}`, shows]);
    });
}

async function walk(window: Window, key: "Tab" | "Shift+Tab"): Promise<{ missed: string[]; unseen: string[] }> {
    const { page } = window;
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const count = await page.evaluate(markAll);
    await page.evaluate(watch);
    let missed: string[] = [];
    for (const presses of [count + 2, 10, 20, count]) {
        for (let i = 0; i < presses; i++) {
            await page.keyboard.press(key);
        }
        missed = await page.evaluate(() => {
            const reached = new Set((globalThis as any).focused.map(([walk]: [string]) => walk));
            return Array.from(document.querySelectorAll<HTMLElement>("[data-walk]")).map((one) => one.dataset.walk!).filter((one) => !reached.has(one));
        });
        if (missed.length === 0) {
            break;
        }
    }
    const unseen = await page.evaluate(() => (globalThis as any).focused.filter(([, shows]: [string, boolean]) => !shows).map(([walk]: [string]) => walk));
    const name = (walks: string[]) =>
        page.evaluate((of) => Array.from(document.querySelectorAll<HTMLElement>("[data-walk]")).filter((one) => of.includes(one.dataset.walk!)).map((one) => one.outerHTML.slice(0, 160)), walks);
    return { missed: await name(missed), unseen: await name(unseen) };
}

describe("by keyboard", () => {
    let world: World;
    let browser: Browser;
    let vps: string;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(operator.email, operator.password);
        vps = (await world.createVps({ name: "shop", labels: { role: "web" } })).id;
        const { api } = world.customer;
        const { task } = await api.expect(202, "POST", `/v1/vps/${vps}/snapshots`, { body: { name: "first" } });
        await api.settled(task.id);
        browser = await Browser.open(world.sandbox, world.server.url);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const customers = () => ["/", "/vps", "/vps/new", ...["overview", "graphs", "network", "snapshots", "settings", "activity"].map((one) => `/vps/${vps}/${one}`), ...["images", "networks", "keys", "members", "tokens", "webhooks", "quotas", "audit", "profile"].map((one) => `/account/${one}`), "/billing", "/billing/invoices", "/billing/account"];
    const operators = () => [...["fleet", "vps", "tenants", "users", "plans", "images", "pools", "tasks", "audit", "system", "months", "invoices", "payments", "prices", "taxes", "selling"].map((one) => `/operator/${one}`), `/operator/fleet/${world.node}`, `/operator/tenants/${world.customer.id}`];

    for (const [whose, who, paths] of [
        ["a customer's", () => world.customer, customers],
        ["an operator's", () => operator, operators],
    ] as const) {
        test(`${whose} screens: all that can be clicked is reached, and seen to be`, { timeout: 480_000 }, async () => {
            const window = await browser.window();
            await window.signIn(who());
            const wrong: string[] = [];
            for (const path of paths()) {
                await window.go(path);
                await window.heading(/./).waitFor();
                await window.page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
                const { missed, unseen } = await walk(window, "Tab");
                wrong.push(...missed.map((one) => `${path}: not reached: ${one}`), ...unseen.map((one) => `${path}: no mark of the focus: ${one}`));
            }
            await window.context.close();
            assert.deepEqual(wrong, []);
        });
    }

    test("backwards as well, and a dialog holds the focus until it is left by Escape, which gives it back", async () => {
        const window = await browser.window();
        const { page } = window;
        await window.signIn(world.customer);
        await window.go("/account/tokens");
        await window.heading(/./).waitFor();
        await page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
        assert.deepEqual((await walk(window, "Shift+Tab")).missed, []);
        const open = window.button("Create token").first();
        await open.focus();
        await page.keyboard.press("Enter");
        await window.dialog().waitFor();
        for (let i = 0; i < 30; i++) {
            await page.keyboard.press("Tab");
            assert.ok(await page.evaluate(() => document.activeElement?.closest("[role=dialog]") !== null), "the focus stays in the dialog");
        }
        await page.keyboard.press("Escape");
        await window.dialog().waitFor({ state: "hidden" });
        await until("the focus is back at its button", () => open.evaluate((one) => one === document.activeElement));
        await window.context.close();
    });

    test("a menu that is longer than the window shows what is open, also after a load", async () => {
        const window = await browser.window({ size: { width: 1280, height: 500 } });
        await window.signIn(operator, "/operator/selling");
        const shown = (path: string) =>
            window.page.waitForFunction((of) => {
                const open = document.querySelector(`nav [aria-current=page][href="${of}"]`)?.getBoundingClientRect();
                const menu = document.querySelector("nav")?.getBoundingClientRect();
                return open && menu && open.top >= menu.top && open.bottom <= menu.bottom;
            }, path);
        await shown("/operator/selling");
        await window.go("/operator/selling");
        await shown("/operator/selling");
        await window.visit("/");
        await shown("/");
        assert.equal(await window.page.evaluate(() => scrollY), 0, "the page itself does not move");
        await window.context.close();
    });

    test("a container that no list shows is deleted once its name is typed, not by a slip of the key", async () => {
        const window = await browser.window();
        await window.signIn(operator);
        const stray = { vps_id: "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11", observed: "running", first_seen_at: new Date().toISOString(), adoptable: false };
        await window.page.route(/\/orphans\?|\/orphans$/, (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify({ items: [stray], next_cursor: null }) }));
        await window.visit(`/operator/fleet/${world.node}`);
        await window.button("Delete", window.page.getByRole("row", { name: new RegExp(stray.vps_id) })).press("Enter");
        const sure = window.button("Delete", window.dialog("Delete container"));
        assert.equal(await sure.isDisabled(), true);
        await window.dialog().getByLabel(/^Type/).fill(stray.vps_id);
        const [ordered] = await Promise.all([window.page.waitForRequest(/\/orphans\/delete$/), sure.press("Enter")]);
        assert.deepEqual(ordered.postDataJSON(), { vps_id: stray.vps_id });
        await window.dialog().getByRole("alert").waitFor(); // there is none such
        await window.context.close();
    });

    test("what is left over on a node goes once its name is typed, an open join token and a waiting task once it is said again", async () => {
        const window = await browser.window();
        const { page } = window;
        await window.signIn(operator);
        const left = { kind: "veth", name: "cr0123456789a", detail: "It belongs to nothing.", first_seen_at: new Date().toISOString(), clean_ordered_at: null, error: null };
        await page.route(/\/drift\?|\/drift$/, (route) => route.fulfill({ contentType: "application/json", body: JSON.stringify({ items: [left], next_cursor: null }) }));
        await window.visit(`/operator/fleet/${world.node}`);
        await window.button("Clean up", page.getByRole("row", { name: new RegExp(left.name) })).press("Enter");
        const sure = window.button("Clean up", window.dialog("Clean up"));
        assert.equal(await sure.isDisabled(), true);
        await window.dialog().getByLabel(/^Type/).fill(left.name);
        const [ordered] = await Promise.all([page.waitForRequest(/\/drift\/clean$/), sure.press("Enter")]);
        assert.deepEqual(ordered.postDataJSON(), { kind: left.kind, name: left.name });
        await window.dialog().getByRole("alert").waitFor(); // there is none such
        await page.keyboard.press("Escape");
        await window.dialog().waitFor({ state: "hidden" });

        await world.operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id } });
        await window.visit("/operator/fleet");
        const open = page.getByRole("region", { name: "Open join tokens" });
        await window.button("Revoke", open).click();
        await window.button("Revoke", window.dialog("Revoke join token")).click();
        await open.waitFor({ state: "detached" });

        const node = (state: string) => world.operator.expect(200, "PATCH", `/v1/admin/nodes/${world.node}`, { body: { state }, headers: { "If-Match": "*" } });
        await node("maintenance");
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps}/stop`);
        await window.visit("/operator/tasks?status=queued");
        await window.button("Cancel", page.getByRole("row", { name: /Stop/ })).click();
        await window.button("Cancel task", window.dialog("Cancel task")).click();
        await page.getByText("The task is cancelled.").waitFor();
        assert.equal((await world.customer.api.expect(200, "GET", `/v1/tasks/${task.id}`)).status, "cancelled");
        await node("active");
        await window.context.close();
    });

    test("choices by arrows, a menu by Enter and arrows, tabs by arrows", async () => {
        const window = await browser.window();
        const { page } = window;
        await window.signIn(world.customer);
        await window.go(`/vps/${vps}/overview`);
        await page.getByRole("tab", { name: "Overview" }).focus();
        await page.keyboard.press("ArrowRight");
        assert.notEqual(await page.evaluate(() => document.activeElement?.textContent), "Overview");
        await page.getByRole("tab", { name: "Snapshots" }).focus();
        await page.keyboard.press("Enter");
        await page.waitForURL(/\/snapshots$/);
        await page.getByRole("button", { name: /^Your account/ }).focus();
        await page.keyboard.press("Enter");
        await page.getByRole("menuitem", { name: "Profile" }).waitFor();
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("Enter");
        await page.waitForURL(/\/account\/profile$/);
        await window.context.close();
    });
});
