// People, tokens, webhooks, the log: the rooms of an account.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Route } from "playwright-core";
import { Browser, type Window } from "../harness/browser.js";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { certificate, Receiver } from "../harness/receiver.js";
import { sshKey } from "../harness/things.js";
import { MailServer } from "../harness/smtp.js";
import { earlierTotp } from "../harness/totp.js";
import { World } from "../harness/world.js";

describe("an account's rooms", () => {
    let world: World;
    let mail: MailServer;
    let receiver: Receiver;
    let browser: Browser;
    let window: Window;
    let secret = "";
    before(async () => {
        mail = await MailServer.start();
        world = await World.create({ server: { config: { panel: { dir: panelFolder }, mail: { server: mail.address, tls: "none", retry_s: 1 } } } });
        const files = await certificate(world.sandbox);
        world.server.configure({ webhooks: { allow_private: true, ca_file: files.cert } } as never);
        await world.server.reload();
        receiver = await Receiver.create(files);
        browser = await Browser.open(world.sandbox, world.server.url);
        window = await browser.window();
        await window.signIn(world.customer);
    });
    after(async () => {
        await browser?.close();
        await world?.close();
        await mail?.stop();
        receiver?.close();
    });

    const linkIn = (to: string) => until(`a mail to ${to}`, () => /https?:\/\/\S+#\S+/.exec(mail.mails.find((one) => one.to.includes(to))?.text ?? "")?.[0]);

    test("somebody is invited, joins by the mailed link with a name and a password, and is made an admin", async () => {
        const { page } = window;
        await window.go("/account/members");
        await window.button("Invite").first().click();
        await window.dialog("Invite").getByLabel("E-mail address").fill("new@example.org");
        await window.button("Invite", window.dialog()).click();
        await page.getByRole("row", { name: /new@example.org/ }).waitFor();
        const other = await browser.window();
        await other.page.goto(await linkIn("new@example.org"));
        await other.page.getByLabel("Your name").fill("Newcomer");
        await other.page.getByLabel("New password").fill("a rather long phrase");
        await other.button("Join").click();
        await other.page.getByText(/You are now a member of/).waitFor();
        await other.signIn({ email: "new@example.org", password: "a rather long phrase" });
        assert.equal(await other.page.getByRole("link", { name: "Webhooks" }).count(), 0, "not for members");
        await window.button("Change role", page.getByRole("row", { name: /Newcomer/ })).click();
        await window.dialog().getByLabel("Role").click();
        await page.getByRole("option", { name: "Admin" }).click();
        await window.button("Save", window.dialog()).click();
        await page.getByRole("row", { name: /Newcomer/ }).getByText("Admin").waitFor();
        assert.deepEqual(other.calm(), []);
        await other.context.close();

        await window.button("Invite").first().click();
        await window.dialog("Invite").getByLabel("E-mail address").fill("wrong@example.org");
        await window.button("Invite", window.dialog()).click();
        const row = page.getByRole("row", { name: /wrong@example.org/ });
        await window.button("Withdraw", row).click();
        await window.button("Withdraw", window.dialog("Withdraw invitation")).click();
        await row.waitFor({ state: "detached" });
    });

    test("a forgotten password: a link by mail, a new one, signed in", async () => {
        const other = await browser.window();
        await other.go("/");
        await other.page.getByRole("link", { name: "Forgot your password?" }).click();
        await other.page.getByLabel("E-mail address").fill("new@example.org");
        await other.button("Send the link").click();
        await other.page.getByText(/the mail is on its way/).waitFor();
        mail.mails.splice(0, mail.mails.length - 1);
        const link = await until("the link", () => /https?:\/\/\S+password-resets#\S+/.exec(mail.mails.map((one) => one.text).join("\n"))?.[0]);
        await other.page.goto("about:blank");
        await other.page.goto(link);
        await other.page.getByLabel("New password").fill("another long phrase");
        await other.button("Set password").click();
        await other.page.getByText("The new password holds from now on.").waitFor();
        await other.signIn({ email: "new@example.org", password: "another long phrase" });
        await other.context.close();
    });

    test("a token is made, shown once, works as far as its scopes, and is revoked", async () => {
        const { page } = window;
        await window.go("/account/tokens");
        await window.button("Create token").first().click();
        const dialog = window.dialog();
        await dialog.getByRole("textbox", { name: "Name" }).fill("ci");
        await window.button("Create token", dialog).click();
        await page.getByText("Copy it now: it is not shown again.").waitFor();
        const token = await dialog.locator("pre").innerText();
        const ask = async (path: string) => (await fetch(world.server.url + path, { headers: { Authorization: `Bearer ${token}` } })).status;
        assert.equal(await ask("/v1/vps"), 200);
        assert.equal(await ask("/v1/webhooks"), 403);
        await window.button("Done", dialog).click();
        const row = page.getByRole("row", { name: /^ci/ });
        await window.button("Revoke", row).click();
        await window.button("Revoke", window.dialog()).click();
        await row.waitFor({ state: "detached" });
        assert.equal(await ask("/v1/vps"), 401);
    });

    test("a webhook is made, tested, and shows what it was sent", async () => {
        const { page } = window;
        await window.go("/account/webhooks");
        await window.button("Create webhook").first().click();
        await window.dialog().getByLabel("URL").fill(receiver.url("/hook"));
        await window.button("Create webhook", window.dialog()).click();
        await page.getByText(/whsec_/).waitFor();
        await window.button("Done").click();
        await window.button("Send a test").click();
        await page.getByRole("row", { name: /Webhook test/ }).getByText("Delivered").waitFor();
        assert.ok(receiver.at("/hook").some((one) => one.event.type === "croft.webhook.test"));
        await window.button("Delete").click();
        await window.button("Delete", window.dialog()).click();
        await page.getByText("No webhooks").waitFor();
    });

    test("address sets and private networks are made, changed and deleted", async () => {
        const { page } = window;
        await window.go("/account/networks");
        await window.button("Add address set").click();
        await window.dialog().getByLabel("Name").fill("office");
        await window.dialog().getByLabel("Ranges").fill("192.0.2.0/24\n2001:db8::/32");
        await window.button("Save", window.dialog()).click();
        const row = page.getByRole("row", { name: /office/ });
        await row.getByText("192.0.2.0/24, 2001:db8::/32").waitFor();
        await window.button("Edit", row).click();
        await window.dialog().getByLabel("Ranges").fill("198.51.100.7/32");
        await window.button("Save", window.dialog()).click();
        await row.getByText(/198\.51\.100\.7/).waitFor();
        await window.button("Delete", row).click();
        await window.button("Delete", window.dialog()).click();
        await row.waitFor({ state: "detached" });

        const vps = await world.createVps();
        const settled = () => until("its task is done", async () => (await world.customer.api.vps(vps.id)).task_id === null);
        await window.button("Add network").click();
        await window.dialog().getByLabel("Name").fill("inside");
        await window.button("Add", window.dialog()).click();
        const network = page.getByRole("row", { name: /inside/ });
        await window.button("Add VPS", network).click();
        await window.dialog().getByRole("combobox", { name: "VPS" }).or(window.dialog().getByRole("textbox", { name: "VPS" })).click();
        await page.getByRole("option", { name: vps.name }).click();
        await window.button("Add", window.dialog()).click();
        await network.getByText(vps.name).waitFor();
        await settled();
        await window.button("Remove", network).click();
        await window.button("Remove", window.dialog("Remove from the network")).click();
        await network.getByText(vps.name).waitFor({ state: "detached" });
        await settled();
        await window.button("Delete", network).click();
        await window.button("Delete", window.dialog("Delete network")).click();
        await network.waitFor({ state: "detached" });
    });

    test("an SSH key is kept, chosen for a vps that is made, another is kept as it is made, and forgotten", async () => {
        const { page } = window;
        await window.go("/account/keys");
        await window.button("Add SSH key").click();
        await window.dialog().getByLabel("Public key").fill("no key at all");
        await window.dialog().getByLabel("Name").fill("laptop");
        await window.button("Keep", window.dialog()).click();
        await window.dialog().getByText(/This is not a public key/).first().waitFor();
        await window.dialog().getByLabel("Public key").fill(sshKey("ada@desk"));
        await window.button("Keep", window.dialog()).click();
        const row = page.getByRole("row", { name: /laptop.*SHA256:/ });
        await row.waitFor();

        await window.go("/vps/new");
        await page.getByRole("textbox", { name: "Name" }).fill("keyed");
        for (const choice of [/Lab/, new RegExp(world.image.title), /tiny/]) {
            await page.getByRole("radio", { name: choice }).first().check({ force: true });
        }
        await page.getByRole("checkbox", { name: "laptop" }).check();
        const keys = page.getByRole("textbox", { name: "SSH keys" });
        await keys.fill(`${await keys.inputValue()}\n${sshKey("bob@desk")}`);
        await page.getByRole("checkbox", { name: /Keep what is typed/ }).check();
        const refuse = (route: Route) => route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify({ type: "about:blank", title: "Conflict", status: 409, code: "conflict", detail: "A tenant keeps at most 100 SSH keys." }) });
        await page.route("**/v1/ssh-keys", refuse); // what is read has a query
        await window.button("Create VPS").click();
        await page.getByText(/^No VPS was made, as the keys could not be kept.*at most 100/).waitFor();
        const keyed = async () => (await world.customer.api.expect(200, "GET", "/v1/vps?name=keyed")).items;
        assert.equal((await keyed()).length, 0, "what is kept is kept first");
        await page.unroute("**/v1/ssh-keys", refuse);
        await window.button("Create VPS").click();
        await window.heading("keyed").waitFor();
        await window.go("/account/keys");
        await page.getByRole("row", { name: /bob@desk.*SHA256:.*keyed/ }).waitFor();
        await page.getByRole("row", { name: /laptop.*keyed/ }).waitFor();
        await window.button("Delete", row).click();
        await window.button("Delete", window.dialog()).click();
        await page.getByRole("row", { name: /ada@desk.*Not kept here.*keyed/ }).waitFor(); // what has it keeps it

        await until("it is made", async () => (await keyed())[0].task_id === null);
        const bob = page.getByRole("row", { name: /bob@desk/ });
        await window.button("Remove everywhere", bob).click();
        await window.button("Remove everywhere", window.dialog()).click();
        await page.getByText("The key opens nothing of yours any more.").waitFor();
        assert.deepEqual((await keyed())[0].ssh_keys.map((one: string) => one.split(" ")[2]), ["ada@desk"]);

        await until("it has heard of it", async () => (await keyed())[0].task_id === null);
        await window.go(`/vps/${(await keyed())[0].id}/settings`);
        await window.button("Remove the key ada@desk").click();
        await window.dialog("Remove SSH key").getByText("ada@desk no longer opens keyed.").waitFor();
        await window.button("Remove", window.dialog()).click();
        await page.getByText(/There are none: set a root password/).waitFor();
        assert.deepEqual((await keyed())[0].ssh_keys, []);
    });

    test("a second factor is set up, asked for at the next sign-in, and switched off", async () => {
        const { page } = window;
        await window.go("/account/profile");
        const card = page.getByRole("region", { name: "Second factor" });
        await window.button("Set up", card).click();
        await window.dialog().getByLabel("Your password").fill(world.customer.password);
        await window.button("Next", window.dialog()).click();
        secret = (await window.dialog().locator("pre").innerText()).trim();
        await window.dialog().getByLabel("Code", { exact: true }).fill(await earlierTotp(secret));
        await window.button("Confirm", window.dialog()).click();
        await window.dialog("Recovery codes").waitFor();
        const codes = (await window.dialog().locator("pre").innerText()).split("\n");
        assert.equal(codes.length, 10);
        await window.button("Done", window.dialog()).click();
        await card.getByText("10 recovery codes are left.").waitFor();

        const other = await browser.window();
        await other.go("/");
        await other.page.getByLabel("E-mail address").fill(world.customer.email);
        await other.page.getByLabel("Password", { exact: true }).fill(world.customer.password);
        await other.button("Sign in").click();
        await other.page.getByLabel("Code", { exact: true }).fill(codes[0]!);
        await other.button("Sign in").click();
        await other.page.getByRole("navigation").first().waitFor({ state: "attached" });

        const sessions = page.getByRole("region", { name: "Sessions" });
        const end = window.button("End", sessions);
        await until("the other window's and that of the set-up show", async () => (await end.count()) === 2);
        for (let left = 2; left > 0; left--) {
            await end.first().click();
            await window.button("End", window.dialog("End session")).click();
            await until("one less", async () => (await end.count()) < left);
        }
        await other.dialog("Sign in again").waitFor();
        await other.context.close();

        await window.button("Switch off", card).click();
        await window.dialog().getByLabel("Code", { exact: true }).fill(codes[1]!);
        await window.button("Switch off", window.dialog()).click();
        await window.button("Set up", card).waitFor();
    });

    test("the log names who did what, with what was before and after", async () => {
        const { page } = window;
        await window.go("/account/audit");
        await page.getByRole("row", { name: /token\.created/ }).first().waitFor();
        await page.getByLabel("Action").fill("address_set.updated");
        const row = page.getByRole("row", { name: /address_set\.updated/ });
        await row.waitFor();
        await until("only that is left", async () => (await page.getByRole("row").count()) === 2);
        assert.match(await row.innerText(), new RegExp(world.customer.email));
        await window.button("Details", row).click();
        await window.dialog().getByText(/"before"/).waitFor();
    });

    test("quotas say what uses them", async () => {
        const { page } = window;
        const vps = await world.createVps();
        await window.go("/account/quotas");
        await window.button("What uses it").first().click();
        await window.dialog().getByText(vps.name).waitFor();
        assert.deepEqual(window.calm(), []);
    });

    test("all of it by keyboard: from sign-in to an order", async () => {
        const other = await browser.window();
        const { page } = other;
        await other.go("/vps");
        await page.getByLabel("E-mail address").waitFor();
        await page.keyboard.type(world.customer.email);
        await page.keyboard.press("Tab");
        await page.keyboard.type(world.customer.password);
        await page.keyboard.press("Enter");
        await page.getByRole("row").nth(1).waitFor();
        const reach = async (name: string) => {
            for (let i = 0; i < 80; i++) {
                await page.keyboard.press("Tab");
                const here = await page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "");
                if (here === name) {
                    return;
                }
            }
            assert.fail(`${name} is not reached by Tab`);
        };
        await page.keyboard.press("Tab");
        assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
        await reach("Create VPS");
        await page.keyboard.press("Enter");
        await other.heading("Create VPS").waitFor();
        await other.context.close();
    });
});
