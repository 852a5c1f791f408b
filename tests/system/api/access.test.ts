// Access tokens of sessions with each part wrong in turn, keys that a server refuses to start with, what becomes of open
// sessions, limits that workers share, and bodies that no route takes.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomUUID, sign, type KeyObject, createPrivateKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { run } from "../harness/command.js";
import { nameOf, routes, sampleBody } from "../harness/routes.js";
import { World } from "../harness/world.js";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const random = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11";

describe("access tokens and keys", () => {
    let world: World;
    let keyFile: string;
    before(async () => {
        world = await World.create({ agent: null });
        keyFile = world.sandbox.path("server/pki/jwt.key");
    });
    after(() => world?.close());

    const signIn = async (): Promise<string> => {
        const { email, password } = world.customer;
        return (await new Api(world.server.url).expect(201, "POST", "/v1/sessions", { body: { email, password } })).access_token;
    };
    const statusOf = async (token: string) => (await new Api(world.server.url, token).raw("GET", "/v1/session")).status;

    function forge(header: unknown, claims: unknown, key: KeyObject): string {
        const text = `${encode(header)}.${encode(claims)}`;
        const signature = sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
        return `${text}.${signature.toString("base64url")}`;
    }

    test("each claim and each field of the header, absent and wrong in turn, under the server's own key", async () => {
        const key = createPrivateKey(readFileSync(keyFile));
        const [head, body] = (await signIn()).split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part!, "base64url").toString()));
        assert.equal(await statusOf(forge(head, body, key)), 200, "signed again as it was");
        assert.deepEqual(Object.keys(body).sort(), ["aud", "exp", "iat", "iss", "nbf", "sid", "sub"]);
        const now = Math.floor(Date.now() / 1000);
        const wrong: Record<string, unknown[]> = {
            iss: ["", "other", "Croft", "croft "],
            aud: ["", "croft", ["croft-api"], "croft-api\u0000"],
            sub: ["", random, "x"],
            sid: ["", random, "x", `${body.sid} `, body.sid.toUpperCase()],
            iat: [now + 3600, -1, 0, String(body.iat)],
            nbf: [now + 3600, -1, 0, String(body.nbf)],
            exp: [now - 1, 0, -1, String(body.exp), 1e300],
        };
        for (const [name, values] of Object.entries(wrong)) {
            const { [name]: _gone, ...rest } = body;
            assert.equal(await statusOf(forge(head, rest, key)), 401, `without ${name}`);
            for (const value of [...values, null, true, {}, [], 0.5]) {
                assert.equal(await statusOf(forge(head, { ...body, [name]: value }, key)), 401, `${name} ${JSON.stringify(value)}`);
            }
        }
        for (const more of [{ role: "operator" }, { admin: true }, { jti: "1" }]) {
            assert.equal(await statusOf(forge(head, { ...body, ...more }, key)), 401, `with ${JSON.stringify(more)}`);
        }
        for (const alg of ["none", "None", "", null, 1, "HS256", "HS384", "HS512", "RS256", "PS256", "ES384", "ES512", "EdDSA", "es256"]) {
            assert.equal(await statusOf(forge({ ...head, alg }, body, key)), 401, `alg ${alg}`);
        }
        for (const header of [{}, { typ: "JWT" }, { alg: "ES256" }, { ...head, typ: "jwt+x" }, { ...head, typ: null }, [], null, "x"]) {
            assert.equal(await statusOf(forge(header, body, key)), 401, JSON.stringify(header));
        }
        for (const field of ["crit", "kid", "jku", "jwk", "x5u", "x5c", "b64", "zip"]) {
            assert.equal(await statusOf(forge({ ...head, [field]: "x" }, body, key)), 401, `with ${field}`);
        }
        for (const claims of [[], null, "x", 1, {}]) {
            assert.equal(await statusOf(forge(head, claims, key)), 401, JSON.stringify(claims));
        }
    });

    test("a token of another key is refused", async () => {
        const [head, body] = (await signIn()).split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part!, "base64url").toString()));
        for (const key of [
            generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
            generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
            generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
        ]) {
            assert.equal(await statusOf(forge(head, body, key)), 401, key.asymmetricKeyDetails?.namedCurve ?? "rsa");
        }
    });

    test("a new role holds at once in a session that is open", async () => {
        const session = new Api(world.server.url, await signIn());
        const role = (name: string) => world.cluster.sql(`UPDATE memberships SET role = '${name}' WHERE tenant_id = '${world.customer.id}'`);
        await session.expect(201, "POST", "/v1/tokens", { body: { name: "before" } });
        await role("viewer");
        await session.expect(403, "POST", "/v1/tokens", { body: { name: "after" } });
        await world.customer.api.expect(403, "POST", "/v1/tokens", { body: { name: "after" } });
        await session.expect(200, "GET", "/v1/vps");
        await role("owner");
        await session.expect(201, "POST", "/v1/tokens", { body: { name: "again" } });
    });

    test("a suspended tenant changes nothing, with sessions and tokens that are open", async () => {
        const session = new Api(world.server.url, await signIn());
        const state = (name: string) => world.cluster.sql(`UPDATE tenants SET state = '${name}' WHERE id = '${world.customer.id}'`);
        await state("suspended");
        for (const api of [session, world.customer.api]) {
            await api.expect(403, "POST", "/v1/tokens", { body: { name: "suspended" } });
            await api.expect(200, "GET", "/v1/vps");
        }
        await state("active");
        await session.expect(201, "POST", "/v1/tokens", { body: { name: "active" } });
    });

    test("bodies that are deep, double, huge or no JSON are refused by every route, and nothing is stored", async () => {
        const events = () => world.cluster.sql("SELECT count(*) FROM events");
        const before = await events();
        const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
        const cases: [string, string | Buffer, number[]][] = [
            ["deep", deep(5000), [400]],
            ["just too deep", deep(33), [400]],
            ["deep lists", `{"a":${"[".repeat(2000)}${"]".repeat(2000)}}`, [400]],
            ["double", '{"name":"a","name":"b"}', [400]],
            ["double inside", '{"a":{"b":1,"b":2}}', [400]],
            ["no JSON", "{'a':1}", [400]],
            ["no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), [400]],
            ["NUL", '{"a\\u0000":"\\u0000"}', [400, 422]],
            ["more than one", "{} {}", [400]],
            ["a list", "[]", [400, 422]],
            ["huge", `{"a":"${"x".repeat(1 << 20)}"}`, [413]],
        ];
        const id = (path: string) => path.replace("{id}", random);
        for (const route of routes.filter((one) => one.takes_body)) {
            const api = route.auth === "operator" ? world.operator : route.auth === "tenant" ? world.customer.api : new Api(world.server.url);
            for (const [name, body, statuses] of cases) {
                const answer = await api.raw(route.method, id(route.path), { body, headers: { "If-Match": '"1"' } }).catch((error: Error) => error);
                // The server may close a huge one before all of it is sent.
                const right = answer instanceof Error ? name === "huge" : statuses.includes(answer.status);
                assert.ok(right, `${nameOf(route)}, ${name}: ${answer instanceof Error ? answer : `${answer.status} ${answer.text}`}`);
            }
            const other = await api.raw(route.method, id(route.path), { body: "{}", headers: { "Content-Type": "text/plain" } });
            assert.equal(other.status, 415, nameOf(route));
        }
        for (const route of routes.filter((one) => !one.takes_body && one.method !== "GET" && one.auth !== "none")) {
            const api = route.auth === "operator" ? world.operator : world.customer.api;
            assert.equal((await api.raw(route.method, id(route.path), { body: "{}" })).status, 400, `${nameOf(route)} takes no body`);
        }
        assert.ok(routes.some((one) => one.takes_body && sampleBody(one)));
        assert.equal(await events(), before, "something was stored");
    });

    test("a server does not start with a key that is empty, short, of another kind or missing", async () => {
        const right = readFileSync(keyFile);
        const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" });
        const keys: [string, string | Buffer][] = [
            ["empty", ""],
            ["short", right.subarray(0, right.length / 2)],
            ["a secret", "x".repeat(64)],
            ["P-384", pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)],
            ["RSA", pem(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)],
            ["public", generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" })],
        ];
        try {
            for (const [name, text] of keys) {
                writeFileSync(keyFile, text);
                const started = await run([world.server.program, "run", "--config", world.server.config], { env: world.server.environment, accept: [1] });
                assert.deepEqual([started.code, /P-256/.test(started.stderr)], [1, true], `${name}: ${started.stderr}`);
            }
        } finally {
            writeFileSync(keyFile, right);
        }
    });
});

