// Webhooks: signed so that another implementation agrees, delivered though workers die, and never to what is inside.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { until } from "../harness/command.js";
import { certificate, Receiver, signedBy } from "../harness/receiver.js";
import { World, unlimited } from "../harness/world.js";

// A world whose webhooks may reach this machine, and the target that they reach.
async function open(): Promise<{ world: World; receiver: Receiver }> {
    const world = await World.create({ agent: null });
    const files = await certificate(world.sandbox);
    world.server.configure({ webhooks: { allow_private: true, ca_file: files.cert, timeout_s: 4 } } as any);
    await world.server.reload();
    return { world, receiver: await Receiver.create(files) };
}

async function hook(api: Api, url: string, more: object = {}): Promise<any> {
    return api.expect(201, "POST", "/v1/webhooks", { body: { url, events: ["token.*"], ...more } });
}

async function change(api: Api): Promise<string> {
    return (await api.expect(201, "POST", "/v1/tokens", { body: { name: randomUUID() } })).id;
}

// The only delivery of a webhook, once it is in this state.
async function delivery(api: Api, id: string, settled: (one: any) => boolean): Promise<any> {
    return until("the delivery is settled", async () => {
        const { items } = await api.expect(200, "GET", `/v1/webhooks/${id}/deliveries`);
        return items.length > 0 && settled(items[0]) && items[0];
    }, 20_000);
}

