import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { sleep } from "../harness/command.js";
import { World, unlimited } from "../harness/world.js";

const encode = (value: object | string) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

describe("sign-in and tokens", () => {
    let world: World;
    let guest: Api;
    before(async () => {
        world = await World.create({ agent: null });
        guest = new Api(world.server.url);
    });
    after(() => world?.close());

    const signIn = (body: object) => guest.post("/v1/sessions", body);

    test("a right password opens a session, with a strict cookie", async () => {
        const { email, password, id } = world.customer;
        const answer = await signIn({ email, password });
        assert.equal(answer.status, 201);
        assert.equal(answer.json.user.email, email);
        assert.deepEqual(answer.json.tenants.map((tenant: { id: string }) => tenant.id), [id]);
        const cookie = answer.headers.get("set-cookie") ?? "";
        assert.match(cookie, /^croft_session=[^;]{20,}/);
        assert.match(cookie, /HttpOnly/i);
        assert.match(cookie, /SameSite=(Strict|Lax)/i);
        const who = await new Api(world.server.url, answer.json.access_token).expect(200, "GET", "/v1/session");
        assert.equal(who.kind, "session");
        assert.equal(who.tenant.id, id);
        assert.equal(who.role, "owner");
    });

    test("behind a proxy that ends TLS the cookie is for https alone", async () => {
        const { email, password } = world.customer;
        const cookie = async () => (await signIn({ email, password })).headers.get("set-cookie") ?? "";
        assert.doesNotMatch(await cookie(), /; Secure/);
        world.server.configure({ api: { public_url: "https://panel.example.org" } });
        await world.server.reload();
        assert.match(await cookie(), /; Secure/);
        world.server.configure({ api: { public_url: world.server.url } });
        await world.server.reload();
    });

    test("a wrong password and an unknown address answer alike", async () => {
        const wrong = await signIn({ email: world.customer.email, password: "not it" });
        const unknown = await signIn({ email: `${randomUUID()}@example.org`, password: "not it" });
        assert.equal(wrong.status, 401);
        assert.equal(unknown.status, 401);
        for (const problem of [wrong.json, unknown.json]) {
            delete problem.instance;
        }
        assert.deepEqual(wrong.json, unknown.json);
    });

    test("an address is the same in any case", async () => {
        assert.equal((await signIn({ email: world.customer.email.toUpperCase(), password: world.customer.password })).status, 201);
    });

    test("renewing needs the cookie and the CSRF header", async () => {
        const answer = await signIn({ email: world.customer.email, password: world.customer.password });
        const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0]!;
        const refresh = (headers: Record<string, string>) => guest.raw("POST", "/v1/sessions/refresh", { headers });
        assert.ok([401, 403].includes((await refresh({})).status));
        assert.ok([401, 403].includes((await refresh({ Cookie: cookie })).status));
        assert.ok([401, 403].includes((await refresh({ Cookie: cookie, "X-CSRF-Token": "no" })).status));
        assert.ok([401, 403].includes((await refresh({ "X-CSRF-Token": answer.json.csrf_token })).status));
        const renewed = await refresh({ Cookie: cookie, "X-CSRF-Token": answer.json.csrf_token });
        assert.equal(renewed.status, 200, renewed.text);
        await new Api(world.server.url, renewed.json.access_token).expect(200, "GET", "/v1/session");
    });

    test("signing out ends the session and its renewal", async () => {
        const answer = await signIn({ email: world.customer.email, password: world.customer.password });
        const cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0]!;
        const session = new Api(world.server.url, answer.json.access_token);
        await session.expect(204, "DELETE", "/v1/session");
        const refresh = await guest.raw("POST", "/v1/sessions/refresh", { headers: { Cookie: cookie, "X-CSRF-Token": answer.json.csrf_token } });
        assert.ok([401, 403].includes(refresh.status));
        await session.expect(401, "GET", "/v1/vps");
    });

    test("a token's secret is shown once; a revoked one is refused", async () => {
        const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "once" } });
        assert.ok(made.token.startsWith(made.prefix));
        const read = await world.customer.api.expect(200, "GET", `/v1/tokens/${made.id}`);
        assert.equal(read.token, undefined);
        assert.equal(await world.cluster.sql(`SELECT count(*) FROM api_tokens WHERE api_tokens::text LIKE '%${made.token}%'`).catch(() => "0"), "0");
        const api = new Api(world.server.url, made.token);
        await api.expect(200, "GET", "/v1/vps");
        await world.customer.api.expect(204, "DELETE", `/v1/tokens/${made.id}`);
        await api.expect(401, "GET", "/v1/vps");
    });

    test("an expired token is refused, one that would be born expired is not made", async () => {
        await world.customer.api.expect(422, "POST", "/v1/tokens", { body: { name: "past", expires_at: "2020-01-01T00:00:00Z" } });
        const soon = new Date(Date.now() + 1500).toISOString();
        const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "soon", expires_at: soon } });
        const api = new Api(world.server.url, made.token);
        await api.expect(200, "GET", "/v1/session");
        await sleep(1800);
        await api.expect(401, "GET", "/v1/session");
    });

    test("a token may read only if that is its scope", async () => {
        const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "reader", scopes: ["read"] } });
        const reader = new Api(world.server.url, made.token);
        await reader.expect(200, "GET", "/v1/vps");
        await reader.expect(403, "POST", "/v1/vps", { body: world.order() });
        await reader.expect(403, "POST", "/v1/tokens", { body: { name: "more", scopes: ["read", "write"] } });
    });

    test("a viewer reads and changes nothing", async () => {
        const viewer = await world.createCustomer(unlimited, "viewer").catch((error: Error) => error);
        // A viewer may not make tokens, so signing in has to do.
        const { items } = await world.operator.expect(200, "GET", "/v1/admin/users?limit=200");
        const newest = items.find((user: any) => user.memberships.some((one: any) => one.role === "viewer"));
        assert.ok(newest, `no viewer was made: ${viewer}`);
        const email = `${randomUUID()}@example.org`;
        const body = { email, password: "viewer's password", tenant_id: world.customer.id, role: "viewer" };
        await world.operator.expect(201, "POST", "/v1/admin/users", { body });
        const session = (await signIn({ email, password: body.password })).json;
        const api = new Api(world.server.url, session.access_token);
        await api.expect(200, "GET", "/v1/vps");
        await api.expect(403, "POST", "/v1/vps", { body: world.order() });
    });

    test("no token, a broken one, another scheme: 401", async () => {
        for (const value of ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", `Bearer ${"a".repeat(4000)}`, "Bearer a.b.c", "bearer\t"]) {
            const answer = await guest.raw("GET", "/v1/vps", { headers: value ? { Authorization: value } : {} });
            assert.equal(answer.status, 401, JSON.stringify(value));
        }
    });

    test("a forged access token is refused", async () => {
        const { access_token } = (await signIn({ email: world.customer.email, password: world.customer.password })).json;
        const [header, payload, signature] = access_token.split(".");
        const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
        const head = JSON.parse(Buffer.from(header, "base64url").toString());
        const hmac = (alg: string, key: string) => {
            const text = `${encode({ ...head, alg })}.${payload}`;
            return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
        };
        const forged = [
            `${encode({ ...head, alg: "none" })}.${payload}.`,
            `${encode({ ...head, alg: "none" })}.${payload}.${signature}`,
            `${encode({ ...head, alg: "None" })}.${payload}.`,
            `${encode({ typ: "JWT" })}.${payload}.${signature}`,
            `${header}.${encode({ ...claims, exp: claims.exp + 9999 })}.${signature}`,
            `${header}.${payload}.${signature.slice(0, -4)}`,
            `${header}.${payload}.`,
            `${header}.${payload}`,
            `.${payload}.${signature}`,
            `${access_token}.x`,
            `${access_token}=`,
            `${access_token}==`,
            `${header}=.${payload}.${signature}`,
            `${header}.${payload}=.${signature}`,
            hmac("HS256", ""),
            hmac("HS256", "secret"),
            hmac("ES256", ""),
        ];
        for (const token of forged) {
            assert.equal((await guest.raw("GET", "/v1/session", { headers: { Authorization: `Bearer ${token}` } })).status, 401, token);
        }
        await new Api(world.server.url, access_token).expect(200, "GET", "/v1/session");
    });

    test("a session cannot name a tenant of somebody else", async () => {
        const other = await world.createCustomer(unlimited);
        const { access_token } = (await signIn({ email: world.customer.email, password: world.customer.password })).json;
        const answer = await guest.raw("GET", "/v1/vps", { headers: { Authorization: `Bearer ${access_token}`, "Croft-Tenant": other.id } });
        assert.ok([401, 403, 404].includes(answer.status), `${answer.status}`);
    });
});
