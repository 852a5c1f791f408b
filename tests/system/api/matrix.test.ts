// Every route, as the build printed the table, times everybody who might ask, times own, foreign, random and malformed ids.
// A new route is in it by itself; one whose path names a new kind of thing needs an entry in harness/things.ts.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { output } from "../harness/command.js";
import { build, root } from "../harness/paths.js";
import { Api, type RawAnswer } from "../harness/client.js";
import { nameOf, reads, type Route, routes, sampleBody, sampleQuery } from "../harness/routes.js";
import { kindOf, things } from "../harness/things.js";
import { World, unlimited, type Customer } from "../harness/world.js";

interface Principal {
    name: string;
    api: Api;
    role?: string; // in the tenant it acts in
    platform?: boolean;
    scopes?: string[]; // absent: all
    readOnly?: boolean;
    refused?: 401 | 403; // whatever the route
    visitor?: boolean; // staff, in the customer's place
    about?: string; // made for routes of this resource
}

const roles = ["owner", "admin", "member", "billing", "viewer"];
const resources = [...new Set(routes.map((route) => route.scope?.split(":")[0]))].filter((one): one is string => !!one && one !== "any");
const random = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"; // of nothing
const withId = (route: Route, id: string) => route.path.replace("{id}", id);

// ---- What the table says

const holds = (scopes: string[], asked: string) => {
    const [resource, action] = asked.split(":");
    return resource === "any" || scopes.some((one) => one === "write" || one === asked || one === `${resource}:write` || (one === "read" && action === "read"));
};

function expected(route: Route, who: Principal): 401 | 403 | "let in" {
    if (who.refused) {
        return who.refused;
    }
    if (who.visitor && !route.roles.includes("visitor")) {
        return 403;
    }
    if (who.scopes && !holds(who.scopes, route.scope!)) {
        return 403;
    }
    if (who.readOnly && !reads(route)) {
        return 403;
    }
    const may = route.auth === "operator" ? who.platform : who.role && route.roles.includes(who.role);
    return may ? "let in" : 403;
}

// Bodies that the contract alone does not make: it does not say which fields go together.
const bodies: Record<string, object> = {
    "PUT /v1/plan-offers/{id}": { price_month: "7.50", price_hour: "0.01", currency: "EUR" },
};
const bodyOf = (route: Route) => bodies[nameOf(route)] ?? sampleBody(route);

// ---- Times

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

// The error of the median of these, from their median distance to it.
function errorOfMedian(values: number[]): number {
    const middle = median(values);
    return (1.2533 * 1.4826 * median(values.map((one) => Math.abs(one - middle)))) / Math.sqrt(values.length);
}

// What remains of a problem when the request's own name is taken out.
const plain = (answer: RawAnswer) => ({ ...answer.json, instance: undefined });

const headersOf = (answer: RawAnswer) => {
    const names: string[] = [];
    answer.headers.forEach((_value, name) => names.push(name));
    return names.sort();
};