describe("webhooks", () => {
    let world: World;
    let receiver: Receiver;
    before(async () => {
        ({ world, receiver } = await open());
    });
    after(async () => {
        receiver?.close();
        await world?.close();
    });
    const now = () => world.cluster.sql("UPDATE webhook_deliveries SET next_at = now() WHERE state = 'pending' AND claim IS NULL; NOTIFY croft_webhook");

    test("the database has no secret in the clear, and what one key sealed opens when another seals", async () => {
        const { api } = await world.createCustomer(unlimited);
        const before = await hook(api, receiver.url("/before"));
        const stored = await world.cluster.sql(`SELECT secret FROM webhooks WHERE id = '${before.id}'`);
        assert.match(stored, /^v1\./);
        const dump = await world.cluster.sql("SELECT coalesce(string_agg(w::text, ''), '') FROM webhooks w") + (await world.cluster.sql("SELECT coalesce(string_agg(body, ''), '') FROM idempotency_keys"));
        assert.ok(!dump.includes(before.secret.replace("whsec_", "")));
        const file = world.sandbox.path("server/pki/secrets.keys");
        const old = readFileSync(file, "utf8");
        writeFileSync(file, `new ${randomBytes(32).toString("hex")}\n${old}`, { mode: 0o600 });
        await world.server.reload();
        const after = await hook(api, receiver.url("/after"));
        assert.match(await world.cluster.sql(`SELECT secret FROM webhooks WHERE id = '${after.id}'`), /^v1\.new\./);
        await change(api);
        assert.ok(signedBy(before.secret, (await receiver.has("/before", 1))[0]!));
        assert.ok(signedBy(after.secret, (await receiver.has("/after", 1))[0]!));
    });

    test("a reseller's webhook hears of the tenants below it when it asks to", async () => {
        const reseller = await world.createCustomer(unlimited, "owner", "reseller");
        const child = await reseller.api.expect(201, "POST", "/v1/tenants", { body: { name: "below", external_ref: randomUUID() } });
        await world.customer.api.expect(422, "POST", "/v1/webhooks", { body: { url: receiver.url("/x"), include_children: true } });
        await hook(reseller.api, receiver.url("/children"), { include_children: true });
        const below = new Api(world.server.url, undefined, { ...reseller.api.headers, "Croft-Tenant": child.id });
        const token = await change(below);
        const [one] = await receiver.has("/children", 1);
        assert.deepEqual([one!.event.source, one!.event.subject], [`/tenants/${child.id}`, `token/${token}`]);
    });

    test("an event arrives signed, as a CloudEvent, and is logged", async () => {
        const { api, id } = await world.createCustomer(unlimited);
        const made = await hook(api, receiver.url("/signed"));
        assert.match(made.secret, /^whsec_/);
        assert.equal((await api.expect(200, "GET", `/v1/webhooks/${made.id}`)).secret, undefined);
        const token = await change(api);
        const [one] = await receiver.has("/signed", 1);
        assert.ok(signedBy(made.secret, one!));
        assert.ok(!signedBy(made.secret, { ...one!, body: one!.body + " " }) && !signedBy(made.secret, { ...one!, timestamp: "1" }));
        assert.ok(Math.abs(Number(one!.timestamp) - Date.now() / 1000) < 60);
        assert.equal(one!.type, "application/cloudevents+json");
        const { specversion, type, source, subject, data } = one!.event;
        assert.deepEqual([specversion, type, source, subject], ["1.0", "croft.token.created", `/tenants/${id}`, `token/${token}`]);
        assert.equal(data.data.after.id, token);
        const logged = await delivery(api, made.id, (d) => d.state === "delivered");
        assert.deepEqual([logged.id, logged.attempts, logged.log[0].status, String(logged.event_id)], [one!.id, 1, 204, one!.event.id]);
    });

    test("what fails is tried again under the same id, and ordered again on request", async () => {
        const { api } = await world.createCustomer(unlimited);
        let fails = 1;
        receiver.answer = (one) => (one.path === "/again" && fails-- > 0 ? { status: 500, body: "x".repeat(5000) } : { status: 200, body: "fine" });
        const made = await hook(api, receiver.url("/again"));
        await change(api);
        const failed = await delivery(api, made.id, (d) => d.log.length === 1);
        assert.deepEqual([failed.state, failed.log[0].status, failed.log[0].response.length], ["pending", 500, 1024]);
        assert.ok((await api.expect(200, "GET", `/v1/webhooks/${made.id}`)).failing_since);
        const [first, second] = await receiver.has("/again", 2); // by its own pause of five seconds
        assert.deepEqual([second!.id, second!.body], [first!.id, first!.body]);
        const done = await delivery(api, made.id, (d) => d.state === "delivered");
        await api.expect(202, "POST", `/v1/webhook-deliveries/${done.id}/redeliver`);
        const [, , third] = await receiver.has("/again", 3);
        assert.equal(third!.id, first!.id);
        receiver.answer = () => ({ status: 204 });
    });

    test("a test event, a rotation with both signatures, a disabled one", async () => {
        const { api } = await world.createCustomer(unlimited);
        const made = await hook(api, receiver.url("/rotated"));
        const rotated = await api.expect(200, "POST", `/v1/webhooks/${made.id}/rotate-secret`);
        assert.notEqual(rotated.secret, made.secret);
        await api.expect(202, "POST", `/v1/webhooks/${made.id}/test`);
        const [one] = await receiver.has("/rotated", 1);
        assert.deepEqual([one!.event.type, one!.signatures.length, signedBy(made.secret, one!), signedBy(rotated.secret, one!)], ["croft.webhook.test", 2, true, true]);
        const answer = await api.raw("GET", `/v1/webhooks/${made.id}`);
        await api.expect(200, "PATCH", `/v1/webhooks/${made.id}`, { body: { enabled: false }, headers: { "If-Match": answer.headers.get("etag")! } });
        await change(api);
        await api.expect(409, "POST", `/v1/webhooks/${made.id}/test`);
        assert.equal((await api.expect(200, "GET", `/v1/webhooks/${made.id}/deliveries`)).items.length, 1);
        await api.expect(204, "DELETE", `/v1/webhooks/${made.id}`);
        await api.expect(404, "GET", `/v1/webhooks/${made.id}`);
    });

    test("redirects are not followed, and a target that is not believed is not told", async () => {
        const { api } = await world.createCustomer(unlimited);
        receiver.answer = (one) => (one.path === "/away" ? { status: 307, headers: { Location: receiver.url("/inside") } } : { status: 204 });
        const away = await hook(api, receiver.url("/away"));
        await change(api);
        const refused = await delivery(api, away.id, (d) => d.log.length === 1);
        assert.deepEqual([refused.log[0].status, refused.state], [307, "pending"]);
        assert.match(refused.log[0].error, /redirect/);
        assert.equal(receiver.at("/inside").length, 0);
        const other = await hook(api, `https://127.0.0.2:${receiver.port}/name`); // not a name of its certificate
        await api.expect(202, "POST", `/v1/webhooks/${other.id}/test`);
        const unbelieved = await delivery(api, other.id, (d) => d.log.length === 1);
        assert.equal(unbelieved.log[0].status, null);
        assert.equal(receiver.at("/name").length, 0);
        receiver.answer = () => ({ status: 204 });
    });

    test("a slow target holds up nobody, and has no more than four at once", async () => {
        const { api } = await world.createCustomer(unlimited);
        receiver.answer = (one) => ({ status: 204, afterMs: one.path === "/slow" ? 2000 : 0 });
        await hook(api, receiver.url("/slow"));
        await hook(api, receiver.url("/quick"));
        const at = Date.now();
        await Promise.all(Array.from({ length: 12 }, () => change(api)));
        await receiver.has("/quick", 12);
        assert.ok(Date.now() - at < 15_000, `${Date.now() - at} ms`);
        assert.ok(receiver.at("/slow").length <= 8);
        await receiver.has("/slow", 12, 30_000);
        assert.equal(new Set(receiver.at("/slow").map((one) => one.id)).size, 12);
        receiver.answer = () => ({ status: 204 });
    });

    test("killed workers lose nothing; what comes twice has the same id", async () => {
        const { api } = await world.createCustomer(unlimited);
        receiver.answer = (one) => ({ status: 204, afterMs: one.path === "/killed" ? 1500 : 0 });
        await hook(api, receiver.url("/killed"));
        const tokens = await Promise.all(Array.from({ length: 4 }, () => change(api)));
        await receiver.has("/killed", 1);
        world.server.workers().forEach((pid) => process.kill(pid, "SIGKILL"));
        await world.server.ready();
        await world.cluster.sql("UPDATE webhook_deliveries SET next_at = now() WHERE claim IS NOT NULL; NOTIFY croft_webhook"); // the lease ends
        await until("all are delivered", async () =>
            (await world.cluster.sql(`SELECT count(*) FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id WHERE w.url LIKE '%/killed' AND d.state = 'delivered'`)) === "4", 30_000);
        const ids = receiver.at("/killed").map((one) => one.id);
        const subjects = new Set(receiver.at("/killed").map((one) => one.event.data.subject_id));
        assert.deepEqual([subjects.size, new Set(ids).size], [4, 4]);
        assert.ok(tokens.every((token) => subjects.has(token)));
        assert.ok([...new Set(ids)].every((id) => ids.filter((one) => one === id).length <= 2));
        receiver.answer = () => ({ status: 204 });
        await now();
    });
});

