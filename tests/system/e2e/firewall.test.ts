// A customer's firewall between two real guests, ordered through the API: it holds while the agent is dead, and comes back when
// somebody takes the node's rules away.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Schema } from "../harness/client.js";
import { until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { World } from "../harness/world.js";

const CHECK_MS = 150_000; // the agent looks once a minute

describe("a firewall between guests", () => {
    let world: World;
    let guests: Guests;
    let one: Schema["Vps"];
    let two: Schema["Vps"];
    before(async () => {
        world = await World.create({ drivers: "real" });
        guests = await Guests.create(world);
        [one, two] = [await guests.make(), await guests.make()];
    });
    after(() => world?.close());

    const pings = async (family = 4) => (await guests.run(one, `ping -c 1 -W 1 ${guests.address(two, family)}`, [1])).code === 0;
    const open = (family = 4) => until("the other guest answers", () => pings(family), 30_000);
    const shut = async () => assert.deepEqual([await pings(4), await pings(6)], [false, false]);
    const set = async (body: object) => {
        const path = `/v1/vps/${two.id}/firewall`;
        const etag = (await world.customer.api.raw("GET", path)).headers.get("etag")!;
        const answer = await world.customer.api.raw("PUT", path, { body, headers: { "If-Match": etag, Prefer: "wait=60" } });
        assert.equal(answer.json.task?.status, "done", answer.text);
    };
    const ssh = { direction: "in", action: "accept", protocol: "tcp", ports: ["22"] };

    test("what its rules do not name is dropped, both families, and passes again without them", { timeout: 300_000 }, async () => {
        await open(4);
        await open(6);
        await set({ policy_in: "drop", rules: [ssh] });
        await shut();
        await guests.run(two, "true");
        await set({ policy_in: "drop", rules: [ssh, { direction: "in", action: "accept", protocol: "icmp" }] });
        await open(4);
        assert.equal(await pings(6), false, "each family has its own");
        await set({ rules: [] });
        await open(6);
    });

    test("it holds while the agent is dead, and after", { timeout: 300_000 }, async () => {
        await set({ policy_in: "drop", rules: [ssh] });
        await world.agent.stop("SIGKILL");
        await shut();
        await world.agent.start();
        await world.online();
        await shut();
    });

    for (const [what, ...argv] of [["its table", "delete", "table", "inet", "croft"], ["all rules of the node", "flush", "ruleset"]]) {
        test(`when somebody deletes ${what}, it is back within a minute, and that is an alarm`, { timeout: 400_000 }, async () => {
            const alarms = async () => {
                const node: Schema["Node"] = await world.operator.expect(200, "GET", `/v1/admin/nodes/${world.node}`);
                return node.alarms.map(({ code }) => code);
            };
            await until("no alarm of before", async () => !(await alarms()).includes("filters_missing"), CHECK_MS);
            await world.netns!.run("nft", ...argv);
            await until("it is an alarm", async () => (await alarms()).includes("filters_missing"), CHECK_MS);
            await until("the filters are back", async () => !(await pings()), 30_000);
            await shut();
        });
    }
});
