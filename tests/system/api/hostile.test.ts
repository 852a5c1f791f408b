// Every operation of the contract, sent what it should not be: always a 4xx problem that names the place, never a 5xx, and
// nothing is stored. Nothing here names an endpoint, so that a new one is tested from its first day.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Api, RawAnswer } from "../harness/client.js";
import { operations } from "../harness/contract.js";
import { hostileBodies, hostileQueries } from "../harness/hostile.js";
import { kindOf, things } from "../harness/things.js";
import { World } from "../harness/world.js";

const atOnce = 12;

describe("hostile input", () => {
    let world: World;
    const ids: Record<string, string> = {}; // what {id} stands for, by the path before it
    const askers: Record<string, Api> = {};
    let known: Record<string, unknown>;

    before(async () => {
        world = await World.create({ server: { config: { log_level: "info", limits: { signin_per_min: 1_000_000 } } } });
        for (const kind of new Set(operations.filter(({ path }) => path.includes("{")).map(kindOf))) {
            const thing = things[kind]!;
            ids[kind] = await thing.make(world, world.customer);
            askers[kind] = (await thing.by?.(world, world.customer)) ?? world.customer.api;
        }
        known = { plan_id: world.plan.id, image_id: world.image.id, location_id: world.location.id, tenant_id: world.customer.id, vps_id: ids["/v1/vps/"], node_id: null };
        await world.agent.stop(); // what it reports would change tables
    });
    after(() => world?.close());

    const target = (path: string) => path.replace(/\{[^}]*\}.*/, (rest) => rest.replace(/\{[^}]*\}/, ids[kindOf({ path })]!));
    // A list is asked by who has its things.
    const asker = (path: string): Api => (path.startsWith("/v1/admin/") ? world.operator : (askers[path.includes("{") ? kindOf({ path }) : `${path}/`] ?? world.customer.api));

    // Everything that is stored but for what is noted of each request and each node, and the events that nobody's request made:
    // that the node is away is noticed when it is. What a chore notes of each tenant's traffic comes when the chore does.
    async function stored(): Promise<Record<string, string>> {
        const tables = (await world.cluster.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ 'status|usage|rate|limit|attempt|throttle|^traffic_states$' ORDER BY 1")).split("\n");
        const parts = tables.map((table) => `SELECT '${table} ' || count(*) || ' ' || coalesce(md5(string_agg(row, ',' ORDER BY row)), '')
            FROM (SELECT (to_jsonb(t) - '{last_used_at,entry_role,last_seen_at}'::text[])::text AS row FROM "${table}" t${table === "events" ? " WHERE request_id IS NOT NULL" : ""}) x`);
        const lines = (await world.cluster.sql(parts.join(" UNION ALL "))).split("\n");
        return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
    }

    async function all<T>(jobs: Iterable<T>, work: (job: T) => Promise<string | undefined>): Promise<{ count: number; faults: string[] }> {
        const queue = [...jobs];
        const faults: string[] = [];
        let next = 0;
        await Promise.all(Array.from({ length: atOnce }, async () => {
            while (next < queue.length) {
                const fault = await work(queue[next++]!).catch((error) => String(error).slice(0, 500));
                if (fault) {
                    faults.push(fault);
                }
            }
        }));
        return { count: queue.length, faults };
    }

    // What is wrong with the answer to something that must be refused.
    function fault(answer: RawAnswer, pointer: string): string | undefined {
        if (answer.status < 400 || answer.status >= 500 || answer.json?.status !== answer.status) {
            return `${answer.status} ${answer.text.slice(0, 300)}`;
        }
        const place: string | undefined = answer.json.errors?.[0]?.pointer;
        if (answer.status === 422 && pointer && !place?.startsWith(pointer)) {
            return `422 names ${place}, not ${pointer}: ${answer.json.detail}`;
        }
        return [400, 413, 414, 422].includes(answer.status) ? undefined : `${answer.status} ${answer.json.code}: ${answer.json.detail}`;
    }

    // Any version, so that nothing but the body is wrong.
    const headers = { "If-Match": "*", "Content-Type": "application/json" };

    test("the contract has operations to try", () => {
        assert.ok(operations.filter(({ operation }) => operation.requestBody).length > 15);
    });

    test("what the contract does not allow is refused with its place, and nothing is stored", async (t) => {
        const before = await stored();
        const jobs = operations.flatMap(({ method, path, operation }) => [...hostileBodies(operation, known)].map((hostile) => ({ method, path, hostile })));
        const { count, faults } = await all(jobs.filter(({ hostile }) => !hostile.legal), async ({ method, path, hostile }) => {
            const answer = await asker(path).raw(method.toUpperCase(), target(path), { body: hostile.text, headers });
            const what = fault(answer, hostile.pointer);
            return what && `${method} ${path} (${hostile.what}): ${what}`;
        });
        t.diagnostic(`${count} bodies`);
        assert.deepEqual(faults, []);
        assert.deepEqual(await stored(), before);
    });

    test("queries that the contract does not allow are refused", async (t) => {
        const before = await stored();
        const jobs = operations.filter(({ method, operation }) => method === "get" && !operation.tags.includes("health")).flatMap(({ path, operation }) => [...hostileQueries(operation)].map((hostile) => ({ path, hostile })));
        const { count, faults } = await all(jobs.filter(({ hostile }) => !hostile.legal), async ({ path, hostile }) => {
            const answer = await asker(path).raw("GET", `${target(path)}?${hostile.query}`);
            const what = fault(answer, hostile.name && `/${hostile.name}`);
            return what && `${path}?${hostile.query.slice(0, 60)}: ${what}`;
        });
        t.diagnostic(`${count} queries`);
        assert.deepEqual(faults, []);
        assert.deepEqual(await stored(), before);
    });

    test("a body that nobody asked for, too large a one, and headers that are none", async () => {
        const before = await stored();
        const { faults } = await all(operations.filter(({ method }) => method !== "get"), async ({ method, path, operation }) => {
            const api = asker(path);
            const send = (body: string | Buffer | undefined, more: Record<string, string>) => api.raw(method.toUpperCase(), target(path), { body, headers: { ...headers, ...more } });
            const answers = [
                ...(operation.requestBody ? [await send("{}", { "Content-Type": "text/plain" })] : [await send('{"surprise":1}', {})]),
                ...(operation.parameters?.some((one: any) => /IdempotencyKey/.test(one.$ref)) ? [await send("{", { "Idempotency-Key": "k".repeat(300) })] : []),
            ];
            const large = await send(Buffer.alloc(3_000_000, " "), {}).catch(() => undefined); // or the connection is closed
            const wrong = [...answers, ...(large ? [large] : [])].find(({ status }) => status < 400 || status >= 500);
            return wrong && `${method} ${path}: ${wrong.status} ${wrong.text.slice(0, 200)}`;
        });
        assert.deepEqual(faults, []);
        assert.deepEqual(await stored(), before);
    });

    // Odd, but the contract allows it: text that would hurt whoever puts it into HTML, SQL or a shell. It may be refused for
    // another reason; it never is our error, and what is stored comes back as it was sent.
    test("odd text that is allowed is taken as text", async (t) => {
        const jobs = operations.flatMap(({ method, path, operation }) => [...hostileBodies(operation, known)].map((hostile) => ({ method, path, hostile })));
        const { count, faults } = await all(jobs.filter(({ hostile, path }) => hostile.legal && !/sessions|password|profile/.test(path)), async ({ method, path, hostile }) => {
            const answer = await asker(path).raw(method.toUpperCase(), target(path), { body: hostile.text, headers });
            if (answer.status >= 500) {
                return `${method} ${path} (${hostile.what}): ${answer.status} ${answer.text.slice(0, 200)}`;
            }
            const field = hostile.pointer.slice(1);
            const sent = JSON.parse(hostile.text.toString())[field];
            return answer.status < 300 && typeof sent === "string" && typeof answer.json?.[field] === "string" && answer.json[field] !== sent
                ? `${method} ${path} (${hostile.what}): came back as ${JSON.stringify(answer.json[field])}`
                : undefined;
        });
        t.diagnostic(`${count} bodies`);
        assert.deepEqual(faults, []);
        assert.equal(await world.server.verifyQuotas(), "");
    });
});
