// Text that tries to be something else. The API takes little of it; so that no rule of the API is what the page relies on, answers are
// changed on their way.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { checkReport } from "../harness/check-report.js";
import { panelFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";

const operator = { email: "operator@example.org", password: "an operator's long phrase" };

// Markup, an attribute's end, an escape sequence of a terminal, a word that turns the direction of what follows, and a template's holes.
const evil = (where: string) => `${where} <img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"'><svg onload=document.title='owned'> \u001b]0;owned\u0007\u001b[31m \u202e {name}`;

function poison(value: unknown, names: ReadonlySet<string>): unknown {
    if (Array.isArray(value)) {
        return value.map((one) => poison(one, names));
    }
    if (value && typeof value === "object") {
        return Object.fromEntries(
            Object.entries(value).map(([name, one]) => {
                if (name === "labels") {
                    return [name, { [evil("label")]: evil("value") }];
                }
                if (name === "ssh_keys") {
                    return [name, [`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBmhCQfuBcTeVeCBtXfU0HAoVCrCi1rE8tVYNqt ${evil("comment")}`]];
                }
                if (name === "error" && names.has("error")) {
                    return [name, { type: "urn:croft:problem:x", title: evil("title"), status: 500, code: "system_error", detail: evil("error") }];
                }
                return [name, typeof one === "string" && names.has(name) ? evil(name) : poison(one, names)];
            }),
        );
    }
    return value;
}

const texts = new Set(["hostname", "title", "description", "reason", "detail", "step", "note", "user_agent", "process", "kernel", "agent_version", "os", "external_ref", "error", "warnings", "consequence"]);

describe("text that tries to be something else", () => {
    let world: World;
    let browser: Browser;
    let vps: string;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        await world.server.setPassword(operator.email, operator.password);
        vps = (await world.createVps({ name: "shop" })).id;
        browser = await Browser.open(world.sandbox, world.server.url);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const poisoned = async (window: Window) =>
        window.page.route(/\/v1\/(?!sessions|session$|events\/stream|admin\/events\/stream)/, async (route) => {
            if (route.request().method() !== "GET") {
                return route.continue();
            }
            const answer = await route.fetch();
            const text = await answer.text();
            let body: string;
            try {
                body = JSON.stringify(poison(JSON.parse(text), texts));
            } catch {
                body = text;
            }
            return route.fulfill({ response: answer, body });
        });

    const harmless = async (window: Window, path: string) => {
        const { page } = window;
        assert.doesNotMatch(await page.title(), /owned/, path);
        const made = await page.evaluate(() => document.querySelectorAll("main img[src=x], main script, main svg[onload], main [onerror], main [onload]").length);
        assert.equal(made, 0, `${path}: it became an element`);
        assert.equal(await window.overflow(), 0, `${path}: it is wider than the window`);
    };

    test("on every screen of a customer it is text: host names, labels, keys' comments, errors of tasks", { timeout: 180_000 }, async () => {
        const window = await browser.window();
        await window.signIn(world.customer);
        await poisoned(window);
        const shown = new Set<string>();
        for (const path of ["/", "/vps", "/vps/new", ...["overview", "network", "snapshots", "settings", "activity"].map((one) => `/vps/${vps}/${one}`), ...["images", "networks", "members", "tokens", "webhooks", "quotas", "audit", "profile"].map((one) => `/account/${one}`)]) {
            await window.go(path);
            await window.heading(/./).waitFor();
            await window.page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
            await harmless(window, path);
            const text = await window.page.locator("main").innerText();
            for (const one of ["hostname", "label", "comment", "error"]) {
                if (text.includes(`${one} <img`) || text.includes(`${one} <IMG`)) {
                    shown.add(one);
                }
            }
        }
        assert.deepEqual([...shown].sort(), ["comment", "error", "hostname", "label"], "each was on some screen, as text");
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });

    test("and on every screen of an operator", { timeout: 180_000 }, async () => {
        const window = await browser.window();
        await window.signIn(operator, `/operator/fleet/${world.node}`);
        const report = window.page.getByRole("region", { name: "Isolation report" });
        await report.getByText(/^None yet/).waitFor();
        const hand = (text: string) => report.locator("input[type=file]").setInputFiles({ name: "check.json", mimeType: "application/json", buffer: Buffer.from(text) });
        await hand("no JSON");
        await report.getByText(/This file is no report/).waitFor();
        await hand(JSON.stringify({ ...checkReport(), escapes: [{ name: "mount", refused: "yes" }] }));
        await report.getByText("/escapes/0/refused").waitFor();
        await hand(JSON.stringify(checkReport()));
        await report.getByRole("row", { name: /UDP flood.*29.4 %.*15 %.*Below what is wanted/ }).waitFor();
        await report.getByText("3 of 3").waitFor();
        await window.picture("check-report-light", report);
        await poisoned(window);
        for (const path of [...["fleet", "vps", "tenants", "users", "plans", "images", "pools", "tasks", "audit", "system"].map((one) => `/operator/${one}`), `/operator/fleet/${world.node}`, `/operator/tenants/${world.customer.id}`]) {
            await window.go(path);
            await window.heading(/./).waitFor();
            await window.page.waitForFunction(() => !document.querySelector("main [aria-busy=true]"));
            await harmless(window, path);
        }
        assert.deepEqual(window.calm(), []);
        await window.context.close();
    });

    test("a problem's sentence as well", async () => {
        const window = await browser.window();
        await window.signIn(world.customer);
        await window.page.route("**/v1/webhooks*", (route) =>
            route.fulfill({ status: 403, contentType: "application/problem+json", body: JSON.stringify({ type: "x", title: evil("title"), status: 403, code: evil("code"), detail: evil("detail"), instance: "x", errors: [{ pointer: evil("pointer"), detail: evil("field") }] }) }),
        );
        await window.go("/account/webhooks");
        await window.page.getByText(/^detail <img/).waitFor();
        await harmless(window, "a problem");
        await window.context.close();
    });

    test("a page of another origin: no cookie to read, no renewing without the header, no console with a good ticket", async () => {
        const window = await browser.window();
        await window.signIn(world.customer);
        const { page } = window;
        assert.equal(await page.evaluate(() => document.cookie), "", "scripts do not see the cookie");
        // The panel's own page without the header is refused too: a form of another origin could send no more.
        const renew = (headers: Record<string, string>) => page.evaluate(async (of) => (await fetch("/v1/sessions/refresh", { method: "POST", headers: of })).status, headers);
        assert.ok([401, 403].includes(await renew({})));
        assert.ok([401, 403].includes(await renew({ "X-CSRF-Token": "guessed" })));
        const word = await page.evaluate(() => localStorage.getItem("croft.csrf")!);
        assert.equal(await renew({ "X-CSRF-Token": word }), 200);

        const { createServer } = await import("node:http");
        const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<p>elsewhere</p>"));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const foreign = await window.context.newPage();
        await foreign.goto(`http://localhost:${(server.address() as { port: number }).port}/`);
        // A header that is not a form's asks first, and nobody says yes.
        const sent = await foreign.evaluate(async (of) => fetch(`${of.url}/v1/sessions/refresh`, { method: "POST", credentials: "include", headers: { "X-CSRF-Token": of.word } }).then((answer) => String(answer.status), () => "refused"), { url: world.server.url, word });
        assert.equal(sent, "refused");
        const read = await foreign.evaluate(async (url) => fetch(`${url}/v1/vps`, { credentials: "include" }).then((answer) => answer.text(), () => "refused"), world.server.url);
        assert.equal(read, "refused");
        const { ticket, protocol, url } = await world.customer.api.expect(201, "POST", `/v1/vps/${vps}/console`, { body: { kind: "shell" } });
        const connect = (where: typeof foreign) =>
            where.evaluate(
                (of) =>
                    new Promise<string>((resolve) => {
                        const socket = new WebSocket(of.url, [of.protocol, of.ticket]);
                        socket.onopen = () => (resolve("open"), socket.close());
                        socket.onerror = () => resolve("refused");
                    }),
                { url: `${world.server.url.replace("http", "ws")}${new URL(url).pathname}`, protocol, ticket },
            );
        assert.equal(await connect(foreign), "refused");
        assert.equal(await connect(page), "open", "the ticket was good, and still is");
        await window.context.close();
        await new Promise((resolve) => server.close(resolve));
    });
});
