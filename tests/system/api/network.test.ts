// Firewalls, address sets, private networks, forwarded ports, names and kinds of pools through server and agent, with fake
// drivers: what reaches the node is what its record says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { World } from "../harness/world.js";

const wait = { Prefer: "wait=30" };

describe("network", () => {
    let world: World;
    before(async () => {
        world = await World.create();
    });
    after(() => world?.close());

    const api = () => world.customer.api;
    const spec = (vps: string) => JSON.parse(readFileSync(`${world.agent.state}/vps/${vps}/state.json`, "utf8")).spec;
    const change = async (method: string, path: string, body?: object) => {
        const headers: Record<string, string> = { ...wait };
        if (method === "PUT") {
            headers["If-Match"] = (await api().raw("GET", path)).headers.get("etag")!;
        }
        return api().raw(method, path, { body, headers });
    };
    const four = (vps: { addresses: { family: number; address: string; kind: string }[] }) => vps.addresses.find(({ family }) => family === 4)!;
    const done = async (method: string, path: string, body?: object) => {
        const answer = await change(method, path, body);
        assert.ok(answer.status < 300, answer.text);
        assert.equal(answer.json.task.status, "done", answer.text);
        return answer.json;
    };

    test("a firewall reaches the node, with what its sets hold, and follows them", async () => {
        const { id } = await world.createVps();
        const path = `/v1/vps/${id}/firewall`;
        assert.deepEqual((await api().expect(200, "GET", path)).rules, []);
        const set = await api().expect(201, "POST", "/v1/address-sets", { body: { name: "office", cidrs: ["192.0.2.0/24"] } });
        const rule = { direction: "in", action: "accept", protocol: "tcp", ports: ["22"], address_sets: [set.id] };
        await done("PUT", path, { policy_in: "drop", rules: [rule] });
        const firewall = await api().expect(200, "GET", path);
        assert.deepEqual([firewall.policy_in, firewall.policy_out, firewall.rules.length], ["drop", "accept", 1]);
        assert.deepEqual(spec(id).firewall.rules[0].cidrs, ["192.0.2.0/24"]);

        const changed = await change("PUT", `/v1/address-sets/${set.id}`, { name: "office", cidrs: ["198.51.100.7", "2001:db8::/32"] });
        assert.deepEqual([changed.status, changed.json.cidrs], [200, ["198.51.100.7/32", "2001:db8::/32"]], changed.text);
        await until("the node has the new networks", () => spec(id).firewall.rules[0].cidrs.join() === "198.51.100.7/32,2001:db8::/32");
        assert.equal((await api().raw("DELETE", `/v1/address-sets/${set.id}`)).status, 409);
        await done("PUT", path, { rules: [] });
        assert.equal((await api().raw("DELETE", `/v1/address-sets/${set.id}`)).status, 204);
    });

    test("what is no firewall is refused at its place, and one that was changed meanwhile is not overwritten", async () => {
        const { id } = await world.createVps();
        const path = `/v1/vps/${id}/firewall`;
        const bad = await change("PUT", path, { rules: [{ direction: "in", action: "accept", cidrs: ["10.0.0.0/8", "10.0.0.0/8; flush ruleset"] }] });
        assert.deepEqual([bad.status, bad.json.errors[0].pointer], [422, "/rules/0/cidrs/1"], bad.text);
        assert.equal((await api().raw("PUT", path, { body: { rules: [] } })).status, 428);
        const { etag } = { etag: (await api().raw("GET", path)).headers.get("etag")! };
        await done("PUT", path, { policy_out: "drop", rules: [] });
        assert.equal((await api().raw("PUT", path, { body: { rules: [] }, headers: { "If-Match": etag } })).status, 412);
    });

    test("a plan with private addresses gets one, ports are forwarded to it, once each", async () => {
        const body = { location_id: world.location.id, name: "inner", cidr: "10.84.0.0/24", kind: "private" };
        await world.operator.expect(201, "POST", "/v1/admin/pools", { body });
        const plan = await world.createPlan("cheap", { private_ipv4: true });
        const one = await world.createVps({ plan_id: plan.id });
        const two = await world.createVps({ plan_id: plan.id });
        assert.equal(four(one).kind, "private");
        await done("POST", `/v1/vps/${one.id}/port-forwards`, { protocol: "tcp", port: 22 });
        const [port_forward] = (await api().expect(200, "GET", `/v1/vps/${one.id}/port-forwards`)).items;
        assert.equal(port_forward!.host_port, 20000);
        assert.deepEqual(spec(one.id).forwards, [{ protocol: "tcp", host_port: 20000, port: 22, address: four(one).address }]);
        const taken = await change("POST", `/v1/vps/${two.id}/port-forwards`, { protocol: "tcp", port: 22, host_port: 20000 });
        assert.deepEqual([taken.status, taken.json.code], [409, "conflict"], taken.text);
        await done("DELETE", `/v1/port-forwards/${port_forward!.id}`);
        assert.deepEqual(spec(one.id).forwards, []);
        await done("POST", `/v1/vps/${two.id}/port-forwards`, { protocol: "tcp", port: 22, host_port: 20000 });
    });

    test("ports are forwarded from the range that the operator sets; what is forwarded stays when it is narrowed", async () => {
        await world.operator.expect(201, "POST", "/v1/admin/pools", { body: { location_id: world.location.id, name: "ports", cidr: "10.92.0.0/24", kind: "private" } });
        const plan = await world.createPlan("ports", { private_ipv4: true });
        const vps = await world.createVps({ plan_id: plan.id });
        const path = `/v1/admin/nodes/${world.node}`;
        const set = async (body: object) => {
            const etag = (await world.operator.raw("GET", path)).headers.get("etag")!;
            return world.operator.raw("PATCH", path, { body, headers: { "If-Match": etag } });
        };
        const forward = (host_port?: number) =>
            change("POST", `/v1/vps/${vps.id}/port-forwards`, { protocol: "udp", port: 53, ...(host_port && { host_port }) });
        const given = async () => (await api().expect(200, "GET", `/v1/vps/${vps.id}/port-forwards`)).items;
        await forward(29999);
        const [kept] = await given();
        const narrow = await set({ forward_first: 40000, forward_last: 40001 });
        assert.deepEqual([narrow.status, narrow.json.forward_first, narrow.json.forward_last], [200, 40000, 40001], narrow.text);
        const refused = await forward(29998);
        assert.deepEqual([refused.status, refused.json.errors[0].pointer], [422, "/host_port"], refused.text);
        await forward();
        await forward();
        assert.deepEqual((await given()).map(({ host_port }: any) => host_port), [29999, 40000, 40001]);
        const full = await forward();
        assert.deepEqual([full.status, full.json.code], [409, "no_capacity"], full.text);
        assert.deepEqual(spec(vps.id).forwards.map(({ host_port }: any) => host_port).sort(), [29999, 40000, 40001]);
        await done("DELETE", `/v1/port-forwards/${kept!.id}`);
        assert.equal((await forward(29999)).status, 422, "once it is deleted it is not given again");
        for (const body of [{ forward_first: 40002 }, { forward_last: 39999 }, { forward_first: 1023 }, { forward_last: 65536 }]) {
            const bad = await set(body);
            assert.equal(bad.status, 422, `${JSON.stringify(body)}: ${bad.text}`);
        }
        assert.equal((await set({ forward_first: 20000, forward_last: 29999 })).status, 200);
        await world.deleteVps(vps.id);
    });

    test("vps of one tenant share a private network; it goes when they have left", async () => {
        const [one, two] = [await world.createVps(), await world.createVps()];
        const network = await api().expect(201, "POST", "/v1/networks", { body: { name: "inside" } });
        const members = `/v1/networks/${network.id}/members`;
        await done("POST", members, { vps_id: one.id });
        await done("POST", members, { vps_id: two.id });
        const joined = await api().expect(200, "GET", `/v1/networks/${network.id}`);
        assert.deepEqual(joined.members.map(({ ipv4 }: any) => ipv4.split(".")[3]), ["2", "3"]);
        const address = spec(two.id).addresses.find(({ kind, family }: any) => kind === "network" && family === 4);
        assert.deepEqual([address.address, address.network], [joined.members[1]!.ipv4, network.ipv4]);
        assert.equal((await api().raw("DELETE", `/v1/networks/${network.id}`)).status, 409);
        await done("DELETE", `${members}?vps_id=${one.id}`);
        await done("DELETE", `${members}?vps_id=${two.id}`);
        assert.equal(spec(two.id).addresses.some(({ kind }: any) => kind === "network"), false);
        assert.equal((await api().raw("DELETE", `/v1/networks/${network.id}`)).status, 204);
    });

    test("names are set for one's own routed addresses only", async () => {
        const vps = await world.createVps();
        const path = `/v1/vps/${vps.id}/rdns`;
        const { address } = four(vps);
        const set = await change("PUT", path, { names: [{ address, name: "mail.example.org" }] });
        assert.deepEqual([set.status, set.json.names], [200, [{ address, name: "mail.example.org" }]], set.text);
        for (const name of ["Mail.example.org", "mail", "mail.example.org.", "a..b", "x\u0000.org", "-a.org"]) {
            const bad = await change("PUT", path, { names: [{ address, name }] });
            assert.ok([400, 422].includes(bad.status), `${name}: ${bad.text}`);
        }
        assert.equal((await change("PUT", path, { names: [{ address: "192.0.2.1", name: "mail.example.org" }] })).status, 422);
    });
});
