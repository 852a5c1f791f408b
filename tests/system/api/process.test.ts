import assert from "node:assert/strict";
import { Agent as HttpAgent, get } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { run, sleep, until } from "../harness/command.js";
import { serverProgram } from "../harness/paths.js";
import { alive } from "../harness/sandbox.js";
import { World } from "../harness/world.js";

describe("processes of the server", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    test("two workers; each that dies comes back, and requests go on", async () => {
        for (const worker of await until("two workers", () => world.server.workers().length === 2 && world.server.workers())) {
            process.kill(worker, "SIGKILL");
            await until("it was replaced", () => !alive(worker) && world.server.workers().length === 2, 10_000);
            await world.server.ready();
        }
        await world.online();
        await world.deleteVps((await world.createVps()).id);
    });

    test("PostgreSQL away: not ready, 503; back: as before", async () => {
        await world.cluster.stop();
        const answer = await until("503", async () => {
            const one = await world.customer.api.raw("GET", "/v1/vps");
            return one.status === 503 && one;
        }, 20_000);
        assert.equal(answer.json.code, "unavailable");
        assert.equal((await new Api(world.server.url).raw("GET", "/readyz")).status, 503);
        assert.equal((await new Api(world.server.url).raw("GET", "/healthz")).status, 200);
        await world.cluster.start();
        await world.server.ready();
        await until("requests are served", async () => (await world.customer.api.raw("GET", "/v1/vps")).status === 200, 20_000);
        await world.online();
        await world.deleteVps((await world.createVps()).id);
    });

    // The server may close a kept connection as a request leaves. Then, and only then, HTTP lets a client
    // ask again: the connection was a used one and closed before a byte of the answer (RFC 9112, 9.3.1).
    function ask(agent: HttpAgent): Promise<void> {
        return new Promise((resolve, reject) => {
            const request = get(`${world.server.url}/v1/meta`, { agent }, (answer) => {
                answer.on("error", reject).on("end", () => (answer.complete ? resolve() : reject(new Error("half an answer")))).resume();
            });
            request.on("error", (error: NodeJS.ErrnoException) => {
                const again = request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
                again ? ask(agent).then(resolve, reject) : reject(error);
            });
        });
    }

    test("SIGHUP takes the new configuration, and no request is lost", async () => {
        world.server.configure({ limits: { requests_per_s: 3 } });
        const [kept, fresh] = [new HttpAgent({ keepAlive: true }), new HttpAgent({ keepAlive: false })];
        const failed: unknown[] = [];
        let on = true;
        const load = [kept, kept, fresh, fresh].map(async (agent) => {
            while (on) {
                await ask(agent).catch((error) => failed.push(error));
                await sleep(5);
            }
        });
        world.server.signal("SIGHUP");
        await until("requests are limited", async () => {
            const answers = await Promise.all(Array.from({ length: 40 }, () => world.customer.api.raw("GET", "/v1/vps")));
            const limited = answers.find((answer) => answer.status === 429);
            return limited && limited.headers.get("retry-after") !== null;
        }, 20_000);
        on = false;
        await Promise.all(load);
        kept.destroy();
        assert.deepEqual(failed, []);
        world.server.configure({ limits: { requests_per_s: 0 } });
        world.server.signal("SIGHUP"); // perhaps during the reload before
        await until("requests are free", async () => {
            const answers = await Promise.all(Array.from({ length: 40 }, () => world.customer.api.raw("GET", "/v1/vps")));
            return answers.every((answer) => answer.status === 200);
        }, 20_000);
    });

    test("sign-in has a limit of its own", async () => {
        world.server.configure({ limits: { signin_per_min: 5 } });
        await world.server.reload();
        const guest = new Api(world.server.url);
        // Fewer than what slows a network down over all workers, each for another account.
        const answers = await Promise.all(Array.from({ length: 15 }, (_, i) => guest.post("/v1/sessions", { email: `nobody${i}@example.org`, password: "x" })));
        assert.ok(answers.filter((answer) => answer.status === 429).length >= 5);
        await world.customer.api.expect(200, "GET", "/v1/vps");
        world.server.configure({ limits: { signin_per_min: 600 } });
        await world.server.reload();
    });

    test("a broken configuration is named by file, line and column, and changes nothing", async () => {
        const { writeFileSync, readFileSync } = await import("node:fs");
        const good = readFileSync(world.server.config, "utf8");
        const file = world.sandbox.path("broken.yaml");
        const check = async (text: string) => {
            writeFileSync(file, text);
            return run([serverProgram, "check-config", "--config", file], { accept: [1, 2, 64, 78], env: world.server.environment });
        };
        assert.equal((await check(good)).stdout.trim(), "ok");
        for (const text of [`${good}surprise: 1\n`, good.replace("workers: 2", "workers: 0"), good.replace("workers: 2", "workers: [2"), `${good}workers: 2\n`, `a: &a [1]\nb: *a\n`]) {
            const { code, stdout, stderr } = await check(text);
            assert.notEqual(code, 0, text);
            assert.match(stdout + stderr, /broken\.yaml:\d+:\d+: /);
        }
        writeFileSync(world.server.config, `${good}surprise: 1\n`);
        world.server.signal("SIGHUP");
        await sleep(1500);
        await world.customer.api.expect(200, "GET", "/v1/vps");
        assert.equal(world.server.workers().length, 2);
        writeFileSync(world.server.config, good);
    });

    test("migrate again changes nothing", async () => {
        const before = await world.cluster.sql("SELECT count(*) FROM vps");
        await world.server.command("migrate");
        assert.equal(await world.cluster.sql("SELECT count(*) FROM vps"), before);
        await world.customer.api.expect(200, "GET", "/v1/vps");
    });

    // Last: it ends the server.
    test("SIGTERM lets an open request end, takes no new one, and exits 0", async () => {
        await world.online();
        const vps = await world.createVps();
        await world.agent.stop();
        const { task } = await world.customer.api.expect(202, "POST", `/v1/vps/${vps.id}/stop`);
        const poll = world.customer.api.raw("GET", `/v1/tasks/${task.id}?wait=3`);
        await sleep(500);
        world.server.signal("SIGTERM");
        await sleep(300);
        const { port, hostname } = new URL(world.server.url);
        const refused = await new Promise<boolean>((resolve) => {
            const socket = connect(Number(port), hostname);
            socket.on("error", () => resolve(true));
            socket.on("connect", () => socket.destroy() && resolve(false));
        });
        assert.equal((await poll).status, 200);
        assert.equal(await world.server.exited(), 0);
        assert.ok(refused, "a new connection was taken while draining");
    });
});

describe("the API over TLS", () => {
    test("TLS 1.3 when configured; plain text gets nothing", async () => {
        const { Sandbox } = await import("../harness/sandbox.js");
        const { Cluster } = await import("../harness/cluster.js");
        const { Server } = await import("../harness/server.js");
        const sandbox = new Sandbox();
        try {
            const [key, certificate] = [sandbox.path("api.key"), sandbox.path("api.crt")];
            await run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate]);
            const cluster = await Cluster.create(sandbox);
            const server = await Server.create(sandbox, cluster, { config: { api: { tls_certificate: certificate, tls_key: key } } });
            await server.start();
            await new Api(server.url).expect(200, "GET", "/v1/meta");
            const { host } = new URL(server.url);
            const old = await run(["openssl", "s_client", "-connect", host, "-tls1_1"], { accept: [1] });
            assert.match(old.stdout + old.stderr, /alert|error|no protocols/i);
            await assert.rejects(fetch(`http://${host}/v1/meta`));
            await server.stop();
        } finally {
            await sandbox.close();
        }
    });
});