describe("every route, everybody, every id", () => {
    let world: World;
    let principals: Principal[];
    let stranger: Customer;
    const own: Record<string, string> = {};
    const foreign: Record<string, string> = {};
    const askers: Record<string, Api> = {}; // whose own it is

    before(async () => {
        world = await World.create();
        stranger = await world.createCustomer(unlimited);
        principals = await everybody();
        for (const kind of new Set(routes.filter((route) => route.path.includes("{id}")).map(kindOf))) {
            const thing = things[kind];
            if (thing) {
                own[kind] = await thing.make(world, world.customer);
                foreign[kind] = thing.shared ? "" : await thing.make(world, stranger);
                askers[kind] = kind.startsWith("/v1/admin/") ? world.operator : ((await thing.by?.(world, world.customer)) ?? world.customer.api);
            }
        }
    });
    after(() => world?.close());

    // ---- Who asks

    async function session(role: string): Promise<Principal> {
        const email = `${randomUUID()}@example.org`;
        const password = randomUUID();
        await world.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password, tenant_id: world.customer.id, role } });
        const { access_token } = await new Api(world.server.url).expect(201, "POST", "/v1/sessions", { body: { email, password } });
        return { name: `session of the ${role}`, role, api: new Api(world.server.url, access_token) };
    }

    async function made(name: string, body: object, more: Partial<Principal>, by = world.customer.api): Promise<Principal> {
        const { token } = await by.expect(201, "POST", "/v1/tokens", { body: { name, ...body } });
        return { name, api: new Api(world.server.url, token), role: "owner", ...more };
    }

    // A token of a tenant that the API cannot make yet, or not any more.
    async function planted(name: string, tenant: string, columns: Record<string, string>, more: Partial<Principal>): Promise<Principal> {
        const text = `croft_${randomBytes(24).toString("base64url")}`;
        const hash = createHash("sha256").update(text).digest("hex");
        const names = ["tenant_id", "name", "token_hash", "prefix", ...Object.keys(columns)];
        const values = [tenant, name.replaceAll("'", ""), hash, "croft_x", ...Object.values(columns)].map((one) => `'${one}'`);
        await world.cluster.sql(`INSERT INTO tokens (${names}) VALUES (${values})`);
        return { name, api: new Api(world.server.url, text), role: "admin", ...more };
    }

    async function reseller(): Promise<Principal[]> {
        const insert = (kind: string, parent: string) =>
            world.cluster.sql(`INSERT INTO tenants (parent_id, kind, name) VALUES ((${parent}), '${kind}', '${randomUUID()}') RETURNING id`);
        const id = await insert("reseller", "SELECT id FROM tenants WHERE kind = 'operator'");
        const child = await insert("tenant", `'${id}'`);
        const at = (who: Principal, tenant: string): Principal => ({ ...who, api: new Api(who.api.url, undefined, { ...who.api.headers, "Croft-Tenant": tenant }) });
        const admin = await planted("a reseller's admin, acting in a tenant below", id, {}, {});
        const member = await planted("a reseller's member, acting in a tenant below", id, { role: "member" }, { refused: 403 });
        const elsewhere = { ...admin, name: "a reseller's admin, acting in a tenant that is not below", refused: 403 as const };
        return [at(admin, child), at(member, child), at(elsewhere, world.customer.id), at({ ...elsewhere, name: "acting in a tenant that is not" }, random)];
    }

    async function everybody(): Promise<Principal[]> {
        const all: Principal[] = [{ name: "nobody", api: new Api(world.server.url), refused: 401 }];
        for (const role of roles) {
            all.push(await session(role), await made(`token bound to ${role}`, { role }, { role }));
        }
        const elsewhere = ["198.51.100.0/24", "2001:db8::/32"];
        all.push(
            await made("token for reading", { read_only: true }, { readOnly: true }),
            await made("token of the scope read", { scopes: ["read"] }, { scopes: ["read"] }),
            await made("token for another address", { addresses: elsewhere }, { refused: 403 }),
            await made("token for this address", { addresses: [...elsewhere, "127.0.0.0/8"] }, {}),
            await planted("revoked token", world.customer.id, { revoked_at: "2020-01-01" }, { refused: 401 }),
            await planted("expired token", world.customer.id, { expires_at: "2020-01-01" }, { refused: 401 }),
            { name: "unknown token", api: new Api(world.server.url, `croft_${"x".repeat(32)}`), refused: 401 },
            ...(await reseller()),
        );
        const { id } = await all.find(({ name }) => name === "session of the owner")!.api.expect(200, "GET", "/v1/profile");
        const body = { tenant_id: world.customer.id, user_id: id, reason: "matrix", expires_in: 3600 };
        const visit = await world.operator.expect(201, "POST", "/v1/admin/impersonations", { body });
        all.push({ name: "staff in the place of the owner", role: "owner", visitor: true, api: new Api(world.server.url, visit.access_token) });
        const staff = { platform: true };
        const platform_role = "operator";
        all.push(
            { name: "operator", api: world.operator, role: "owner", ...staff },
            await made("operator's token for reading", { platform_role, read_only: true }, { ...staff, readOnly: true }, world.operator),
            await made("operator's token for another address", { platform_role, addresses: elsewhere }, { refused: 403 }, world.operator),
            await made("operator's token that is not for staff", {}, {}, world.operator),
        );
        for (const resource of resources) {
            const others = resources.filter((one) => one !== resource).map((one) => `${one}:write`);
            all.push(
                await made(`token for all but ${resource}`, { scopes: others }, { scopes: others, about: resource }),
                await made(`token for ${resource}:read alone`, { scopes: [`${resource}:read`] }, { scopes: [`${resource}:read`], about: resource }),
                await made(`operator's token for all but ${resource}`, { platform_role, scopes: others }, { ...staff, scopes: others, about: resource }, world.operator),
                await made(`operator's token for ${resource}:read alone`, { platform_role, scopes: [`${resource}:read`] }, { ...staff, scopes: [`${resource}:read`], about: resource }, world.operator),
            );
        }
        return all;
    }

    const concerned = (route: Route) => principals.filter(({ about }) => !about || route.scope!.startsWith(`${about}:`));

    // ---- The tests

    test("the table is whole: who may is said of every route, and made for every id", () => {
        assert.ok(routes.length > 50, `${routes.length} routes`);
        for (const route of routes) {
            assert.equal(route.auth === "none", route.scope === null && route.roles.length === 0, nameOf(route));
            assert.ok(!route.path.includes("{id}") || things[kindOf(route)], `${nameOf(route)}: add what makes such a thing to harness/things.ts`);
        }
    });

    test("docs/routes.md is the table", async () => {
        const made = await output([join(build, "server/routes_check"), "--table"]);
        assert.equal(readFileSync(join(root, "docs/routes.md"), "utf8").trim(), made.trim(), `make it anew: ninja -C ${build} && ${build}/server/routes_check --table > ${root}/docs/routes.md`);
    });

    // A query that nobody takes is refused only behind authorisation, so nothing is changed by who is let in.
    test("who may is let in and nobody else", async () => {
        const wrong: string[] = [];
        let asked = 0;
        for (const route of routes.filter(({ auth }) => auth !== "none")) {
            await Promise.all(
                concerned(route).map(async (who) => {
                    const want = expected(route, who);
                    const answer = await who.api.raw(route.method, `${withId(route, random)}?nobody-takes-this=1`, { body: bodyOf(route) });
                    const right = want === "let in" ? [400, 422, 428].includes(answer.status) : answer.status === want;
                    const told = want !== "let in" && /nobody-takes-this/.test(answer.text);
                    asked++;
                    if (!right || told) {
                        wrong.push(`${nameOf(route)} by ${who.name}: ${answer.status}, not ${want}: ${answer.json?.detail}`);
                    }
                }),
            );
        }
        assert.deepEqual(wrong, [], `${wrong.length} of ${asked}`);
    });

    test("routes for everybody answer alike whoever asks", async () => {
        for (const route of routes.filter(({ auth }) => auth === "none")) {
            const ask = async (api: Api) => (await api.raw(route.method, `${route.path}?nobody-takes-this=1`, { body: bodyOf(route) })).status;
            const status = await ask(principals[0]!.api);
            for (const who of [principals.find(({ role }) => role === "owner")!, principals.find(({ name }) => name === "revoked token")!]) {
                assert.equal(await ask(who.api), status, `${nameOf(route)} by ${who.name}`);
            }
        }
    });

    test("what is one's own is read", async () => {
        for (const route of routes.filter((one) => one.method === "GET" && one.path.includes("{id}"))) {
            const api = askers[kindOf(route)]!;
            const answer = await api.raw("GET", withId(route, own[kindOf(route)]!) + sampleQuery(route));
            assert.equal(answer.status, 200, `${nameOf(route)}: ${answer.text}`);
        }
    });

    test("foreign and missing answer alike, malformed is missing", async () => {
        for (const route of routes.filter((one) => one.path.includes("{id}"))) {
            const api = askers[kindOf(route)]!;
            const ask = (id: string) => api.raw(route.method, withId(route, id) + sampleQuery(route), { body: bodyOf(route), headers: { "If-Match": '"1"' } });
            const missing = await ask(random);
            assert.equal(missing.status, 404, `${nameOf(route)}: ${missing.text}`);
            for (const id of ["x", `${random}x`, random.toUpperCase(), "..", "%2e%2e", "'", "%00", random.slice(0, -1)]) {
                const asked = new URL(withId(route, id), world.server.url).pathname;
                if (routes.some((one) => one.method === route.method && one.path === asked)) {
                    continue; // dots are gone before the client sends anything: it is another path
                }
                const malformed = await ask(id);
                assert.ok([400, 404, 405].includes(malformed.status), `${nameOf(route)} of ${id}: ${malformed.status}`);
            }
            const id = foreign[kindOf(route)];
            if (id) {
                const other = await ask(id);
                assert.deepEqual([other.status, plain(other)], [missing.status, plain(missing)], nameOf(route));
                assert.deepEqual(headersOf(other), headersOf(missing), nameOf(route));
            }
        }
    });

    test("who may not changes nothing, whosever it is", async () => {
        const log = () => world.cluster.sql("SELECT count(*) FROM events WHERE action !~ '^(task|node|vps)\\.(done|failed|progress|online|offline)'");
        const before = await log();
        for (const route of routes.filter((one) => one.auth !== "none" && !reads(one))) {
            const id = own[kindOf(route)] ?? random;
            await Promise.all(
                concerned(route)
                    .filter((one) => expected(route, one) !== "let in")
                    .map(async (who) => {
                        const answer = await who.api.raw(route.method, withId(route, id) + sampleQuery(route), { body: bodyOf(route), headers: { "If-Match": "*" } });
                        assert.equal(answer.status, expected(route, who), `${nameOf(route)} by ${who.name}: ${answer.text}`);
                    }),
            );
        }
        assert.equal(await log(), before, "something was changed");
    });

    // Each round asks for a foreign, a missing and another missing id, in turn the first. The two missing ones tell what is noise.
    // Of each kind of thing a route that reads and one that writes: the others find it the same way. What looks slow after a few
    // rounds is asked for many more, and judged by all of them.
    test("foreign and missing take the same time", async (t) => {
        const sampled = new Map(routes.filter((one) => foreign[kindOf(one)]).map((one) => [`${kindOf(one)} ${reads(one)}`, one]));
        for (const route of sampled.values()) {
            const ids = [foreign[kindOf(route)]!, random, random.replace("5a11", "5a12")];
            const ratios: number[] = [];
            const noise: number[] = [];
            const bound = () => Math.log(1.2) + 5 * Math.max(errorOfMedian(noise), errorOfMedian(ratios));
            const alike = () => Math.abs(median(ratios)) < bound();
            while (ratios.length < 15 || (!alike() && ratios.length < 300)) {
                const took: number[] = [];
                for (const at of [0, 1, 2].map((i) => (i + ratios.length) % 3)) {
                    took[at] = await time(route, ids[at]!);
                }
                ratios.push(Math.log(took[0]! / took[1]!));
                noise.push(Math.log(took[2]! / took[1]!));
            }
            const said = `${nameOf(route)}: ${Math.exp(median(ratios)).toFixed(2)} times as long, at most ${Math.exp(bound()).toFixed(2)}, ${ratios.length} rounds`;
            t.diagnostic(said);
            assert.ok(alike(), said);
        }
    });

    async function time(route: Route, id: string): Promise<number> {
        const body = bodyOf(route) && JSON.stringify(bodyOf(route));
        const headers = { ...askers[kindOf(route)]!.headers, "If-Match": '"1"', ...(body ? { "Content-Type": "application/json" } : {}) };
        const start = process.hrtime.bigint();
        const answer = await fetch(world.server.url + withId(route, id) + sampleQuery(route), { method: route.method, headers, body });
        await answer.text();
        return Number(process.hrtime.bigint() - start);
    }
});