describe("webhooks of a server as it is by default", () => {
    let world: World;
    let receiver: Receiver;
    before(async () => {
        world = await World.create({ agent: null });
        receiver = await Receiver.create(await certificate(world.sandbox));
    });
    after(async () => {
        receiver?.close();
        await world?.close();
    });

    test("an address that is not public is refused at once", async () => {
        const { api } = world.customer;
        for (const url of ["http://example.org/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/latest", "https://2130706433/",
            "https://[::ffff:127.0.0.1]/", "https://user@example.org/", "https://example.org/#x", "rubbish-rubbish"]) {
            const answer = await api.raw("POST", "/v1/webhooks", { body: { url } });
            assert.deepEqual([answer.status, answer.json.errors?.[0].pointer], [422, "/url"], url);
        }
        const good = await api.expect(201, "POST", "/v1/webhooks", { body: { url: "https://example.org/x", enabled: false } });
        const etag = (await api.raw("GET", `/v1/webhooks/${good.id}`)).headers.get("etag")!;
        await api.expect(422, "PATCH", `/v1/webhooks/${good.id}`, { body: { url: "https://192.168.0.1/" }, headers: { "If-Match": etag } });
    });

    test("nor is one reached by a name that leads inside", async () => {
        const { api } = world.customer;
        const made = await hook(api, receiver.url("/inside", "localhost"));
        await api.expect(202, "POST", `/v1/webhooks/${made.id}/test`);
        const refused = await delivery(api, made.id, (d) => d.log.length === 1);
        assert.match(refused.log[0].error, /not public/);
        assert.equal(receiver.received.length, 0);
    });
});
