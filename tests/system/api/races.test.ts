// A hundred requests at once against each kind of quota, at two levels of the tree, from two servers on one PostgreSQL: never
// over, and used is what the rows say, at every instant that a sampler looks; exactly full at the end; no 5xx, no deadlock.
import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Api, type RawAnswer } from "../harness/client.js";
import { output, until } from "../harness/command.js";
import { postgresBin } from "../harness/paths.js";
import { Server } from "../harness/server.js";
import { MiB, World } from "../harness/world.js";

const hundred = Array.from({ length: 100 }, (_, i) => i);

describe("races for quota", () => {
    let world: World;
    let second: Server;
    let reseller: string;
    const children: { id: string; apis: Api[] }[] = []; // each with the same token at both servers
    let looks = 0;
    let larger: string; // a plan with twice the memory

    before(async () => {
        world = await World.create({ server: { config: { log_level: "info" } }, agent: { config: { log_level: "info" } } });
        second = await Server.create(world.sandbox, world.cluster, { name: "second", config: { log_level: "info" } });
        await second.start();
        reseller = await tenant("reseller", "(SELECT id FROM tenants WHERE kind = 'operator')");
        for (let i = 0; i < 2; i++) {
            const id = await tenant("tenant", `'${reseller}'`);
            const token = `croft_${randomBytes(32).toString("base64url")}`;
            const hash = createHash("sha256").update(token).digest("hex");
            await world.cluster.sql(`INSERT INTO tokens (tenant_id, name, token_hash, prefix) VALUES ('${id}', 'race', '${hash}', 'race')`);
            children.push({ id, apis: [world.server, second].map((server) => new Api(server.url, token)) });
        }
        larger = (await world.createPlan("larger", { memory_bytes: 128 * MiB })).id;
        await world.cluster.sql(`INSERT INTO plan_offers (seller_id, plan_id, price_month, price_hour, currency) SELECT '${reseller}', id, 1, 1, 'EUR' FROM plans`);
    });
    after(async () => {
        await second?.stop();
        await world?.close();
    });

    const tenant = (kind: string, parent: string) =>
        world.cluster.sql(`INSERT INTO tenants (parent_id, kind, name) VALUES (${parent}, '${kind}', 'race') RETURNING id`);
    const number = async (sql: string) => Number(await world.cluster.sql(sql));

    // Unlimited but for one resource: so much for the reseller, and less than all of it for each child.
    async function limit(resource: string, all: number, each: number): Promise<void> {
        await world.cluster.sql(`INSERT INTO quotas (tenant_id, resource, ceiling)
            SELECT t.id, r.name, CASE WHEN r.name <> '${resource}' THEN NULL WHEN t.id = '${reseller}' THEN ${all} ELSE ${each} END
            FROM tenants t, resources r WHERE '${reseller}' = ANY (t.path) AND (t.id = '${reseller}' OR t.kind = 'tenant')
            ON CONFLICT (tenant_id, resource) DO UPDATE SET ceiling = excluded.ceiling`);
    }

    const used = (id: string, resource: string) => number(`SELECT used FROM quotas WHERE tenant_id = '${id}' AND resource = '${resource}'`);
    const child = (i: number) => children[i % 2]!;
    const api = (i: number) => child(i).apis[(i >> 1) % 2]!;

    // Looks while work goes on, from inside of PostgreSQL, so that a busy client does not slow it down: each time at one snapshot
    // whether a quota is over, and every fourth time whether quotas, capacity and addresses are what the rows say.
    const watcher = `DO $$ BEGIN
            FOR i IN 1..1000000 LOOP
                INSERT INTO race_seen SELECT 'over: ' || tenant_id || ' ' || resource || ' ' || used || '/' || ceiling FROM quotas WHERE used > ceiling;
                IF i % 4 = 1 THEN
                    INSERT INTO race_seen SELECT 'differs: ' || kind || ' ' || coalesce(resource, '') || ' ' || stored || ' is ' || actual FROM croft_verify_quotas();
                END IF;
                INSERT INTO race_seen VALUES ('look');
                COMMIT;
                EXIT WHEN EXISTS (SELECT FROM race_stop);
                COMMIT;
            END LOOP;
        END $$`;
    async function watched<T>(work: () => Promise<T>): Promise<T> {
        await world.cluster.sql("DROP TABLE IF EXISTS race_seen, race_stop; CREATE TABLE race_seen (what text); CREATE TABLE race_stop ()");
        const watching = output([`${postgresBin}/psql`, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", world.cluster.conninfo("postgres"), "-c", watcher],
            { env: { PGOPTIONS: "-c default_transaction_isolation=repeatable\\ read" } });
        await until("it is watched", async () => (await number("SELECT count(*) FROM race_seen")) > 0);
        const result = await work().finally(() => world.cluster.sql("INSERT INTO race_stop DEFAULT VALUES"));
        await watching;
        assert.equal(await world.cluster.sql("SELECT DISTINCT what FROM race_seen WHERE what <> 'look' LIMIT 20"), "");
        const count = await number("SELECT count(*) FROM race_seen");
        assert.ok(count >= 5, `looked ${count} times only`);
        looks += count;
        return result;
    }

    function expect(answers: RawAnswer[], codes: string[]): RawAnswer[] {
        const wrong = answers.filter((answer) => answer.status !== 202 && !codes.includes(answer.json?.code));
        assert.deepEqual(wrong.map((answer) => `${answer.status} ${answer.text}`), []);
        return answers.filter((answer) => answer.status === 202);
    }

    const quiet = () => until("no task is open", async () => (await number(`SELECT count(*) FROM tasks WHERE ended_at IS NULL`)) === 0, 120_000);
    const create = (i: number, change: object = {}) => api(i).post("/v1/vps", world.order(change));

    async function make(count: number, change: object = {}): Promise<{ id: string; i: number }[]> {
        const answers = await Promise.all(Array.from({ length: count }, (_, i) => create(i, change)));
        assert.equal(expect(answers, []).length, count);
        await quiet();
        return answers.map((answer, i) => ({ id: answer.json.vps.id, i }));
    }

    async function deleteAll(): Promise<void> {
        await quiet(); // what a delete cannot follow is over
        const rows = (await world.cluster.sql(`SELECT id || ' ' || tenant_id FROM vps WHERE deleted_at IS NULL`)).split("\n").filter(Boolean);
        const ten = rows.flatMap((row) => Array<string>(10).fill(row)).map((row) => row.split(" "));
        expect(await watched(() => Promise.all(ten.map(([id, owner], i) => children.find((one) => one.id === owner)!.apis[i % 2]!.raw("DELETE", `/v1/vps/${id}`)))), ["not_found"]);
        await until("all are gone", async () => (await number("SELECT count(*) FROM vps WHERE deleted_at IS NULL")) === 0, 120_000);
        assert.equal(await number(`SELECT coalesce(sum(used), 0) FROM quotas WHERE tenant_id IN (SELECT id FROM tenants WHERE '${reseller}' = ANY (path))`), 0);
    }

    const amounts: [string, () => number][] = [
        ["vps", () => 1], ["vcpus", () => world.plan.vcpus], ["memory_bytes", () => world.plan.memory_bytes],
        ["disk_bytes", () => world.plan.disk_bytes], ["running_vps", () => 1], ["ipv4", () => world.plan.ipv4_count], ["ipv6", () => world.plan.ipv6_count],
    ];
    for (const [resource, amount] of amounts) {
        test(`creates and deletes, ${resource}`, async () => {
            await limit(resource, 10 * amount(), 8 * amount());
            const made = expect(await watched(() => Promise.all(hundred.map((i) => create(i)))), ["quota_exceeded"]);
            assert.equal(made.length, 10);
            assert.equal(await used(reseller, resource), 10 * amount(), "the reseller's is exactly full");
            const both = await Promise.all(children.map(({ id }) => used(id, resource)));
            assert.equal(both[0]! + both[1]!, 10 * amount());
            assert.ok(both.every((one) => one <= 8 * amount()), String(both));
            await deleteAll();
        });
    }

    test("a child's own ceiling, while the reseller has more", async () => {
        await limit("vps", 100, 4);
        assert.equal(expect(await watched(() => Promise.all(hundred.map((i) => create(i)))), ["quota_exceeded"]).length, 8);
        assert.deepEqual(await Promise.all(children.map(({ id }) => used(id, "vps"))), [4, 4]);
        await deleteAll();
    });

    test("resizes", async () => {
        await limit("memory_bytes", 15 * 64 * MiB, 15 * 64 * MiB);
        const vps = await make(10);
        const answers = await watched(() => Promise.all(hundred.map((i) => {
            const one = vps[i % 10]!;
            return child(one.i).apis[(i / 10 | 0) % 2]!.post(`/v1/vps/${one.id}/resize`, { plan_id: larger });
        })));
        expect(answers, ["quota_exceeded", "conflict", "invalid_value"]); // the last: it has the plan by now
        await quiet();
        assert.equal(await number(`SELECT count(*) FROM vps WHERE deleted_at IS NULL AND plan_id = '${larger}'`), 5);
        assert.equal(await used(reseller, "memory_bytes"), 15 * 64 * MiB, "exactly full");
        await deleteAll();
    });

    test("starts and stops", async () => {
        await limit("vps", 10, 8);
        const vps = await make(10, { start: false });
        await limit("running_vps", 6, 4);
        const order = (i: number, verb: string) => child(vps[i % 10]!.i).apis[(i / 10 | 0) % 2]!.post(`/v1/vps/${vps[i % 10]!.id}/${verb}`);
        expect(await watched(() => Promise.all(hundred.map((i) => order(i, i % 3 ? "start" : "stop")))), ["quota_exceeded", "conflict"]);
        await quiet();
        expect(await watched(() => Promise.all(hundred.map((i) => order(i, "start")))), ["quota_exceeded", "conflict"]);
        await quiet();
        assert.equal(await number("SELECT count(*) FROM vps WHERE deleted_at IS NULL AND desired = 'running'"), 6);
        assert.equal(await used(reseller, "running_vps"), 6, "exactly full");
        await deleteAll();
    });

    test("snapshots and restores", async () => {
        await limit("snapshots", 10, 8);
        const vps = await make(10);
        const take = () => watched(() => Promise.all(hundred.map((i) => {
            const one = vps[i % 10]!;
            return child(one.i).apis[(i / 10 | 0) % 2]!.post(`/v1/vps/${one.id}/snapshots`, { name: `race ${i}` });
        })));
        for (let round = 0; round < 10 && (await used(reseller, "snapshots")) < 10; round++) {
            expect(await take(), ["quota_exceeded", "conflict"]);
            await quiet();
        }
        assert.equal(await used(reseller, "snapshots"), 10, "exactly full");
        assert.equal(await number("SELECT count(*) FROM snapshots"), 10);
        const made = (await world.cluster.sql("SELECT id || ' ' || tenant_id FROM snapshots")).split("\n").map((row) => row.split(" "));
        expect(await watched(() => Promise.all(hundred.map((i) => {
            const [id, owner] = made[i % made.length]!;
            return children.find((one) => one.id === owner)!.apis[i % 2]!.post(`/v1/snapshots/${id}/restore`);
        }))), ["conflict"]);
        await deleteAll();
    });

    test("everything at once", async () => {
        await limit("memory_bytes", 12 * 64 * MiB, 10 * 64 * MiB);
        const vps = await make(6);
        const answers = await watched(() => Promise.all(hundred.map((i) => {
            const one = vps[i % 6]!;
            const at = child(one.i).apis[i % 2]!;
            const kinds = [() => create(i), () => at.post(`/v1/vps/${one.id}/resize`, { plan_id: larger }), () => at.post(`/v1/vps/${one.id}/stop`),
                () => at.post(`/v1/vps/${one.id}/start`), () => (i % 6 < 2 ? at.raw("DELETE", `/v1/vps/${one.id}`) : create(i))];
            return kinds[(i / 6 | 0) % kinds.length]!();
        })));
        expect(answers, ["quota_exceeded", "conflict", "invalid_value", "not_found"]);
        await quiet();
        assert.equal(await world.server.verifyQuotas(), "");
        await deleteAll();
    });

    test("one key at both servers orders one vps", async () => {
        await limit("vps", 100, 100);
        const body = world.order();
        const key = { "Idempotency-Key": randomUUID() };
        const answers = await watched(() => Promise.all(hundred.map((i) => children[0]!.apis[i % 2]!.post("/v1/vps", body, key))));
        const made = expect(answers, ["conflict"]); // while the first is under way
        assert.ok(made.length > 0);
        assert.deepEqual([...new Set(made.map((one) => one.json.vps.id))], [made[0]!.json.vps.id]);
        assert.equal(await number(`SELECT count(*) FROM vps WHERE tenant_id = '${children[0]!.id}' AND deleted_at IS NULL`), 1);
        const other = await Promise.all(children[0]!.apis.map((api) => api.post("/v1/vps", { ...body, name: `${body.name}x` }, key)));
        assert.deepEqual(other.map((one) => one.status), [422, 422]);
        await deleteAll();
    });

    test("a token is revoked once, and from then on counts at neither server", async () => {
        const [first, other] = children[0]!.apis as [Api, Api];
        for (let round = 0; round < 5; round++) {
            const { id, token } = await first.expect(201, "POST", "/v1/tokens", { body: { name: `race ${round}` } });
            const users = [world.server, second].map((server) => new Api(server.url, token));
            await Promise.all(users.map((user) => user.expect(200, "GET", "/v1/session"))); // at both from the first moment
            const work = hundred.slice(0, 20).map((i) => users[i % 2]!.raw("GET", "/v1/vps"));
            const revoked = await Promise.all(hundred.slice(0, 10).map((i) => [first, other][i % 2]!.raw("DELETE", `/v1/tokens/${id}`)));
            assert.deepEqual(revoked.map((one) => one.status).sort(), [204, ...Array(9).fill(404)]);
            await Promise.all(users.map((user) => user.expect(401, "GET", "/v1/vps")));
            assert.deepEqual((await Promise.all(work)).filter((one) => ![200, 401].includes(one.status)).map((one) => one.text), []);
        }
    });

    test("no deadlock, no error of ours", async (t) => {
        t.diagnostic(`looked ${looks} times`);
        assert.equal(await number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), 0);
        for (const server of [world.server, second]) { // one that starts says that it is not ready yet
            assert.deepEqual(server.tail(1e6).split("\n").filter((line) => / status=5\d\d /.test(line) && !/ route=\/readyz /.test(line)), []);
        }
    });
});
