// Consoles through the API, on fake guests: who gets one and for how long, and what nobody can do with one.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { run, sleep, until } from "../harness/command.js";
import { root } from "../harness/paths.js";
import { Console, type Refused } from "../harness/websocket.js";
import { World, unlimited } from "../harness/world.js";

const MiB = 2 ** 20;
process.env.CROFT_QUARANTINE = "1"; // memory is measured below

describe("consoles", () => {
    let world: World;
    let vps: string;
    before(async () => {
        world = await World.create({ server: { config: { consoles: { idle_s: 3 } } } });
        vps = (await world.createVps()).id;
    });
    after(() => world?.close());

    const ticket = (kind = "shell", api = world.customer.api, id = vps) => api.expect(201, "POST", `/v1/vps/${id}/console`, { body: { kind } });

    const open = async (kind = "shell", api = world.customer.api, id = vps) => {
        const { url, ticket: secret } = await ticket(kind, api, id);
        return Console.open(url, secret);
    };

    const refused = async (url: string, secret: string, headers = {}) => {
        const result = await Console.connect(url, secret, headers);
        assert.ok(!(result instanceof Console), "the console opened");
        return result as Refused;
    };

    const events = async (action: string, id = vps): Promise<any[]> =>
        (await world.customer.api.expect(200, "GET", `/v1/events?action=${action}&limit=200`)).items.filter((one: any) => (one.data.vps_id ?? one.data.after.vps_id) === id);

    test("bytes pass both ways, sizes arrive, the end is told and recorded with who and from where", async () => {
        const console = await open();
        await console.shows(/fake shell of/);
        assert.match(await console.expect("hello\n", /hello/), /hello/);
        console.resize(132, 43);
        await console.expect("size\n", /43 132/);
        console.type("exit\n");
        const end = await console.ends();
        assert.deepEqual([end.code, end.reason, console.messages.at(-1).reason], [1000, "exited", "exited"]);
        const closed = await until("the end is in the audit log", async () => (await events("console.closed"))[0]);
        const opened = (await events("console.opened"))[0];
        assert.equal(opened.actor.type, "token");
        assert.deepEqual([opened.actor.user_id, opened.peer], [closed.actor.user_id, closed.peer]);
        assert.match(opened.peer, /^127\./);
        assert.equal(closed.data.after.close_reason, "exited");
        assert.ok(closed.data.bytes_in > 0 && closed.data.bytes_out > 0, JSON.stringify(closed.data));
    });

    test("what is typed before the terminal is there is not lost", async () => {
        const { url, ticket: secret } = await ticket();
        const console = await Console.connect(url, secret);
        assert.ok(console instanceof Console);
        console.resize(100, 30);
        console.type("size\n");
        await console.shows(/30 100/);
        console.close();
        await console.ends();
    });

    test("a ticket is good once, for its time, in the header or in the query", async () => {
        const first = await ticket();
        const console = await Console.open(first.url, first.ticket);
        assert.equal((await refused(first.url, first.ticket)).status, 403);
        console.close();
        const late = await ticket();
        await world.cluster.sql(`UPDATE consoles SET expires_at = now() WHERE id = '${late.id}'`);
        assert.equal((await refused(late.url, late.ticket)).problem.code, "forbidden");
        const { url, ticket: secret } = await ticket();
        const other = await Console.connect(`${url}?ticket=${secret}`, "x");
        assert.ok(other instanceof Console);
        other.close();
        assert.equal((await refused(url, "croft_ticket_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")).status, 403);
        assert.equal((await refused(url, "nothing")).status, 403);
        assert.ok(!readFileSync(world.server.log, "utf8").includes(secret), "no ticket in the log");
    });

    test("tickets are for those who may, and of vps that run", async () => {
        const stranger = await world.createCustomer(unlimited);
        await stranger.api.expect(404, "POST", `/v1/vps/${vps}/console`, { body: { kind: "shell" } });
        await world.customer.api.expect(422, "POST", `/v1/vps/${vps}/console`, { body: { kind: "root" } });
        const stopped = await world.createVps();
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${stopped.id}/stop`);
        await world.customer.api.settled(task.id);
        await world.customer.api.expect(409, "POST", `/v1/vps/${stopped.id}/console`, { body: { kind: "shell" } });
    });

    test("a ticket whose token is revoked meanwhile opens nothing", async () => {
        const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "short" } });
        const { url, ticket: secret } = await ticket("shell", new Api(world.server.url, made.token));
        await world.customer.api.expect(204, "DELETE", `/v1/tokens/${made.id}`);
        assert.equal((await refused(url, secret)).status, 401);
    });

    test("pages of another origin are refused, which uses no ticket up", async () => {
        const { url, ticket: secret } = await ticket();
        assert.equal((await refused(url, secret, { Origin: "https://evil.example" })).status, 403);
        assert.equal((await refused(url, secret, { Origin: `${world.server.url}.evil.example` })).status, 403);
        const console = await Console.connect(url, secret, { Origin: world.server.url });
        assert.ok(console instanceof Console);
        console.close();
    });

    test("revoking the token closes it within two seconds", async () => {
        const made = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "cut" } });
        const console = await open("shell", new Api(world.server.url, made.token));
        const at = Date.now();
        await world.customer.api.expect(204, "DELETE", `/v1/tokens/${made.id}`);
        const end = await console.ends();
        assert.deepEqual([end.code, end.reason], [1008, "revoked"]);
        assert.ok(end.at - at < 2000, `${end.at - at} ms`);
    });

    test("stopping or deleting the vps closes it", async () => {
        const other = await world.createVps();
        const console = await open("login", world.customer.api, other.id);
        await world.customer.api.expect(202, "POST", `/v1/vps/${other.id}/stop`);
        assert.equal((await console.ends()).reason, "stopped");
        const doomed = await world.createVps();
        const last = await open("shell", world.customer.api, doomed.id);
        await world.customer.api.expect(202, "DELETE", `/v1/vps/${doomed.id}`);
        assert.equal((await last.ends()).reason, "stopped");
    });

    test("one that nobody types into is closed", async () => {
        const console = await open();
        const at = Date.now();
        assert.equal((await console.ends(15_000)).reason, "idle");
        assert.ok(Date.now() - at > 2000);
    });

    test("two viewers share the login console, through whichever worker; shells are one's own", async () => {
        const [one, two] = [await open("login"), await open("login")];
        await two.shows(/fake login of/); // what was printed before it came
        one.type("shared\n");
        await Promise.all([one.shows(/shared/), two.shows(/shared/)]);
        one.close();
        await one.ends();
        await two.expect("still\n", /still/);
        const [three, four] = [await open(), await open()];
        three.type("mine\n");
        await three.shows(/mine/);
        await sleep(200);
        assert.doesNotMatch(four.output, /mine/);
        for (const console of [two, three, four]) {
            console.close();
            await console.ends();
        }
    });

    // Bytes that processes hold, of the server's workers and of the agent.
    const resident = async () => {
        const pids = [...(await world.server.workers()), world.agent.pid("link"), world.agent.pid("broker")];
        return pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024).reduce((a, b) => a + b);
    };

    test("a guest that prints without end grows nothing and keeps nobody waiting, read or not", { timeout: 120_000 }, async () => {
        const reader = await open();
        reader.keep = 1000;
        reader.type("flood\n");
        await until("it floods", () => reader.bytes > MiB);
        const before = await resident();
        const deaf = await open();
        deaf.type("flood\n");
        await until("it floods", () => deaf.bytes > 1000);
        deaf.socket.pause();
        const keepAwake = setInterval(() => reader.type("x"), 500);
        const times: number[] = [];
        for (let i = 0; i < 40; i++) {
            const at = performance.now();
            await world.customer.api.expect(200, "GET", `/v1/vps/${vps}`);
            times.push(performance.now() - at);
            await sleep(100);
        }
        clearInterval(keepAwake);
        const grown = (await resident()) - before;
        assert.ok(grown < 24 * MiB, `${grown / MiB} MiB more`);
        const median = times.sort((a, b) => a - b)[20]!;
        assert.ok(median < 100, `a read takes ${median} ms`);
        assert.ok(reader.bytes > 4 * MiB, `${reader.bytes} bytes read`);
        reader.vanish();
        deaf.vanish();
    });

    test("what a client may not say closes it", async () => {
        for (const say of [
            (console: Console) => console.say({ type: "resize", cols: 0, rows: 5 }),
            (console: Console) => console.say({ type: "exec", cols: 80, rows: 25 }),
            (console: Console) => console.frame(1, Buffer.from("{")),
            (console: Console) => console.frame(1, Buffer.from([0xff, 0xfe])),
            (console: Console) => console.frame(2, Buffer.alloc(100_000)),
        ]) {
            const console = await open();
            say(console);
            assert.ok([1002, 1007, 1009].includes((await console.ends()).code), JSON.stringify(console.closed));
        }
    });

    test("a viewer who takes nothing for five seconds is closed as slow, and the others of its login go on", { timeout: 120_000 }, async () => {
        const other = await world.createVps();
        const reader = await open("login", world.customer.api, other.id);
        const deaf = await open("login", world.customer.api, other.id);
        reader.keep = 1000;
        deaf.socket.pause();
        reader.type("flood\n");
        const awake = setInterval(() => reader.type("x"), 500); // else it is closed as idle
        const deafAwake = setInterval(() => deaf.type("x"), 500);
        const slow = await until("the deaf one is closed", async () => (await events("console.closed", other.id))[0], 60_000);
        clearInterval(deafAwake);
        assert.equal(slow.data.after.close_reason, "slow");
        const before = reader.bytes;
        await until("the other goes on", () => reader.bytes > before + MiB, 30_000);
        assert.equal(reader.closed, undefined);
        clearInterval(awake);
        deaf.vanish();
        reader.close();
        reader.vanish();
        await until("nobody is left on it", async () => (await events("console.closed", other.id)).length === 2, 30_000);
        // The terminal went with its last viewer: a new one begins with what a new login says.
        const again = await open("login", world.customer.api, other.id);
        await again.shows(/fake login of/);
        again.close();
        await again.ends();
    });

    test("two viewers who both take nothing hold the terminal no longer than they stay", { timeout: 120_000 }, async () => {
        const other = await world.createVps();
        const both = [await open("login", world.customer.api, other.id), await open("login", world.customer.api, other.id)];
        both.forEach((one) => one.socket.pause());
        both[0]!.type("flood\n");
        const awake = setInterval(() => both.forEach((one) => one.type("x")), 500);
        await sleep(12_000); // twice what one is given
        clearInterval(awake);
        both.forEach((one) => one.vanish());
        await until("both are gone", async () => (await events("console.closed", other.id)).length === 2, 60_000);
        const again = await open("login", world.customer.api, other.id);
        await again.shows(/fake login of/);
        again.close();
        await again.ends();
    });

    test("a link that dies between the order and the answer leaves nothing behind", { timeout: 120_000 }, async () => {
        const { id, url, ticket: secret } = await ticket();
        process.kill(world.agent.pid("link"), "SIGSTOP"); // the order waits in its socket
        const console = await Console.connect(url, secret);
        assert.ok(console instanceof Console);
        world.agent.kill("link");
        const end = await console.ends(30_000);
        assert.deepEqual([end.code, end.reason], [1011, "unreachable"]);
        await until("the end is recorded", async () => (await events("console.closed")).some((one) => one.subject_id === id));
        await until("the agent is back", () => world.online());
        const again = await until("a console opens again", () => open().catch(() => undefined), 30_000);
        await again.shows(/fake shell of/);
        again.close();
        await again.ends();
        await until("nothing is open", async () => (await world.cluster.sql(`SELECT count(*) FROM consoles WHERE state = 'open'`)).trim() === "0");
    });

    test("a node that is not let in at first tries again, a few times", async () => {
        let tries = 0;
        const door = createServer((socket) => {
            tries++;
            socket.destroy();
        });
        await new Promise<void>((done) => door.listen(0, "127.0.0.1", done));
        const order = { console: randomUUID(), vps, kind: "shell", host: "127.0.0.1", port: (door.address() as AddressInfo).port };
        await world.cluster.sql(`SELECT pg_notify('croft_console', '${JSON.stringify({ node: world.node, ...order })}')`);
        await until("it came five times", async () => tries === 5, 30_000);
        assert.match(readFileSync(world.agent.log, "utf8"), new RegExp(`console_connect.*console=${order.console} try=5 `));
        await new Promise((done) => door.close(done));
        const console = await open();
        await console.shows(/fake shell of/);
        console.close();
        assert.equal(tries, 5);
    });

    test("the text client on a real terminal: raw, resized with it, and left by exit or a key", { timeout: 240_000 }, async () => {
        const { token } = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "by hand" } });
        const client = [process.execPath, `${root}/tests/system/dist/console.js`, world.server.url, token, vps, "shell"];
        await run(["python3", `${root}/tests/system/terminal.py`, ...client]);
    });

    test("a plain request, another protocol and another method are told so", async () => {
        const plain = await new Api(world.server.url).raw("GET", "/v1/consoles/connect");
        assert.equal(plain.status, 400);
        const { url, ticket: secret } = await ticket();
        const result = await Console.connect(url, "x", { "Sec-WebSocket-Protocol": secret });
        assert.equal((result as Refused).status, 400);
    });

    test("revoking the node closes what goes through it at once", { timeout: 120_000 }, async () => {
        const doomed = await World.create();
        try {
            const console = await open("shell", doomed.customer.api, (await doomed.createVps()).id);
            const at = Date.now();
            await doomed.operator.expect(204, "POST", `/v1/admin/nodes/${doomed.node}/revoke`);
            const end = await console.ends();
            assert.deepEqual([end.code, end.reason], [1011, "node"]);
            assert.ok(end.at - at < 5000, `${end.at - at} ms`);
        } finally {
            await doomed.close();
        }
    });

    test("notices that may have been missed cut it, and it is called lost, not revoked", async () => {
        const console = await open();
        const { id } = await until("it is in the audit log", async () => (await events("console.opened"))[0]);
        await world.cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'croft' AND pid <> pg_backend_pid()`);
        const end = await console.ends(30_000);
        assert.deepEqual([end.code, end.reason], [1011, "lost"]);
        await until("its end is recorded", async () => (await events("console.closed")).some((one) => one.id > id && one.data.after.close_reason === "lost"));
        await until("a console opens again", async () => {
            const again = await open().catch(() => undefined);
            again?.close();
            return again;
        }, 30_000);
    });

    test("link or broker dying closes what is open, and leaves no process", async () => {
        for (const which of ["link", "broker"] as const) {
            const console = await open("login");
            world.agent.kill(which);
            assert.notEqual((await console.ends()).code, 1000);
            await until("the agent is back", () => world.online());
            await until("a console opens again", async () => {
                const again = await open("login").catch(() => undefined);
                again?.close();
                return again;
            });
        }
    });

    test("a worker that goes away says so; the end of one that was killed is recorded as lost", { timeout: 60_000 }, async () => {
        const drained = await open();
        const draining = setInterval(() => drained.type("x"), 500); // else it is closed as idle before the new worker is ready
        await world.server.reload();
        assert.equal((await drained.ends(30_000)).code, 1001);
        clearInterval(draining);
        await until("the node is online", () => world.online());
        const console = await until("a console opens", () => open().catch(() => undefined));
        const typing = setInterval(() => console.type("x"), 500); // else it is closed as idle
        await world.cluster.sql(`UPDATE consoles SET seen_at = now() - interval '2 minutes' WHERE state = 'open'`);
        await until("housekeeping closes it", async () => (await events("console.closed")).some((one) => one.data.after.close_reason === "lost"), 30_000);
        clearInterval(typing);
        console.vanish();
    });
});
