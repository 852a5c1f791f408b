// What customers do, with real containers.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { MiB, World } from "../harness/world.js";

describe("a customer's journeys", () => {
    let world: World;
    let browser: Browser;
    let window: Window;
    before(async () => {
        world = await World.create({ drivers: "real", server: { config: { panel: { dir: panelFolder } } } });
        await world.createPlan("small", { memory_bytes: 96 * MiB, disk_bytes: 96 * MiB, price_month: "5.00" });
        browser = await Browser.open(world.sandbox, world.server.url);
        window = await browser.window();
        await window.signIn(world.customer, "/vps");
    });
    after(async () => {
        await browser?.close();
        await world?.close();
    });

    const state = (text: string) => window.page.locator(".dot + *", { hasText: new RegExp(`^${text}$`) }).first();
    const tab = (name: string) => window.page.getByRole("tab", { name }).click();
    const vps = async () => (await world.customer.api.expect(200, "GET", "/v1/vps?name=web1")).items[0];
    const terminal = () => window.page.evaluate(() => document.querySelector(".xterm-rows")?.textContent ?? "");

    test("a vps is made on one page, with its price, and is seen to start without a reload", async () => {
        const { page } = window;
        await page.getByRole("link", { name: "Create VPS" }).first().click();
        await page.getByRole("textbox", { name: "Name" }).fill("web1");
        await page.getByRole("radio", { name: /Lab/ }).check({ force: true });
        await page.getByRole("radio", { name: /busybox/ }).check({ force: true });
        await page.getByRole("radio", { name: /small/ }).check({ force: true });
        await page.getByText("€5.00 a month").nth(1).waitFor(); // of the plan, and of the summary
        await window.button("The same as a curl command").click();
        assert.match(await page.locator("pre.code").innerText(), /"name": "web1"/);
        await window.button("Create VPS").click();
        await window.heading("web1").waitFor();
        await state("Running").waitFor();
        assert.equal((await vps()).observed, "running");
    });

    test("the curl command does what the page does", async () => {
        const { page } = window;
        await window.go("/vps/new");
        await page.getByRole("textbox", { name: "Name" }).fill("by-curl");
        for (const choice of [/Lab/, /busybox/, /tiny/]) {
            await page.getByRole("radio", { name: choice }).check({ force: true });
        }
        await page.getByLabel("User data").fill("#!/bin/sh\necho 'it''s here' > /root/said\n");
        await window.button("The same as a curl command").click();
        const text = await page.locator("pre.code").innerText();
        const { execFileSync } = await import("node:child_process");
        const made = JSON.parse(execFileSync("bash", ["-c", text.replace("$(uuidgen)", "by-curl")], { env: { ...process.env, TOKEN: world.customer.api.token! }, encoding: "utf8" }));
        assert.equal(made.vps.name, "by-curl");
        await world.customer.api.settled(made.task.id);
        await world.deleteVps(made.vps.id);
    });

    test("the console: what is typed is run and shown, quickly, and a flood does not stop it", async () => {
        await window.go(`/vps/${(await vps()).id}/console`);
        await window.page.getByText("Connected").waitFor();
        await window.page.locator(".xterm-helper-textarea").focus();
        await window.page.keyboard.type("echo $((40+2))abc\n");
        await until("the answer shows", async () => (await terminal()).includes("42abc"));
        await window.page.keyboard.type("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done\n");
        await until("it floods", async () => ((await terminal()).match(/y/g) ?? []).length > 500);
        const started = Date.now();
        await window.page.keyboard.press("Control+C");
        await until("the flood ends", async () => (await terminal()).replace(/[\s\u00a0]+$/, "").endsWith("#"));
        assert.ok(Date.now() - started < 20_000, `${Date.now() - started} ms`);
        await window.page.keyboard.type("echo still$((1+1))\n");
        await until("it goes on", async () => (await terminal()).includes("still2"));
        await window.picture("journey-console");
    });

    test("escape sequences of the guest change nothing of the page", async () => {
        const title = await window.page.title();
        const before = window.page.url();
        await window.page.keyboard.type("printf '\\033]0;<b>owned</b>\\007\\033]8;;javascript:alert(1)\\007link\\033]8;;\\007\\n'\n");
        await until("it has printed", async () => (await terminal()).includes("link"));
        assert.equal(await window.page.title(), title);
        assert.equal(window.page.url(), before);
    });

    test("the terminal can be left by keyboard", async () => {
        await window.page.locator(".xterm-helper-textarea").focus();
        await window.page.keyboard.press("Control+Shift+Escape");
        assert.equal(await window.page.evaluate(() => document.activeElement?.classList.contains("xterm-helper-textarea")), false);
    });

    test("firewall rules are saved whole; a wrong one is named at its row and nothing typed is lost", async () => {
        const { page } = window;
        await tab("Network");
        await window.button("Add rule").click();
        await window.button("Add rule").click();
        const second = page.getByRole("listitem", { name: "Rule 2" });
        await page.getByRole("listitem", { name: "Rule 1" }).getByLabel("Ports").fill("22, 80");
        await second.getByLabel("Ports").fill("http");
        const card = page.getByRole("region", { name: "Firewall" });
        await window.button("Save", card).click();
        await card.getByRole("alert").waitFor();
        assert.equal(await second.getByLabel("Ports").inputValue(), "http");
        await second.getByLabel("Ports").fill("443");
        await window.button("Save", card).click();
        await page.getByText("The firewall is saved.").waitFor();
        const firewall = await world.customer.api.expect(200, "GET", `/v1/vps/${(await vps()).id}/firewall`);
        assert.deepEqual(firewall.rules.map((one: any) => one.ports), [["22", "80"], ["443"]]);
    });

    test("a snapshot is made and shows when it is ready; a restore asks for the name", async () => {
        const { page } = window;
        await until("no task is open", async () => (await vps()).task_id === null);
        await tab("Snapshots");
        await window.button("Make a snapshot").click();
        await window.dialog("Make a snapshot").getByLabel("Name").fill("before");
        await window.button("Make a snapshot", window.dialog()).click();
        const row = page.getByRole("row", { name: /before/ });
        await row.getByText("Ready").waitFor();
        await window.button("Restore", row).click();
        const restore = window.button("Restore", window.dialog());
        assert.equal(await restore.isDisabled(), true);
        await window.dialog().getByRole("textbox").fill("web1");
        await restore.click();
        await window.dialog().waitFor({ state: "hidden" });
        await until("the restore is done", async () => {
            const tasks = (await world.customer.api.expect(200, "GET", `/v1/tasks?vps_id=${(await vps()).id}`)).items;
            return tasks.some((one: any) => one.kind === "vps_restore" && one.status === "done");
        });
    });

    test("a resize says what it costs and is done", async () => {
        const { page } = window;
        const { id } = await vps();
        await until("no task is open", async () => (await vps()).task_id === null);
        await window.go(`/vps/${id}/settings`);
        const card = page.getByRole("region", { name: "Resize" });
        await card.getByRole("radio", { name: /tiny/ }).check({ force: true });
        await card.getByText(/€0.00 a month \(-€5.00\)/).waitFor();
        await window.button("Resize", card).click();
        await until("it is of the new size", async () => (await vps()).memory_bytes === 64 * MiB && (await vps()).task_id === null);
    });

    test("an image is made of it, and a clone, which runs on its own", async () => {
        const { page } = window;
        const { id } = await vps();
        const card = page.getByRole("region", { name: "Copies" });
        await window.button("Make an image", card).click();
        await window.dialog().getByRole("textbox", { name: "Name" }).fill("our-shop");
        await window.button("Make an image", window.dialog()).click();
        await page.getByText("The image is being made").waitFor();
        await until("it can be chosen", async () => (await world.customer.api.expect(200, "GET", "/v1/images?limit=200")).items.some((one: any) => one.name === "our-shop" && one.state === "ready"));
        await until("no task is open", async () => (await vps()).task_id === null);
        await window.button("Clone", card).click();
        await window.dialog().getByRole("textbox", { name: "Name" }).fill("twin");
        await window.button("Clone", window.dialog()).click();
        await window.heading("twin").waitFor();
        await state("Running").waitFor();
        await world.deleteVps(new URL(page.url()).pathname.split("/")[2]!);
        await window.go(`/vps/${id}/settings`);
        await window.heading("web1").waitFor();
    });

    test("stop and start from the page, in two windows at once", async () => {
        const other = await browser.window();
        await other.signIn(world.customer, "/vps");
        const row = other.page.getByRole("row", { name: /web1/ });
        await row.getByText("Running").waitFor();
        await window.button("Stop").click();
        await window.button("Stop", window.dialog()).click();
        await row.getByText("Stopped").waitFor();
        await window.button("Start").click();
        await row.getByText("Running").waitFor();
        assert.deepEqual(other.calm(), []);
        await other.context.close();
    });

    test("bulk orders reach all that are chosen; who refuses is named, keeps none of the others, and is asked again alone", async () => {
        const { page } = window;
        const second = await world.createVps({ name: "web2" });
        await window.go("/vps");
        await page.getByLabel("Choose all").check();
        await window.button("Stop", page.getByRole("region", { name: "Chosen VPS" })).click();
        const stop = `**/v1/vps/${second.id}/stop`;
        await page.route(stop, (route) => route.abort());
        await window.button("Stop", window.dialog()).click();
        const said = window.dialog().getByRole("alert");
        await said.getByText("1 of 2 took it. These did not:").waitFor();
        assert.match(await said.innerText(), /web2\s+The server cannot be reached/);
        await page.unroute(stop);
        await window.dialog().getByText("This goes to 1 VPS: web2.").waitFor();
        await window.button("Stop", window.dialog()).click();
        await page.getByText("Ordered of 1 VPS.").waitFor();
        for (const name of ["web1", "web2"]) {
            await page.getByRole("row", { name: new RegExp(name) }).getByText("Stopped").waitFor();
        }
        await world.deleteVps(second.id);
        await page.getByRole("row", { name: /web2/ }).waitFor({ state: "detached" });
    });

    test("filters are in the address and hold after a reload", async () => {
        const { page } = window;
        await page.getByLabel("Name", { exact: true }).fill("nothing-like-it");
        await page.getByText("Nothing matches").waitFor();
        await page.waitForURL(/name=nothing-like-it/);
        await page.reload();
        await page.getByText("Nothing matches").waitFor();
        assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "nothing-like-it");
        await window.button("Clear filters").click();
        await page.getByRole("row", { name: /web1/ }).waitFor();
    });

    test("protection first, then the name: a vps is not deleted by a slip", async () => {
        const { page } = window;
        await window.go(`/vps/${(await vps()).id}/settings`);
        const general = page.getByRole("region", { name: "General" });
        await general.getByRole("switch", { name: /Protection/ }).check({ force: true });
        await window.button("Save", general).click();
        await page.getByText("Saved.").waitFor();
        await page.getByText("Protection is on: switch it off first.").waitFor();
        assert.equal(await window.button("Delete VPS").isDisabled(), true);
        await general.getByRole("switch", { name: /Protection/ }).uncheck({ force: true });
        await window.button("Save", general).click();
        await window.button("Delete VPS").click();
        const confirm = window.button("Delete VPS", window.dialog());
        await window.dialog().getByRole("textbox").fill("web");
        assert.equal(await confirm.isDisabled(), true);
        await window.dialog().getByRole("textbox").fill("web1");
        await confirm.click();
        await page.waitForURL(/\/vps$/);
        await page.getByText("No VPS yet").waitFor();
    });

    test("nothing of it made the page complain", () => {
        assert.deepEqual(window.calm(), []);
    });
});
