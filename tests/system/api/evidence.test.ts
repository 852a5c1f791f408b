// Limits and what met them, and the boot log, through server and agent, with fake drivers.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { World } from "../harness/world.js";

describe("evidence", () => {
    let world: World;
    let vps: string;
    before(async () => {
        world = await World.create({ agent: { config: { check_s: 1 } } });
        vps = (await world.createVps()).id;
    });
    after(() => world?.close());

    const get = (path: string, status = 200) => world.customer.api.expect(status, "GET", `/v1/vps/${vps}/${path}` as any) as Promise<any>;
    const console = (text: string | Buffer) => writeFileSync(`${world.agent.state}/vps/${vps}/console.log`, text);

    test("the limits of a guest that runs are shown with what is used of them", async () => {
        const body = await until("the first report behind a check of the node", async () => {
            const answer = await get("limits");
            return answer.limits.some((one: any) => one.name === "connections_in") ? answer : undefined;
        }, 60_000);
        const by = new Map<string, any>(body.limits.map((one: any) => [one.name, one]));
        assert.deepEqual([...by.keys()], ["memory", "swap", "processes", "cpu", "disk", "io", "iops", "network_in", "network_out", "connections_in", "connections_out"]);
        assert.deepEqual(by.get("memory"), { name: "memory", unit: "bytes", used: 64 * 2 ** 20, limit: world.plan.memory_bytes, hits: 0, hits_total: 0 });
        assert.equal(by.get("disk").limit, world.plan.disk_bytes);
        assert.equal(by.get("cpu").limit, world.plan.vcpus * 1000);
        assert.equal(by.get("io").hits, null, "nobody counts those");
        assert.deepEqual(by.get("connections_out"), { name: "connections_out", unit: "count", used: 2, limit: 8192, hits: 0, hits_total: 0 });
        assert.equal(body.pressure, null, "the fake host has none");
        assert.deepEqual([body.oom_kills, body.last_oom_kills], [0, []]);
        const later = await until("a later report", async () => {
            const answer = await get("limits");
            return answer.cpu.throttled_ns > body.cpu.throttled_ns ? answer : undefined;
        });
        assert.equal(later.boot, body.boot);
        const used = later.limits.find((one: any) => one.name === "cpu").used;
        assert.ok(used > 50 && used < 200, `a tenth of a processor, not ${used}`);
    });

    test("the boot log comes from the node as plain text", async () => {
        console("\u001b[32m[  OK  ]\u001b[0m Reached \u001b]0;title\u0007target\r\ngr\u00fcn \u0000\u0008\u009b31m\r\nlogin: ");
        const first = await get("log?wait=20");
        assert.equal(first.state, "fresh");
        assert.equal(first.text, "[  OK  ] Reached target\ngr\u00fcn ??31m\nlogin: ");
        assert.equal(first.truncated, false);
        console("more");
        assert.equal((await get("log?wait=20")).text, first.text, "for five seconds it is new enough");
    });

    test("a log that is too long is cut in front, and one that is not text is made some", async () => {
        await world.cluster.sql("UPDATE vps_logs SET fetched_at = now() - interval '1 minute'");
        console(Buffer.concat([Buffer.alloc(100_000, "a\n"), Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0xed, 0xa0, 0x80])]));
        const { text, truncated } = await get("log?wait=20");
        assert.ok(truncated && text.length <= 65536 && text.length > 60000);
        assert.ok(text.endsWith("???(???"));
    });

    test("who does not wait gets what is known, and is told that the node is asked", async () => {
        await world.cluster.sql("UPDATE vps_logs SET fetched_at = now() - interval '1 minute'");
        rmSync(`${world.agent.state}/vps/${vps}/console.log`);
        const answer = await get("log");
        assert.equal(answer.state, "asked");
        assert.ok(answer.text.endsWith("???(???"));
        await until("the node's answer", async () => (await get("log")).state === "fresh");
        assert.equal((await get("log")).text, "", "there is none any more");
    });

    test("with the node away the last is shown", async () => {
        await world.agent.stop();
        await until("the node is offline", async () => (await world.cluster.sql("SELECT online FROM node_status")) === "f");
        await world.cluster.sql("UPDATE vps_logs SET fetched_at = now() - interval '1 minute', text = 'last words'");
        const answer = await get("log?wait=20");
        assert.deepEqual([answer.state, answer.text], ["unreachable", "last words"]);
        assert.ok((await get("limits")).ts);
        await world.agent.start();
    });

    test("a vps that is gone has neither", async () => {
        const { id } = await world.createVps();
        await world.customer.api.raw("DELETE", `/v1/vps/${id}`, { headers: { Prefer: "wait=30" } });
        for (const path of ["limits", "log"]) {
            assert.equal((await world.customer.api.raw("GET", `/v1/vps/${id}/${path}`)).status, 404);
        }
    });
});
