import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { World } from "../harness/world.js";
import { operations } from "../harness/contract.js";

describe("bad input", () => {
    let world: World;
    before(async () => {
        world = await World.create({ agent: null });
    });
    after(() => world?.close());

    const create = (body: object | string | Buffer) => world.customer.api.raw("POST", "/v1/vps", { body });
    const count = () => world.cluster.sql("SELECT (SELECT count(*) FROM vps) || ' ' || (SELECT count(*) FROM tasks)");

    async function refused(body: object | string | Buffer, status: number, pointer?: string): Promise<void> {
        const before = await count();
        const answer = await create(body);
        assert.equal(answer.status, status, `${typeof body === "object" ? JSON.stringify(body).slice(0, 400) : body.slice(0, 400)}: ${answer.text}`);
        if (pointer !== undefined) {
            assert.deepEqual((answer.json.errors ?? []).map((error: { pointer: string }) => error.pointer), [pointer]);
        }
        assert.equal(await count(), before, "something was made");
    }

    test("what is not JSON is 400", async () => {
        for (const body of ["", "{", "[", "nul", "{'a':1}", "{\"name\":}", "\u{feff}{}", "{} {}", "{\"a\":1,}", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]) {
            await refused(body, 400);
        }
    });

    test("JSON that is no object is refused", async () => {
        for (const body of ["[]", "null", "1", "\"x\"", "true"]) {
            const { status } = await create(body);
            assert.ok([400, 422].includes(status), `${body}: ${status}`);
        }
    });

    test("a duplicate key is 400", () => refused('{"name":"a","name":"b"}', 400));

    test("deep nesting is 400", async () => {
        await refused(`${"[".repeat(5000)}${"]".repeat(5000)}`, 400);
        await refused(`${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`, 400);
    });

    test("a huge body is 413", async () => {
        const answer = await create(`{"name":"${"a".repeat(2 * 1024 * 1024)}"}`).catch((error) => error);
        // The server may close before all is sent; the client then sees a reset or the answer.
        assert.ok(answer instanceof Error || answer.status === 413, String(answer.status));
        await world.customer.api.expect(200, "GET", "/v1/vps");
    });

    test("another content type is 415", async () => {
        for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"]) {
            const answer = await world.customer.api.raw("POST", "/v1/vps", { body: "{}", headers: { "Content-Type": type } });
            assert.equal(answer.status, 415, type);
        }
    });

    test("an unknown field is named", () => refused({ ...world.order(), surprise: 1 }, 422, "/surprise"));

    test("a missing field is named", async () => {
        const { plan_id, ...rest } = world.order() as Record<string, unknown>;
        await refused(rest, 422, "/plan_id");
    });

    test("a wrong type is named", async () => {
        for (const [field, value] of [["name", 1], ["name", null], ["name", {}], ["start", "yes"], ["start", 1], ["ssh_keys", "x"], ["plan_id", 7]] as const) {
            await refused({ ...world.order(), [field]: value }, 422, `/${field}`);
        }
    });

    test("a place inside a list is named", async () => {
        await refused({ ...world.order(), ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq1k2b3o4p5q6r7s8t9u0v1w2x3y4z5A6B7C8D9E0F1 a", 5] }, 422, "/ssh_keys/1");
    });

    test("names that are no host names are refused", async () => {
        const names = ["", "-a", "a-", "a b", "a.b", "ä", "a".repeat(64), "../x", "a/b", "A_B", "a\nb", "'; DROP TABLE vps; --", "%s%n", "a\u202eb"];
        for (const name of names) {
            await refused({ ...world.order(), name }, 422, "/name");
        }
    });

    test("NUL in a string is an error of the client", async () => {
        for (const body of [{ ...world.order(), name: "a\u0000b" }, { ...world.order(), ssh_keys: ["ssh-ed25519 AAAA\u0000 x"] }]) {
            const { status } = await create(body);
            assert.ok([400, 422].includes(status), `${status}`);
        }
        const { status } = await world.operator.raw("POST", "/v1/admin/tenants", { body: { name: "a\u0000b" } });
        assert.ok([400, 422].includes(status), `${status}`);
    });

    test("keys that would be more than one line are refused", async () => {
        for (const key of ["ssh-ed25519 AAAA\nssh-rsa BBBB", "ssh-ed25519 AAAA\r", "\u001b[31mred", "", "x".repeat(20000)]) {
            await refused({ ...world.order(), ssh_keys: [key] }, 422, "/ssh_keys/0");
        }
        await refused({ ...world.order(), ssh_keys: Array(100).fill("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq1k2b3o4p5q6r7s8t9u0v1w2x3y4z5A6B7C8D9E0F1 a") }, 422, "/ssh_keys");
    });

    test("what does not exist is named", async () => {
        const missing = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11";
        for (const field of ["plan_id", "image_id", "location_id"]) {
            await refused({ ...world.order(), [field]: missing }, 422, `/${field}`);
            await refused({ ...world.order(), [field]: "no uuid" }, 422, `/${field}`);
        }
    });

    test("numbers out of range are named", async () => {
        const plan = { name: "p", title: "p", vcpus: 1, memory_bytes: 2 ** 26, disk_bytes: 2 ** 26, swap_bytes: 0, pids: 64, traffic_bytes: 0 };
        for (const [field, value] of [["vcpus", 0], ["vcpus", -1], ["vcpus", 1.5], ["vcpus", 2 ** 40], ["memory_bytes", -1], ["ipv4_count", 9], ["ipv6_count", -1], ["price_month", "1,5"], ["price_month", "-1"], ["price_month", 4], ["currency", "EURO"], ["pids", 0]] as const) {
            const answer = await world.operator.post("/v1/admin/plans", { ...plan, [field]: value });
            assert.equal(answer.status, 422, `${field} ${value}: ${answer.text}`);
            assert.equal(answer.json.errors[0].pointer, `/${field}`);
        }
        const text = JSON.stringify(plan);
        for (const big of ["99999999999999999999999", "1e400", "-0.0", "1E3"]) {
            const { status } = await world.operator.raw("POST", "/v1/admin/plans", { body: text.replace('"vcpus":1', `"vcpus":${big}`) });
            assert.ok([400, 422].includes(status), `${big}: ${status}`);
        }
    });

    test("bad query parameters are refused", async () => {
        for (const query of ["limit=0", "limit=201", "limit=x", "limit=-1", "limit=1&limit=2", "cursor=%00", "cursor=!!!", "cursor=eyJ4IjoxfQ", "unknown=1", "observed=maybe", "location_id=x", "limit=99999999999999999999"]) {
            const { status } = await world.customer.api.raw("GET", `/v1/vps?${query}`);
            assert.ok([400, 422].includes(status), `${query}: ${status}`);
        }
    });

    test("a path id that is no UUID is 404", async () => {
        for (const id of ["x", "1", "..%2f..", "%00", "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a1", "'--", "%ff"]) {
            const { status } = await world.customer.api.raw("GET", `/v1/vps/${id}`);
            assert.ok([404, 400].includes(status), `${id}: ${status}`);
        }
    });

    test("an unknown path is 404, another method 405 with Allow", async () => {
        await world.customer.api.expect(404, "GET", "/v1/nothing");
        await world.customer.api.expect(404, "GET", "/");
        await world.customer.api.expect(404, "GET", "/v1/vps/");
        const answer = await world.customer.api.raw("PUT", "/v1/vps");
        assert.equal(answer.status, 405);
        assert.match(answer.headers.get("allow") ?? "", /GET/);
    });

    test("every endpoint but the open ones asks who it is", async () => {
        const { Api } = await import("../harness/client.js");
        const guest = new Api(world.server.url);
        for (const { method, path, operation } of operations) {
            if (operation.security?.length === 0) {
                continue;
            }
            const target = path.replace(/\{[^}]*\}/g, "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11");
            const { status } = await guest.raw(method.toUpperCase(), target);
            assert.ok(status === 401 || (operation.security && [401, 403].includes(status)), `${method} ${path}: ${status}`);
        }
    });

    test("every admin endpoint is closed to a customer", async () => {
        for (const { method, path, operation } of operations.filter((one) => one.path.startsWith("/v1/admin/"))) {
            const target = path.replace(/\{[^}]*\}/g, "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11");
            // Whether the body is right is nobody's business who may not send it.
            for (const body of operation.requestBody ? ["{}", "nonsense"] : [undefined]) {
                const { status } = await world.customer.api.raw(method.toUpperCase(), target, { body });
                assert.equal(status, 403, `${method} ${path} ${body}`);
            }
        }
    });
});
