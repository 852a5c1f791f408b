import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Api } from "../harness/client.js";
import { Api as Client, must } from "../harness/client.js";
import { run } from "../harness/command.js";
import { GiB, MiB, World, unlimited } from "../harness/world.js";

describe("administration", () => {
    let world: World;
    let operator: Api;
    before(async () => {
        world = await World.create({ agent: null });
        operator = world.operator;
    });
    after(() => world?.close());

    const missing = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11";

    async function etag(api: Api, path: string): Promise<string> {
        const { status, headers } = await api.raw("GET", path);
        assert.equal(status, 200);
        return headers.get("etag")!;
    }

    test("the generated client speaks the contract", async () => {
        const meta = must(await operator.client.GET("/v1/meta"));
        assert.ok(meta.api_versions.includes("v1"));
        const { items } = must(await operator.client.GET("/v1/admin/tenants", { params: { query: { limit: 1 } } }));
        assert.equal(items.length, 1);
    });

    test("the contract is served as it is in the tree", async () => {
        const { readFileSync } = await import("node:fs");
        const { root } = await import("../harness/paths.js");
        const { text } = await new Client(world.server.url).raw("GET", "/v1/openapi.yaml");
        assert.equal(text, readFileSync(`${root}/docs/openapi.yaml`, "utf8"));
    });

    test("health and metrics", async () => {
        const guest = new Client(world.server.url);
        await guest.expect(200, "GET", "/healthz").catch(assert.fail);
        assert.equal((await guest.raw("GET", "/readyz")).status, 200);
        assert.match((await guest.raw("GET", "/metrics")).text, /^croft_\w+/m);
    });

    // Everything that is read with an ETag and changed with If-Match: [path, the change, how to see it].
    const changes: [string, () => Promise<string>, Record<string, unknown>][] = [
        ["tenants", async () => (await operator.expect(201, "POST", "/v1/admin/tenants", { body: { name: "T" } })).id, { name: "T2" }],
        ["plans", async () => (await world.createPlan("changeable")).id, { name: "changed", active: false }],
        ["images", async () => world.image.id, { title: "another title" }],
    ];
    for (const [noun, make, change] of changes) {
        test(`${noun} change with If-Match only`, async () => {
            const path = `/v1/admin/${noun}/${await make()}`;
            const read = await etag(operator, path);
            const patch = (headers: Record<string, string>, body: object = change) => operator.raw("PATCH", path, { body, headers });
            assert.equal((await operator.raw("GET", path, { headers: { "If-None-Match": read } })).status, 304);
            assert.equal((await operator.raw("GET", path, { headers: { "If-None-Match": '"other"' } })).status, 200);
            assert.equal((await patch({})).status, 428);
            assert.equal((await patch({ "If-Match": '"other"' })).status, 412);
            const done = await patch({ "If-Match": read });
            assert.equal(done.status, 200, done.text);
            for (const [key, value] of Object.entries(change)) {
                assert.deepEqual(done.json[key], value);
            }
            assert.notEqual(done.headers.get("etag"), read);
            assert.equal((await patch({ "If-Match": read })).status, 412, "a lost update");
            assert.equal((await patch({ "If-Match": done.headers.get("etag")! }, { surprise: 1 })).status, 422);
            assert.equal((await operator.raw("GET", path, { headers: { "If-None-Match": read } })).status, 200);
        });
    }

    test("of two changes at once, one is refused", async () => {
        const { id } = await operator.expect(201, "POST", "/v1/admin/tenants", { body: { name: "race" } });
        const path = `/v1/admin/tenants/${id}`;
        const headers = { "If-Match": await etag(operator, path) };
        const answers = await Promise.all(["a", "b", "c", "d"].map((name) => operator.raw("PATCH", path, { body: { name }, headers })));
        assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 412, 412, 412]);
    });

    test("missing things are 404, for every noun", async () => {
        for (const noun of ["tenants", "plans", "nodes", "pools", "images"]) {
            await operator.expect(404, "GET", `/v1/admin/${noun}/${missing}`);
        }
        await operator.expect(404, "DELETE", `/v1/admin/join-tokens/${missing}`);
        await operator.expect(404, "DELETE", `/v1/admin/pools/${missing}`);
        await operator.expect(404, "POST", `/v1/admin/nodes/${missing}/revoke`);
        await operator.expect(404, "GET", `/v1/admin/tenants/${missing}/quotas`);
        await operator.expect(404, "PUT", `/v1/admin/tenants/${missing}/quotas`, { headers: { "If-Match": "*" }, body: { vps: 1 } });
    });

    test("quotas are set, kept and refused below what is used", async () => {
        const { id } = await operator.expect(201, "POST", "/v1/admin/tenants", { body: { name: "Q", quotas: { vps: 3, memory_bytes: GiB } } });
        const read = async () => Object.fromEntries((await operator.expect(200, "GET", `/v1/admin/tenants/${id}/quotas`)).items.map((item: any) => [item.resource, item.limit]));
        const first = await read();
        assert.equal(first.vps, 3);
        assert.equal(first.memory_bytes, GiB);
        await operator.expect(200, "PUT", `/v1/admin/tenants/${id}/quotas`, { headers: { "If-Match": "*" }, body: { vps: null, vcpus: 4 } });
        const second = await read();
        assert.equal(second.vps, null);
        assert.equal(second.vcpus, 4);
        await operator.expect(422, "PUT", `/v1/admin/tenants/${id}/quotas`, { headers: { "If-Match": "*" }, body: { cheese: 4 } });
        await operator.expect(422, "PUT", `/v1/admin/tenants/${id}/quotas`, { headers: { "If-Match": "*" }, body: { vps: -1 } });
    });

    test("names are unique where they must be", async () => {
        await world.createPlan("twice");
        const plan = { name: "twice", title: "t", vcpus: 1, memory_bytes: 64 * MiB, disk_bytes: 64 * MiB, swap_bytes: 0, pids: 64, traffic_bytes: 0 };
        await operator.expect(409, "POST", "/v1/admin/plans", { body: plan });
        await operator.expect(409, "POST", "/v1/admin/locations", { body: { name: "lab", title: "again" } });
        const user = { email: world.customer.email.toUpperCase(), password: "long enough!", tenant_id: world.customer.id, role: "viewer" };
        await operator.expect(409, "POST", "/v1/admin/users", { body: user });
    });

    test("pools: overlap, nonsense and use are refused", async () => {
        const pool = (body: object) => operator.raw("POST", "/v1/admin/pools", { body: { location_id: world.location.id, name: `p${Math.random().toString(36).slice(2)}`, ...body } });
        for (const cidr of ["10.0.0.0", "10.0.0.0/33", "10.0.0.1/24", "fd00::", "x", "", "fd00::/129", "10.0.0.0/8/8", "300.0.0.0/24"]) {
            const answer = await pool({ cidr });
            assert.equal(answer.status, 422, `${cidr}: ${answer.text}`);
        }
        const made = await pool({ cidr: "192.0.2.0/29" });
        assert.equal(made.status, 201, made.text);
        assert.equal(made.json.family, 4);
        assert.equal((await pool({ cidr: "192.0.2.0/28" })).status, 409);
        assert.equal((await pool({ cidr: "192.0.2.4/30" })).status, 409);
        const six = await pool({ cidr: "2001:db8::/48" });
        assert.equal(six.status, 201, six.text);
        assert.equal(six.json.family, 6);
        await operator.expect(204, "DELETE", `/v1/admin/pools/${made.json.id}`);
        await operator.expect(404, "GET", `/v1/admin/pools/${made.json.id}`);
        assert.equal((await pool({ cidr: "192.0.2.0/28" })).status, 201);
    });

    test("join tokens: shown once, listed, taken back", async () => {
        const made = await operator.expect(201, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id, expires_in: 60 } });
        assert.match(made.token, /^croft_join_/);
        const { items } = await operator.expect(200, "GET", "/v1/admin/join-tokens");
        assert.equal(items.find((item: any) => item.id === made.id).token, undefined);
        await operator.expect(204, "DELETE", `/v1/admin/join-tokens/${made.id}`);
        for (const expires_in of [59, 86401, "60"]) {
            await operator.expect(422, "POST", "/v1/admin/join-tokens", { body: { location_id: world.location.id, expires_in } });
        }
    });

    test("lists are paged without a gap or a repeat", async () => {
        for (let i = 0; i < 7; i++) {
            await operator.expect(201, "POST", "/v1/admin/tenants", { body: { name: `page ${i}` } });
        }
        const all = (await operator.expect(200, "GET", "/v1/admin/tenants?limit=200")).items.map((item: any) => item.id);
        const seen: string[] = [];
        let path: string | null = "/v1/admin/tenants?limit=2";
        while (path) {
            const answer: { json: any; headers: Headers } = await operator.raw("GET", path);
            assert.ok(answer.json.items.length <= 2);
            seen.push(...answer.json.items.map((item: any) => item.id));
            const link = answer.headers.get("link");
            assert.equal(link === null, answer.json.next_cursor === null, "Link and next_cursor disagree");
            const next: string | undefined = link?.match(/<([^>]*)>; *rel="next"/)?.[1];
            path = next ? new URL(next, world.server.url).pathname + new URL(next, world.server.url).search : null;
        }
        assert.deepEqual(seen, all);
    });

    test("a POST sent again with its key answers the same and makes one", async () => {
        const headers = { "Idempotency-Key": "tenant-key-1" };
        const first = await operator.post("/v1/admin/tenants", { name: "idem" }, headers);
        const second = await operator.post("/v1/admin/tenants", { name: "idem" }, headers);
        assert.equal(first.status, 201);
        assert.equal(second.status, 201);
        assert.equal(first.json.id, second.json.id);
        const other = await operator.post("/v1/admin/tenants", { name: "other" }, headers);
        assert.equal(other.status, 422);
        assert.equal(other.json.code, "idempotency_key_reused");
    });

    test("what an operator does is in the log, without secrets", async () => {
        const { items } = await operator.expect(200, "GET", "/v1/admin/events?limit=200");
        assert.ok(items.some((event: any) => /tenant/.test(event.action) && event.actor), "no event of a tenant");
        const text = JSON.stringify(items);
        assert.ok(!text.includes(world.customer.password));
        assert.ok(!/croft_join_[A-Za-z0-9_-]{43}/.test(text));
        const secret = new RegExp(world.operator.token!.slice(-20));
        assert.ok(!secret.test(text));
    });

    test("a tenant cannot read what is another's", async () => {
        const other = await world.createCustomer(unlimited);
        const mine = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "mine" } });
        const foreign = await other.api.raw("GET", `/v1/tokens/${mine.id}`);
        const absent = await other.api.raw("GET", `/v1/tokens/${missing}`);
        assert.equal(foreign.status, 404);
        for (const answer of [foreign, absent]) {
            delete answer.json.instance;
        }
        assert.deepEqual(foreign.json, absent.json);
        await other.api.expect(404, "DELETE", `/v1/tokens/${mine.id}`);
        await world.customer.api.expect(200, "GET", `/v1/tokens/${mine.id}`);
        const { items } = await other.api.expect(200, "GET", "/v1/tokens");
        assert.ok(!items.some((item: any) => item.id === mine.id));
    });

    test("emergencies by hand: tenants, quotas, tokens and sessions, without the API", async () => {
        const { server } = world;
        const admin = (verb: string, ...args: string[]) => server.subcommand("admin", verb, ...args);
        const refused = (verb: string, ...args: string[]) => assert.rejects(admin(verb, ...args), new RegExp(`croft-server admin ${verb}: `));
        const customer = await world.createCustomer({ vps: 3 });
        assert.match(await admin("tenants"), new RegExp(`^${customer.id}  tenant    active     tenant `, "m"));
        const suspended = JSON.parse(await admin("tenant-suspend", "--tenant", customer.id, "--reason", "court order"));
        assert.deepEqual([suspended.state, suspended.suspended_by, suspended.suspended_reason], ["suspended", "operator", "court order"]);
        await customer.api.expect(403, "POST", "/v1/tokens", { body: { name: "no" } });
        assert.equal(JSON.parse(await admin("tenant-resume", "--tenant", customer.id)).state, "active");
        const { id } = await customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "yes" } });
        await admin("quota-override", "--tenant", customer.id, "--resource", "vps", "--limit", "7", "--reason", "until Monday");
        const vps = async () => (await customer.api.expect(200, "GET", "/v1/quotas")).items.find((one: any) => one.resource === "vps");
        assert.equal((await vps()).limit, 7);
        await admin("quota-override", "--tenant", customer.id, "--resource", "vps", "--limit", "none");
        assert.equal((await vps()).limit, 3);
        assert.equal(JSON.parse(await admin("token-revoke", "--token", id)).name, "yes");
        const session = (await new Client(server.url).expect(201, "POST", "/v1/sessions", { body: { email: customer.email, password: customer.password } })).access_token;
        assert.ok(JSON.parse(await admin("sessions-end", "--email", customer.email)).sessions_ended >= 1);
        await new Client(server.url, session).expect(401, "GET", "/v1/profile");
        const token = customer.api.token!;
        const revoked = await run([server.program, "admin", "token-revoke", "--config", server.config, "--token-stdin"], { env: server.environment, input: `${token}\n` });
        assert.equal(JSON.parse(revoked.stdout).tenant_id, customer.id);
        await customer.api.expect(401, "GET", "/v1/vps");
        const { items } = await world.operator.expect(200, "GET", `/v1/admin/events?tenant_id=${customer.id}&action=tenant.suspended`);
        assert.equal(items[0].actor.type, "system");
        await refused("tenant-suspend", "--tenant", customer.id);
        await refused("tenant-suspend", "--tenant", "x", "--reason", "r");
        await refused("tenant-resume", "--tenant", "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11");
        await refused("quota-override", "--tenant", customer.id, "--resource", "vps", "--limit", "-1", "--reason", "r");
        await refused("quota-override", "--tenant", customer.id, "--resource", "nonsense", "--limit", "1", "--reason", "r");
        await refused("token-revoke", "--token", id);
        await refused("sessions-end", "--email", "nobody@example.org");
        await assert.rejects(admin("tenants", "--nonsense"));
    });
});
