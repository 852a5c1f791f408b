import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Api, type RawAnswer } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { MailServer } from "../harness/smtp.js";
import { earlierTotp, totp } from "../harness/totp.js";
import { type Customer, World, unlimited } from "../harness/world.js";

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe("people", () => {
    let world: World;
    let mail: MailServer;
    let guest: Api;
    const stolen = "correct horse battery staple";
    before(async () => {
        mail = await MailServer.start();
        const list = `/tmp/croft-breach-${randomUUID()}`;
        const lines = [stolen, "123456789012", "password1234"].map((word) => createHash("sha1").update(word).digest("hex").toUpperCase());
        writeFileSync(list, `${lines.sort().map((line) => `${line}:7`).join("\r\n")}\r\n`);
        const config = { mail: { server: mail.address, tls: "none", from: "croft@example.org", retry_s: 1 }, passwords: { breach_list: list } };
        world = await World.create({ agent: null, server: { config } });
        world.sandbox.undo(`rm -f ${list}`);
        guest = new Api(world.server.url);
    });
    after(async () => {
        await world?.close();
        await mail?.stop();
    });

    const signIn = (who: { email: string; password: string }, more: object = {}, headers = {}): Promise<RawAnswer> =>
        guest.post("/v1/sessions", { email: who.email, password: who.password, ...more }, headers);
    async function session(who: { email: string; password: string }): Promise<Api> {
        const answer = await signIn(who);
        assert.equal(answer.status, 201, answer.text);
        return new Api(world.server.url, answer.json.access_token);
    }
    async function mailed(address: string, subject: RegExp): Promise<string> {
        return until(`mail to ${address}`, async () => mail.to(address).find((one) => subject.test(one.headers.subject!))?.text, 20_000);
    }
    const link = (text: string) => /#([0-9a-f]{64})/.exec(text)![1]!;
    const etag = async (api: Api, path: string) => (await api.raw("GET", path)).headers.get("etag")!;

    async function invited(owner: Api, role: string): Promise<{ email: string; password: string; id: string }> {
        const email = `${randomUUID()}@example.org`;
        await owner.expect(201, "POST", "/v1/invitations", { body: { email, role } });
        const token = link(await mailed(email, /^Invitation to /));
        const password = randomUUID();
        const { user } = await guest.expect(201, "POST", "/v1/invitations/accept", { body: { token, password, name: "New" } });
        return { email, password, id: user.id };
    }

    test("an invitation is mailed by SMTP, and a new person accepts it once", async () => {
        const owner = await session(world.customer);
        const email = `${randomUUID()}@example.org`;
        const made = await owner.expect(201, "POST", "/v1/invitations", { body: { email, role: "member" } });
        assert.ok(!JSON.stringify(made).includes("token"));
        const text = await mailed(email, /^Invitation to tenant /);
        const received = mail.to(email)[0]!;
        assert.deepEqual(received.to, [email]);
        assert.equal(received.from, "croft@example.org");
        const token = link(text);
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM mails WHERE mails::text LIKE '%${token}%'`), "0");
        await guest.expect(422, "POST", "/v1/invitations/accept", { body: { token } });
        const stranger = await session(await world.createCustomer(unlimited));
        await stranger.expect(403, "POST", "/v1/invitations/accept", { body: { token } });
        const password = randomUUID();
        const joined = await guest.expect(201, "POST", "/v1/invitations/accept", { body: { token, password } });
        assert.equal(joined.tenant.id, world.customer.id);
        await guest.expect(422, "POST", "/v1/invitations/accept", { body: { token, password } });
        const who = await (await session({ email, password })).expect(200, "GET", "/v1/session");
        assert.equal(who.role, "member");
    });

    test("somebody who is known accepts signed in, and belongs to two tenants", async () => {
        const other = await world.createCustomer(unlimited);
        await (await session(world.customer)).expect(201, "POST", "/v1/invitations", { body: { email: other.email, role: "viewer" } });
        const token = link(await mailed(other.email, /^Invitation/));
        await guest.expect(409, "POST", "/v1/invitations/accept", { body: { token, password: randomUUID() } });
        const api = await session(other);
        await api.expect(201, "POST", "/v1/invitations/accept", { body: { token } });
        const { tenants } = (await signIn(other)).json;
        assert.deepEqual(tenants.map((one: any) => one.role).sort(), ["owner", "viewer"]);
        await api.expect(400, "GET", "/v1/vps");
        await api.expect(200, "GET", "/v1/profile");
        const here = new Api(world.server.url, api.token, { "Croft-Tenant": world.customer.id });
        await here.expect(403, "POST", "/v1/vps", { body: world.order() });
    });

    test("roles: nobody above their own, a last owner stays, who is removed is out", async () => {
        const customer = await world.createCustomer(unlimited);
        const owner = await session(customer);
        const admin = await invited(owner, "admin");
        const asAdmin = await session(admin);
        const me = (await owner.expect(200, "GET", "/v1/profile")).id;
        await asAdmin.expect(403, "POST", "/v1/invitations", { body: { email: "x@example.org", role: "owner" } });
        await asAdmin.expect(403, "DELETE", `/v1/members/${me}`);
        const path = `/v1/members/${me}`;
        const demoted = await owner.raw("PATCH", path, { body: { role: "viewer" }, headers: { "If-Match": await etag(owner, path) } });
        assert.equal(demoted.json.code, "last_owner");
        assert.equal((await owner.raw("DELETE", path)).json.code, "last_owner");
        const token = (await asAdmin.expect(201, "POST", "/v1/tokens", { body: { name: "mine" } })).token;
        const other = `/v1/members/${admin.id}`;
        await owner.expect(200, "PATCH", other, { body: { role: "viewer" }, headers: { "If-Match": await etag(owner, other) } });
        await asAdmin.expect(403, "POST", "/v1/vps", { body: world.order() });
        // While requests of that person run.
        const running = Array.from({ length: 20 }, () => asAdmin.raw("GET", "/v1/members"));
        await owner.expect(204, "DELETE", other);
        for (const answer of await Promise.all(running)) {
            assert.ok([200, 403].includes(answer.status), `${answer.status}`);
        }
        await asAdmin.expect(403, "GET", "/v1/members");
        await new Api(world.server.url, token).expect(401, "GET", "/v1/vps");
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM tokens WHERE user_id = '${admin.id}' AND revoked_at IS NULL`), "0");
    });

    test("a new password ends every other session, is long enough and not a stolen one", async () => {
        const customer = await world.createCustomer(unlimited);
        const [one, two] = [await session(customer), await session(customer)];
        const change = (password: string, new_password: string) => one.raw("POST", "/v1/profile/password", { body: { password, new_password } });
        assert.equal((await change("not it", randomUUID())).status, 403);
        assert.equal((await change(customer.password, "short")).status, 422);
        const breached = await change(customer.password, stolen);
        assert.equal(breached.json.code, "password_breached");
        assert.equal(breached.json.errors[0].pointer, "/new_password");
        assert.equal((await customer.api.raw("POST", "/v1/profile/password", { body: { password: customer.password, new_password: randomUUID() } })).status, 403);
        const next = randomUUID();
        assert.equal((await change(customer.password, next)).status, 204);
        await one.expect(200, "GET", "/v1/profile");
        await two.expect(401, "GET", "/v1/profile");
        assert.equal((await signIn(customer)).status, 401);
        assert.equal((await signIn({ ...customer, password: next })).status, 201);
        await mailed(customer.email, /^Your password was changed/);
    });

    test("a second factor: set up, asked for, each code once, recovery codes once", async () => {
        const customer = await world.createCustomer(unlimited);
        const api = await session(customer);
        assert.equal((await api.raw("POST", "/v1/profile/totp", { body: { password: "not it" } })).status, 403);
        const { secret, uri } = await api.expect(201, "POST", "/v1/profile/totp", { body: { password: customer.password } });
        assert.ok(uri.includes(secret));
        await api.expect(422, "POST", "/v1/profile/totp/confirm", { body: { code: "000000" === totp(secret) ? "000001" : "000000" } });
        const { recovery_codes } = await api.expect(200, "POST", "/v1/profile/totp/confirm", { body: { code: await earlierTotp(secret) } });
        assert.match(await world.cluster.sql(`SELECT secret FROM totp_secrets ORDER BY created_at DESC LIMIT 1`), /^v1\./, "sealed");
        assert.equal((await signIn(customer)).json.code, "totp_required");
        const code = totp(secret);
        assert.equal((await signIn(customer, { code })).status, 201);
        assert.equal((await signIn(customer, { code })).status, 401);
        const typed = recovery_codes[0].toLowerCase().replaceAll("-", " ");
        assert.equal((await signIn(customer, { code: typed })).status, 201);
        assert.equal((await signIn(customer, { code: typed })).status, 401);
        assert.equal((await api.expect(200, "GET", "/v1/profile")).recovery_codes_left, 9);
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM recovery_codes WHERE code_hash = '${recovery_codes[1]}'`), "0");
        assert.equal((await api.raw("DELETE", "/v1/profile/totp")).json.code, "totp_required");
        await api.expect(204, "DELETE", "/v1/profile/totp", { headers: { "Croft-Code": recovery_codes[1] } });
        assert.equal((await signIn(customer)).status, 201);
    });

    test("who runs the server gives somebody a new password and takes a lost second factor away", async () => {
        const customer = await world.createCustomer(unlimited);
        const api = await session(customer);
        const { secret } = await api.expect(201, "POST", "/v1/profile/totp", { body: { password: customer.password } });
        await api.expect(200, "POST", "/v1/profile/totp/confirm", { body: { code: await earlierTotp(secret) } });
        const admin = (verb: string, email: string, more: string[], input = "") =>
            run([world.server.program, "admin", verb, "--config", world.server.config, "--email", email, ...more], { env: world.server.environment, input, accept: [1, 2] });
        assert.equal((await admin("totp-reset", "nobody@example.org", [])).code, 1);
        assert.equal((await admin("password-reset", customer.email, [])).code, 2);
        assert.equal((await admin("password-reset", customer.email, ["--password-stdin"], "short\n")).code, 1);
        const password = `rescued ${randomUUID()}`;
        assert.equal((await admin("password-reset", customer.email, ["--password-stdin"], `${password}\n`)).code, 0);
        assert.equal((await api.raw("GET", "/v1/profile")).status, 401);
        assert.equal((await signIn({ ...customer, password })).json.code, "totp_required");
        assert.equal(JSON.parse((await admin("totp-reset", customer.email, [])).stdout).totp_removed, true);
        assert.equal((await signIn({ ...customer, password })).status, 201);
    });

    test("attempts slow an attacker over all workers, and the owner's device never", async () => {
        const customer = await world.createCustomer(unlimited);
        const first = await signIn(customer);
        const device = first.headers.getSetCookie().find((one) => one.startsWith("croft_device="))!.split(";")[0]!;
        const answers = [];
        for (let i = 0; i < 12; i++) {
            answers.push(await signIn({ email: customer.email, password: "guess" }));
        }
        const slowed = answers.filter((answer) => answer.status === 429);
        assert.ok(slowed.length >= 5, answers.map((answer) => answer.status).join());
        assert.ok(slowed.every((answer) => Number(answer.headers.get("retry-after")) >= 1));
        assert.equal((await signIn(customer)).status, 429);
        assert.equal((await signIn(customer, {}, { Cookie: device })).status, 201);
        await world.cluster.sql("DELETE FROM signin_attempts");
    });

    test("a reset tells nobody whether an address is known: status, body, time", async () => {
        const customer = await world.createCustomer(unlimited);
        const times: Record<string, number[]> = { known: [], unknown: [] };
        const bodies = new Set<string>();
        for (let i = 0; i < 60; i++) {
            for (const [kind, email] of [["known", customer.email], ["unknown", `${randomUUID()}@example.org`]] as const) {
                const began = performance.now();
                const answer = await guest.raw("POST", "/v1/password-resets", { body: { email } });
                times[kind]!.push(performance.now() - began);
                bodies.add(`${answer.status} ${answer.text}`);
            }
        }
        assert.deepEqual([...bodies], ["202 {}"]);
        const ratio = median(times.known!) / median(times.unknown!);
        assert.ok(ratio > 0.7 && ratio < 1.43, `known takes ${ratio} times as long`);
    });

    test("a new password by mail: once, ends every session, forgets attempts", async () => {
        const customer = await world.createCustomer(unlimited);
        const before = await session(customer);
        await guest.expect(202, "POST", "/v1/password-resets", { body: { email: customer.email } });
        const token = link(await mailed(customer.email, /^A new password/));
        assert.equal((await guest.raw("POST", "/v1/password-resets/confirm", { body: { token, password: stolen } })).json.code, "password_breached");
        const password = randomUUID();
        const body = { token, password };
        assert.equal((await guest.raw("POST", "/v1/password-resets/confirm", { body: { ...body, token: "0".repeat(64) } })).status, 422);
        await guest.expect(204, "POST", "/v1/password-resets/confirm", { body });
        await guest.expect(422, "POST", "/v1/password-resets/confirm", { body });
        await before.expect(401, "GET", "/v1/profile");
        assert.equal((await signIn({ ...customer, password })).status, 201);
    });

    test("a mail that is refused for now is sent again, one refused for good is not", async () => {
        const owner = await session(world.customer);
        const soon = `${randomUUID()}@example.org`;
        mail.refuse = "450 later";
        await owner.expect(201, "POST", "/v1/invitations", { body: { email: soon, role: "viewer" } });
        await until("it was tried twice", async () => (await world.cluster.sql(`SELECT attempts FROM mails WHERE to_address = '${soon}'`)) >= "2", 30_000);
        mail.refuse = undefined;
        await mailed(soon, /^Invitation/);
        const never = `${randomUUID()}@example.org`;
        mail.refuse = "550 no such user";
        await owner.expect(201, "POST", "/v1/invitations", { body: { email: never, role: "viewer" } });
        await until("it is given up", async () => (await world.cluster.sql(`SELECT state FROM mails WHERE to_address = '${never}'`)) === "failed", 30_000);
        mail.refuse = undefined;
    });

    test("staff act as a customer: with a reason, for a while, seen and ended by the owner", async () => {
        const customer: Customer = await world.createCustomer(unlimited);
        const owner = await session(customer);
        const me = (await owner.expect(200, "GET", "/v1/profile")).id;
        const body = { tenant_id: customer.id, user_id: me, reason: "ticket 4711" };
        const { reason, ...without } = body;
        await world.operator.expect(422, "POST", "/v1/admin/impersonations", { body: without });
        await world.operator.expect(422, "POST", "/v1/admin/impersonations", { body: { ...body, expires_in: 3601 } });
        const made = await world.operator.expect(201, "POST", "/v1/admin/impersonations", { body });
        const staff = new Api(world.server.url, made.access_token);
        assert.equal((await staff.expect(200, "GET", "/v1/session")).impersonator.reason, reason);
        await staff.expect(200, "GET", "/v1/vps");
        await staff.expect(403, "POST", "/v1/tokens", { body: { name: "mine" } });
        await staff.expect(403, "POST", "/v1/profile/password", { body: { password: customer.password, new_password: randomUUID() } });
        await staff.expect(403, "POST", "/v1/profile/totp", { body: { password: customer.password } });
        await staff.expect(403, "POST", "/v1/invitations", { body: { email: "x@example.org", role: "viewer" } });
        await staff.expect(403, "POST", "/v1/webhooks", { body: { url: "https://example.org/" } });
        const hook = await owner.expect(201, "POST", "/v1/webhooks", { body: { url: "https://example.org/" } });
        await staff.expect(200, "GET", `/v1/webhooks/${hook.id}`);
        await staff.expect(403, "POST", `/v1/webhooks/${hook.id}/rotate-secret`);
        const { items } = await owner.expect(200, "GET", "/v1/events?action=session.impersonated");
        assert.equal(items[0].data.after.reason, reason);
        const seen = (await owner.expect(200, "GET", "/v1/sessions")).items.find((one: any) => one.impersonator);
        assert.equal(seen.id, made.id);
        await owner.expect(204, "DELETE", `/v1/sessions/${seen.id}`);
        await staff.expect(401, "GET", "/v1/vps");
        assert.match(await mailed(customer.email, /^Our staff act/), /ticket 4711/);
    });
});
