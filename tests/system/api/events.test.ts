// Following what happens: in order, nothing twice, nothing missing, and only as long as one may.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { until } from "../harness/command.js";
import { Stream } from "../harness/stream.js";
import { World, unlimited } from "../harness/world.js";

describe("events", () => {
    let world: World;
    const open: Stream[] = [];
    before(async () => {
        world = await World.create({ agent: null, server: { config: { events: { streams: 40, streams_per_credential: 3, streams_per_tenant: 8 } } } });
    });
    after(async () => {
        open.forEach((stream) => stream.close());
        await world?.close();
    });

    async function follow(api: Api, path = "/v1/events/stream", headers: Record<string, string> = {}): Promise<Stream> {
        const stream = await Stream.open(api, path, headers);
        open.push(stream);
        assert.equal(stream.status, 200, stream.body);
        return stream;
    }
    // Changes something; the event is token.created.
    async function change(api: Api, name: string = randomUUID()): Promise<string> {
        return (await api.expect(201, "POST", "/v1/tokens", { body: { name } })).id;
    }
    async function session(email: string, password: string): Promise<Api> {
        const { access_token } = await new Api(world.server.url).expect(201, "POST", "/v1/sessions", { body: { email, password } });
        return new Api(world.server.url, access_token);
    }

    test("a change arrives with who, from where, in which request, before and after", async () => {
        const { api } = world.customer;
        const stream = await follow(api);
        const requestId = randomUUID();
        const { id } = await api.expect(201, "POST", "/v1/tokens", { body: { name: "seen" }, headers: { "X-Request-Id": requestId } });
        await api.expect(204, "DELETE", `/v1/tokens/${id}`);
        await stream.has(2);
        const [made, gone] = stream.events.map((event) => event.data);
        assert.deepEqual([made!.action, made!.subject_id, made!.request_id, made!.peer, made!.actor.type], ["token.created", id, requestId, "127.0.0.1", "token"]);
        assert.equal((made!.data.after as any).name, "seen");
        assert.equal((gone!.data.before as any).name, "seen");
        assert.equal(stream.retry, 2000);
        stream.close();
    });

    test("fifty changes at once arrive once each, wherever a reader comes back", async () => {
        const { api, id } = await world.createCustomer(unlimited);
        const first = await follow(api);
        const from = first.lastId;
        const names = Array.from({ length: 50 }, (_, i) => `n${i}`);
        await Promise.all(names.map((name) => change(api, name)));
        await first.has(50);
        assert.equal(new Set(first.events.map((event) => event.id)).size, 50);
        assert.deepEqual(first.events.map((event) => (event.data.data.after as any).name).sort(), [...names].sort());
        for (const at of [0, 24, 48]) {
            const again = await follow(api, "/v1/events/stream", { "Last-Event-ID": first.events[at]!.id });
            await again.has(49 - at);
            assert.deepEqual(again.events.map((event) => event.id), first.events.slice(at + 1).map((event) => event.id));
            again.close();
        }
        const listed = await api.expect(200, "GET", `/v1/events?after=${from}&limit=200`);
        assert.deepEqual(listed.items.map((item: any) => String(item.id)), first.events.map((event) => event.id));
        assert.ok(first.events.every((event) => event.data.tenant_id === id));
        first.close();
    });

    test("a change that ends later than one begun after it is not missed", async () => {
        const { api, id } = await world.createCustomer(unlimited);
        const stream = await follow(api);
        const write = (name: string, sleep: string) =>
            world.cluster.sql(`BEGIN; SELECT croft_event('${name}', '${id}', 'vps', NULL); ${sleep} COMMIT;`);
        const slow = write("slow.first", "SELECT pg_sleep(1);");
        await until("it is under way", async () => (await world.cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slow.first%' AND state = 'active'")) !== "1");
        await write("quick.second", "");
        await slow;
        await stream.has(2);
        assert.deepEqual(stream.actions, ["slow.first", "quick.second"]);
        stream.close();
    });

    test("filters choose, others see nothing, and a viewer sees what happens to servers alone", async () => {
        const { api, id } = await world.createCustomer(unlimited);
        const other = await follow(world.customer.api);
        const filtered = await follow(api, "/v1/events/stream?action=vps.tested");
        const email = `${randomUUID()}@example.org`;
        await world.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password: "12345678abcd", tenant_id: id, role: "viewer" } });
        const viewer = await follow(await session(email, "12345678abcd"));
        const all = await follow(world.operator, `/v1/admin/events/stream?tenant_id=${id}`);
        await change(api);
        await world.cluster.sql(`SELECT croft_event('vps.tested', '${id}', 'vps', NULL)`);
        await Promise.all([filtered.has(1), viewer.has(1), all.has(2)]);
        assert.deepEqual([filtered.actions, viewer.actions, all.actions, other.actions], [["vps.tested"], ["vps.tested"], ["token.created", "vps.tested"], []]);
        const { items } = await (await session(email, "12345678abcd")).expect(200, "GET", "/v1/events?after=0");
        assert.deepEqual(items.map((item: any) => item.action), ["vps.tested"]);
        [other, filtered, viewer, all].forEach((stream) => stream.close());
    });

    test("what is no place to go on from is refused", async () => {
        const { api } = world.customer;
        const foreign = (await world.operator.expect(200, "GET", "/v1/admin/events?action=plan.created")).items[0].id;
        for (const [status, headers, query] of [[422, { "Last-Event-ID": "x" }, ""], [422, { "Last-Event-ID": "9".repeat(16) }, ""],
            [422, { "Last-Event-ID": String(foreign) }, ""], [422, {}, "?after=-1"], [422, {}, "?nonsense=1"], [422, {}, `?after=${foreign}`]] as const) {
            const answer = await api.raw("GET", `/v1/events/stream${query}`, { headers });
            assert.equal(answer.status, status, JSON.stringify([headers, query]));
        }
        await new Api(world.server.url).expect(401, "GET", "/v1/events/stream");
        await api.expect(403, "GET", "/v1/admin/events/stream");
    });

    test("one token opens so many and no more", async () => {
        const { api } = await world.createCustomer(unlimited);
        const streams: Stream[] = [];
        for (let i = 0; i < 12; i++) { // however they are spread over the workers
            streams.push(await Stream.open(api, "/v1/events/stream"));
        }
        assert.deepEqual(streams.map((stream) => stream.status), [...Array(3).fill(200), ...Array(9).fill(429)]);
        streams.forEach((stream) => stream.close());
        await until("what was closed is free again", async () => {
            const again = await Stream.open(api, "/v1/events/stream");
            again.close();
            return again.status === 200;
        });
    });

    test("one tenant opens so many with all of its tokens, and another tenant does not feel it", async () => {
        const { api } = await world.createCustomer(unlimited);
        const streams: Stream[] = [];
        for (let i = 0; i < 4; i++) {
            const { token } = await api.expect(201, "POST", "/v1/tokens", { body: { name: `stream ${i}` } });
            for (let n = 0; n < 3; n++) {
                streams.push(await Stream.open(new Api(world.server.url, token), "/v1/events/stream"));
            }
        }
        assert.deepEqual(streams.map((stream) => stream.status), [...Array(8).fill(200), ...Array(4).fill(429)]);
        assert.equal(JSON.parse(streams[8]!.body).code, "rate_limited");
        (await follow((await world.createCustomer(unlimited)).api)).close();
        streams.forEach((stream) => stream.close());
    });

    for (const [what, revoke] of [
        ["its token is revoked", async (mine: string) => world.customer.api.expect(204, "DELETE", `/v1/tokens/${mine}`)],
        ["its tenant is suspended", async () => world.cluster.sql(`UPDATE tenants SET state = 'suspended' WHERE id = '${world.customer.id}'`)],
    ] as const) {
        test(`a stream is cut within two seconds when ${what}`, async () => {
            const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "short" } });
            const stream = await follow(new Api(world.server.url, made.token));
            const other = await follow((await world.createCustomer(unlimited)).api);
            const at = Date.now();
            await revoke(made.id);
            await stream.isOver(5000);
            assert.ok(stream.endedAt - at < 2000, `${stream.endedAt - at} ms`);
            assert.equal(other.ended, false);
            other.close();
            await world.cluster.sql(`UPDATE tenants SET state = 'active' WHERE id = '${world.customer.id}' AND state = 'suspended'`);
        });
    }

    test("a session's stream ends with the session", async () => {
        const { email, password } = await world.createCustomer(unlimited);
        const api = await session(email, password);
        const stream = await follow(api);
        const at = Date.now();
        await api.expect(204, "DELETE", "/v1/session");
        await stream.isOver(5000);
        assert.ok(stream.endedAt - at < 2000);
    });

    test("a reader that does not read holds no more than a page, and goes on where it was", async () => {
        const { api, id } = await world.createCustomer(unlimited);
        const slow = await follow(api);
        const quick = await follow(api);
        slow.pause();
        await world.cluster.sql(`SELECT croft_event('vps.big', '${id}', 'vps', NULL, jsonb_build_object('n', n, 'x', repeat('x', 20000))) FROM generate_series(1, 1500) n`);
        await quick.has(1500, 30_000);
        assert.ok(slow.events.length < 1500);
        slow.resume();
        await slow.has(1500, 30_000);
        assert.deepEqual(slow.events.map((event) => event.data.data.n), Array.from({ length: 1500 }, (_, i) => i + 1));
        [slow, quick].forEach((stream) => stream.close());
    });

    test("a client that pipelines behind its stream is not served twice and breaks nothing", async () => {
        const url = new URL(world.server.url);
        const socket = connect(Number(url.port), url.hostname);
        const head = `GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: ${world.customer.api.headers.Authorization}\r\n\r\n`;
        let text = "";
        socket.on("data", (data) => (text += data));
        socket.on("error", () => undefined);
        socket.write(head + head + "x".repeat(200_000));
        await until("it has begun", () => text.includes("retry: 2000"));
        socket.destroy();
        assert.equal(text.split("HTTP/1.1 200").length, 2);
        await world.customer.api.expect(200, "GET", "/v1/session");
    });

    // A client that is told nothing does not know whether it was done, and says it again with the same key.
    async function changeAtLast(api: Api, name: string): Promise<void> {
        const headers = { "Idempotency-Key": randomUUID() };
        await until(`${name} is made`, () => api.expect(201, "POST", "/v1/tokens", { body: { name }, headers }).catch(() => false));
    }

    test("a reload tells readers to come back, and they miss nothing", async () => {
        const { api } = await world.createCustomer(unlimited);
        let stream = await follow(api);
        const names: string[] = [];
        const seen: string[] = [];
        const comeBack = async () => {
            assert.equal(stream.retry, 500);
            seen.push(...stream.events.map((event) => (event.data.data.after as any).name));
            stream = await follow(api, "/v1/events/stream", { "Last-Event-ID": stream.lastId });
        };
        const reload = world.server.reload();
        for (let i = 0; i < 20; i++) {
            names.push(`r${i}`);
            await changeAtLast(api, `r${i}`);
            if (stream.ended) {
                await comeBack();
            }
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        await reload;
        await until("all have come", async () => {
            if (stream.ended) {
                await comeBack();
            }
            return seen.length + stream.events.length >= names.length;
        });
        seen.push(...stream.events.map((event) => (event.data.data.after as any).name));
        assert.deepEqual(seen, names);
        stream.close();
    });

    // Each on a connection of its own: what a worker that drains has not taken yet waits for the next one.
    test("a reload turns no new connection away", async () => {
        const { hostname, port } = new URL(world.server.url);
        const ask = () =>
            new Promise<void>((resolve, reject) => {
                const call = request({ hostname, port, path: "/healthz", agent: false }, (answer) => {
                    answer.resume();
                    answer.on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${answer.statusCode}`))));
                });
                call.on("error", reject);
                call.end();
            });
        let over = false;
        const ended = world.server.reload().then(() => world.server.reload());
        const callers = Array.from({ length: 16 }, async () => {
            let asked = 0;
            for (; !over; asked++) {
                await ask();
            }
            return asked;
        });
        await Promise.all([ended.finally(() => (over = true)), ...callers]);
        assert.ok((await Promise.all(callers)).every((asked) => asked > 0));
    });
});
