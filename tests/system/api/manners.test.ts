// What each found fault of the server's API looked like from outside.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Api } from "../harness/client.js";
import { until } from "../harness/command.js";
import { World } from "../harness/world.js";

describe("manners", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    for (const role of ["billing", "viewer"]) {
        test(`whoever is a ${role} changes nothing, and may sign out`, async () => {
            const [email, password] = [`${randomUUID()}@example.org`, randomUUID()];
            await world.operator.expect(201, "POST", "/v1/admin/users", { body: { email, password, tenant_id: world.customer.id, role } });
            const { access_token } = await new Api(world.server.url).expect(201, "POST", "/v1/sessions", { body: { email, password } });
            const session = new Api(world.server.url, access_token);
            await session.expect(403, "POST", "/v1/vps", { body: world.order() });
            await session.expect(204, "DELETE", "/v1/session");
            await session.expect(401, "GET", "/v1/session");
        });
    }

    test("signing out with a token revokes it", async () => {
        const { token } = await world.customer.api.expect(201, "POST", "/v1/tokens", { body: { name: "short" } });
        const api = new Api(world.server.url, token);
        await api.expect(204, "DELETE", "/v1/session");
        await api.expect(401, "GET", "/v1/session");
    });

    test("times outside of any time zone are named", async () => {
        for (const expires_at of ["2030-01-01T00:00:00+99:99", "2030-01-01T00:00:00+16:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"]) {
            const answer = await world.customer.api.raw("POST", "/v1/tokens", { body: { name: "t", expires_at } });
            assert.deepEqual([answer.status, answer.json.errors?.[0].pointer], [422, "/expires_at"], expires_at);
        }
    });

    test("an order that was accepted stays accepted though PostgreSQL goes away", async () => {
        const broker = Number(readFileSync(`${world.agent!.state}/run/broker.pid`, "utf8"));
        process.kill(broker, "SIGSTOP");
        const answer = world.customer.api.raw("POST", "/v1/vps", { body: world.order({ name: "patient" }), headers: { Prefer: "wait=4" } });
        await until("it was ordered", async () => (await world.customer.api.expect(200, "GET", "/v1/vps?name=patient")).items.length === 1);
        await world.cluster.stop();
        const { status, json } = await answer;
        await world.cluster.start();
        process.kill(broker, "SIGCONT");
        assert.deepEqual([status, json.task?.kind, json.vps?.name], [202, "vps_create", "patient"]);
        await world.server.ready();
        assert.equal((await world.customer.api.settled(json.task.id)).status, "done");
    });

    test("a PostgreSQL that hangs is not ready", async () => {
        const postmaster = Number(readFileSync(`${world.cluster.dir}/data/postmaster.pid`, "utf8").split("\n")[0]);
        const all = [postmaster, ...readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").trim().split(" ").map(Number)];
        all.forEach((pid) => process.kill(pid, "SIGSTOP"));
        try {
            assert.equal((await new Api(world.server.url).raw("GET", "/readyz")).status, 503);
            assert.equal((await new Api(world.server.url).raw("GET", "/healthz")).status, 200);
        } finally {
            all.forEach((pid) => process.kill(pid, "SIGCONT"));
        }
        await world.server.ready();
    });
});
