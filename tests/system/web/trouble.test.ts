// What the panel does when things go wrong: for each kind of answer a sentence that helps, nothing typed lost, and a way on without a reload.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { World, unlimited } from "../harness/world.js";

const problem = (status: number, code: string, detail: string, more: object = {}) => ({
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: `urn:croft:problem:${code}`, title: code, status, detail, instance: "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11", code, ...more }),
});

describe("the panel in trouble", () => {
    let world: World;
    let browser: Browser;
    let window: Window;
    before(async () => {
        world = await World.create({ server: { config: { panel: { dir: panelFolder } } } });
        browser = await Browser.open(world.sandbox, world.server.url);
        window = await browser.window();
        await window.signIn(world.customer, "/vps");
    });
    beforeEach(() => window.page.unrouteAll({ behavior: "ignoreErrors" }));
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const fillOrder = async (name: string) => {
        const { page } = window;
        await window.go("/vps/new");
        await page.getByRole("textbox", { name: "Name" }).fill(name);
        for (const choice of [/Lab/, /busybox/, /tiny/]) {
            await page.getByRole("radio", { name: choice }).check({ force: true });
        }
    };
    const typed = () => window.page.getByRole("textbox", { name: "Name" }).inputValue();
    const list = async (name: string) => (await world.customer.api.expect(200, "GET", `/v1/vps?name=${name}`)).items;

    test("a wrong password is said, and what was typed stays", async () => {
        const other = await browser.window();
        await other.go("/");
        await other.page.getByLabel("E-mail address").fill(world.customer.email);
        await other.page.getByLabel("Password", { exact: true }).fill("not it");
        await other.button("Sign in").click();
        await other.page.getByRole("alert").waitFor();
        assert.equal(await other.page.getByLabel("E-mail address").inputValue(), world.customer.email);
        await other.context.close();
    });

    test("a name that is taken: the server's sentence, the form as it was, and on with another", async () => {
        const taken = await world.createVps();
        await fillOrder(taken.name);
        await window.page.getByRole("alert").first().waitFor(); // the trial says so before anything is ordered
        await window.button("Create VPS").click();
        await window.page.getByRole("alert").nth(1).waitFor();
        assert.equal(await typed(), taken.name);
        await window.page.getByRole("textbox", { name: "Name" }).fill("another");
        await window.button("Create VPS").click();
        await window.heading("another").waitFor();
    });

    for (const [what, answer, sentence] of [
        ["the server has a fault", problem(500, "internal", "A fault."), /tell the operator/],
        ["the server is busy", problem(503, "unavailable", "Busy."), /Your machines run on/],
        ["a proxy answers in its own words", { status: 502, contentType: "text/html", body: "<html><script>alert(1)</script>Bad gateway" }, /Your machines run on/],
        ["it is too fast", { ...problem(429, "rate_limited", "Too many requests."), headers: { "Retry-After": "7" } }, /in 7 seconds/],
        ["a quota is used up", problem(409, "quota_exceeded", "The quota of vps is 3."), /ask for a higher quota/],
        ["one may not", problem(403, "forbidden", "Your role may not."), /Ask an owner or admin/],
        ["a field is wrong", problem(422, "invalid_value", "No name.", { errors: [{ pointer: "/name", detail: "Is not a host name." }] }), /Is not a host name/],
    ] as const) {
        test(`${what}: a sentence, the form as it was, then the same order goes through once`, async () => {
            const name = `t${Date.now()}`;
            await fillOrder(name);
            const keys: string[] = [];
            await window.page.route("**/v1/vps", async (route) => {
                keys.push((await route.request().allHeaders())["idempotency-key"] ?? "");
                return route.request().method() === "POST" && keys.length === 1 ? route.fulfill(answer) : route.continue();
            });
            await window.button("Create VPS").click();
            await window.page.getByText(sentence).first().waitFor();
            assert.equal(await typed(), name);
            await window.button("Create VPS").click();
            await window.heading(name).waitFor();
            assert.equal((await list(name)).length, 1);
            // Whether it was taken is not known after a fault: then the key is the same.
            assert.equal(keys[0] === keys[1], answer.status >= 500 || answer.status === 429);
        });
    }

    test("an answer that is lost makes no second vps", async () => {
        const name = `t${Date.now()}`;
        await fillOrder(name);
        let lost = 0;
        await window.page.route("**/v1/vps", async (route) => {
            if (route.request().method() === "POST" && lost++ === 0) {
                await route.fetch(); // it arrives, and is carried out
                return route.abort("connectionreset");
            }
            return route.continue();
        });
        await window.button("Create VPS").click();
        await window.page.getByText(/The server cannot be reached/).waitFor();
        await window.button("Create VPS").click();
        await window.heading(name).waitFor();
        assert.equal((await list(name)).length, 1);
    });

    test("a reload: what was typed is there but for what may be secret; nothing is left after the order, nor of who signs out", async () => {
        const { page } = window;
        const name = `t${Date.now()}`;
        const data = page.getByLabel("User data");
        await fillOrder(name);
        await data.fill("#!/bin/sh\necho hunter2\n");
        await page.reload();
        await page.getByText(/is back, but for the user data/).waitFor();
        assert.deepEqual([await typed(), await data.inputValue(), await page.getByRole("radio", { name: /tiny/ }).isChecked()], [name, "", true]);
        const stored = (of: Window) => of.page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
        assert.match(await stored(window), new RegExp(name));
        assert.doesNotMatch(await stored(window), /hunter2/);
        await window.button("Create VPS").click();
        await window.heading(name).waitFor();
        assert.doesNotMatch(await stored(window), new RegExp(name));
        await window.go("/vps/new");
        await window.heading("Create VPS").waitFor();
        assert.equal(await typed(), "");

        const other = await browser.window();
        await other.signIn(world.customer, "/vps/new");
        await other.page.getByRole("textbox", { name: "Name" }).fill("half-typed");
        await until("it is kept", async () => (await stored(other)).includes("half-typed"));
        await other.button(/^Your account/).click();
        await other.page.getByRole("menuitem", { name: "Sign out" }).click();
        await other.button("Sign in").waitFor();
        assert.doesNotMatch(await stored(other), /half-typed/);
        await other.context.close();
    });

    test("changed by somebody else meanwhile: said so, nothing typed is lost, and saving again replaces it", async () => {
        const vps = await world.createVps();
        const { api } = world.customer;
        await window.go(`/vps/${vps.id}/settings`);
        const general = window.page.getByRole("region", { name: "General" });
        await general.getByRole("textbox", { name: "Name" }).fill("mine");
        // Nothing tells of the change: the answer that names the new version is held back.
        let held = true;
        await window.page.route(`**/v1/vps/${vps.id}`, async (route) => {
            if (route.request().method() === "GET" && held) {
                await until("the change was tried", () => !held, 20_000);
            }
            return route.continue();
        });
        const etag = (await api.raw("GET", `/v1/vps/${vps.id}`)).headers.get("etag")!;
        await api.expect(200, "PATCH", `/v1/vps/${vps.id}`, { body: { name: "theirs" }, headers: { "If-Match": etag } });
        await window.button("Save", general).click();
        await general.getByRole("alert").getByText(/save again to put yours/).waitFor();
        held = false;
        await window.heading("theirs").waitFor();
        assert.equal(await general.getByRole("textbox", { name: "Name" }).inputValue(), "mine");
        await window.button("Save", general).click();
        await window.heading("mine").waitFor();
        assert.equal((await api.vps(vps.id)).name, "mine");
    });

    test("a session that was ended elsewhere: one signs in over the page and goes on, nothing typed is lost", async () => {
        await fillOrder("after-all");
        await world.cluster.sql("UPDATE sessions SET revoked_at = now() WHERE revoked_at IS NULL").catch(async () => {
            for (const one of (await world.operator.expect(200, "GET", "/v1/sessions")).items) {
                await world.operator.raw("DELETE", `/v1/sessions/${one.id}`);
            }
        });
        // The page may have asked something by itself meanwhile; then it lies under the dialog already.
        await window.button("Create VPS").click({ timeout: 3_000 }).catch(() => undefined);
        const dialog = window.dialog("Sign in again");
        await dialog.waitFor();
        await dialog.getByLabel("Password", { exact: true }).fill(world.customer.password);
        await window.button("Sign in", dialog).click();
        await dialog.waitFor({ state: "hidden" });
        assert.equal(await typed(), "after-all");
        await window.button("Create VPS").click();
        await window.heading("after-all").waitFor();
    });

    test("the server goes away and comes back: lists stay, it is said, and events that came meanwhile show", async () => {
        await window.go("/vps");
        await window.page.getByRole("img", { name: /^Live/ }).waitFor();
        await world.server.stop();
        await window.page.getByRole("img", { name: /No live updates/ }).waitFor();
        assert.ok((await window.page.getByRole("row").count()) > 1, "what was read is still there");
        await world.server.start();
        await world.online();
        const made = await world.createVps({ name: "meanwhile" });
        await window.page.getByRole("row", { name: /meanwhile/ }).getByText("Running").waitFor();
        await window.page.getByRole("img", { name: /^Live/ }).waitFor();
        await world.deleteVps(made.id);
    });

    test("a page that is opened while the server's API is away says so, and goes on by a click", async () => {
        await window.page.route("**/v1/sessions/refresh", (route) => route.abort("connectionrefused"));
        await window.page.reload();
        await window.heading("The server does not answer").waitFor();
        await window.page.unrouteAll({ behavior: "ignoreErrors" });
        await window.button("Try again").click();
        await window.heading("VPS").waitFor();
    });

    test("a list that cannot be read says why and can be read again", async () => {
        await window.page.route("**/v1/webhooks*", (route) => route.fulfill(problem(403, "forbidden", "Owners and admins only.")));
        await window.go("/account/webhooks");
        await window.page.getByText("Owners and admins only.").waitFor();
        await window.page.unrouteAll({ behavior: "ignoreErrors" });
        await window.button("Try again").click();
        await window.page.getByText("No webhooks").waitFor();
    });

    test("what is not there, and what is somebody else's, is said alike", async () => {
        const stranger = await world.createCustomer(unlimited);
        const theirs = await world.createVps({}, stranger.api);
        for (const path of [`/vps/${theirs.id}`, "/vps/01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"]) {
            await window.go(path);
            await window.page.getByText("It does not exist, or it is not yours.").waitFor();
        }
        await window.go("/nowhere");
        await window.page.getByText("There is nothing here").waitFor();
    });

    test("text that tries to be HTML is text: a label, a key's comment, a task's error, a webhook's description", async () => {
        const evil = "<img/src=x/onerror=document.title='owned'>";
        const { api } = world.customer;
        const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdvpjBmhCQfuBcTeVeCBtXfU0HAoVCrCi1rE8tVYNqt";
        const vps = await world.createVps({ ssh_keys: [`${key} ${evil}`] });
        await api.expect(201, "POST", "/v1/webhooks", { body: { url: "https://hooks.example.org/x", description: evil } });
        // Said again each time: the node's next report takes an error away that it knows nothing of.
        await until("the error and the key's comment show", async () => {
            await world.cluster.sql(`UPDATE vps SET error = '{"code":"system_error","detail":"${evil.replaceAll("'", "''")}"}' WHERE id = '${vps.id}'`);
            await window.go(`/vps/${vps.id}/settings`);
            await window.page.getByText(evil, { exact: true }).first().waitFor();
            return (await window.page.getByText(evil).count()) >= 2;
        });
        await window.go("/account/webhooks");
        await window.page.getByText(evil).waitFor();
        assert.notEqual(await window.page.title(), "owned");
        assert.equal(await window.page.locator("img[src=x]").count(), 0);
    });

    test("a page of another origin can neither frame the panel nor use its cookie nor its consoles", async () => {
        const { createServer } = await import("node:http");
        const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end(`<iframe src="${world.server.url}/vps"></iframe>`));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as { port: number };
        const page = await window.context.newPage();
        const said: string[] = [];
        page.on("console", (message) => said.push(message.text()));
        await page.goto(`http://localhost:${port}/`); // another site than 127.0.0.1
        await until("the frame is refused", () => said.some((one) => one.includes("frame-ancestors")));
        const refreshed = await page.evaluate(async (url) => {
            try {
                const answer = await fetch(`${url}/v1/sessions/refresh`, { method: "POST", credentials: "include", mode: "no-cors" });
                return answer.type === "opaque" ? "opaque" : String(answer.status);
            } catch (error) {
                return "refused";
            }
        }, world.server.url);
        assert.ok(["opaque", "refused"].includes(refreshed), refreshed);
        const opened = await page.evaluate(
            (url) =>
                new Promise<string>((resolve) => {
                    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/consoles/connect`, ["croft.console.v1", "x"]);
                    socket.onopen = () => resolve("open");
                    socket.onerror = () => resolve("refused");
                }),
            world.server.url,
        );
        assert.equal(opened, "refused");
        await page.close();
        await new Promise((resolve) => server.close(resolve));
        await window.page.reload();
        await window.page.getByRole("navigation").first().waitFor({ state: "attached" }); // still signed in
    });

    test("nothing of it made a script fail", () => {
        assert.deepEqual(window.calm(), []);
    });
});