describe("limits that workers share", () => {
    const rate = 1; // slow, so that little comes back while a slow machine asks
    let world: World;
    before(async () => {
        world = await World.create({ agent: null, server: { config: { workers: 4 } } });
    });
    after(() => world?.close());

    // On a connection of its own, so that the kernel hands them to all workers.
    const ask = (token: string, from: string) =>
        new Promise<{ status: number; wait: string | undefined }>((resolve, reject) => {
            const { hostname, port } = new URL(world.server.url);
            const headers = { Authorization: `Bearer ${token}`, Connection: "close" };
            request({ hostname, port, path: "/v1/session", headers, localAddress: from, agent: false }, (answer) => {
                answer.resume().on("end", () => resolve({ status: answer.statusCode!, wait: answer.headers["retry-after"] }));
            })
                .on("error", reject)
                .end();
        });

    test("a client has one limit, however many workers it meets", async () => {
        const token = (name: string) => world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name } }).then((made) => made.token as string);
        const [one, other] = [await token("one"), await token("other")];
        await world.server.stop();
        world.server.configure({ limits: { requests_per_s: rate, signin_per_min: 600 } });
        await world.server.start();
        assert.equal(world.server.workers().length, 4);
        const started = Date.now();
        const answers: { status: number; wait: string | undefined }[] = [];
        for (let i = 0; i < 5; i++) {
            answers.push(...(await Promise.all(Array.from({ length: 8 }, () => ask(one, "127.0.0.2")))));
        }
        const seconds = (Date.now() - started) / 1000;
        const let_in = answers.filter(({ status }) => status === 200).length;
        const refused = answers.filter(({ status }) => status === 429);
        assert.equal(let_in + refused.length, answers.length);
        // Ten seconds' worth at once, then the rate: four workers that count each for itself would let in four times that.
        assert.ok(let_in >= rate * 10 && let_in <= rate * (10 + seconds) + 2, `${let_in} in ${seconds} s`);
        assert.ok(refused.every(({ wait }) => Number(wait) >= 1));
        // The token is used up from elsewhere, too; another token from another address is not.
        const more = async (token: string, from: string) => {
            const all = await Promise.all(Array.from({ length: 9 }, () => ask(token, from)));
            const now = all.filter(({ status }) => status === 200).length;
            const most = rate * (10 + (Date.now() - started) / 1000) + 2;
            assert.ok(let_in + now <= most, `${now} more than ${let_in}, and ${most} are allowed`);
        };
        await more(one, "127.0.0.3");
        await more(other, "127.0.0.2");
        assert.equal((await ask(other, "127.0.0.4")).status, 200);
    });

    test("sign-ins are counted together, too", async () => {
        world.server.configure({ limits: { requests_per_s: 0, signin_per_min: 6 } });
        await world.server.stop();
        await world.server.start();
        const signIn = () =>
            fetch(`${world.server.url}/v1/sessions`, {
                method: "POST",
                headers: { "Content-Type": "application/json", Connection: "close" },
                body: JSON.stringify({ email: `${randomUUID()}@example.org`, password: "wrong" }),
            }).then((answer) => answer.status);
        const started = Date.now();
        const statuses: number[] = [];
        for (let i = 0; i < 24; i++) {
            statuses.push(await signIn());
        }
        const minutes = (Date.now() - started) / 60_000;
        const tried = statuses.filter((status) => status === 401).length;
        assert.ok(tried >= 6 && tried <= 6 + Math.ceil(minutes * 6), `${tried} tried: ${statuses}`);
        assert.equal(statuses.filter((status) => status === 429).length, statuses.length - tried);
    });
});
