// Names of addresses, told to a real PowerDNS and asked of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../harness/command.js";
import { NameServer, noNameServer } from "../harness/nameserver.js";
import { World } from "../harness/world.js";

describe("names of addresses", { skip: noNameServer ?? false }, () => {
    let world: World;
    let names: NameServer;
    let early: string; // named while there was no name server
    before(async () => {
        world = await World.create();
        early = (await world.createVps()).addresses[0]!.address;
        await set((await world.customer.api.expect(200, "GET", "/v1/vps")).items[0].id, [{ address: early, name: "early.example.org" }]);
        await until("nothing waits for one that is not there", async () => (await world.cluster.sql("SELECT count(*) FROM rdns_changes")) === "0", 60_000);
        const zones = ["83.10.in-addr.arpa.", "0.0.0.0.0.0.0.0.1.0.0.0.3.8.d.f.ip6.arpa."];
        names = await NameServer.create(world.sandbox, zones);
        await world.server.stop();
        world.server.configure({ rdns: { url: names.url, key: names.key, zones, ttl_s: 60 } });
        await world.server.start();
    });
    after(async () => {
        await names?.close();
        await world?.close();
    });

    const set = async (vps: string, list: object[]) => {
        const path = `/v1/vps/${vps}/rdns`;
        const etag = (await world.customer.api.raw("GET", path)).headers.get("etag")!;
        const answer = await world.customer.api.raw("PUT", path, { body: { names: list }, headers: { "If-Match": etag } });
        assert.equal(answer.status, 200, answer.text);
    };
    const told = (address: string, name?: string) =>
        until(`${address} is ${name}`, async () => (await names.names(address)).join() === (name ?? ""), 90_000);

    test("an address has its name in both families, another one later, none with the end of its vps", async () => {
        const vps = await world.createVps();
        const [four, six] = vps.addresses.map(({ address }) => address) as [string, string];
        await set(vps.id, [{ address: four, name: "mail.example.org" }, { address: six, name: "six.example.org" }]);
        await told(four, "mail.example.org");
        await told(six, "six.example.org");
        await set(vps.id, [{ address: four, name: "www.example.org" }]);
        await told(four, "www.example.org");
        await told(six);
        await world.customer.api.raw("DELETE", `/v1/vps/${vps.id}`, { headers: { Prefer: "wait=30" } });
        await told(four);
        assert.equal(await world.cluster.sql("SELECT count(*) FROM rdns_changes"), "0");
    });

    test("a name that was set before there was a name server is told once there is one", async () => {
        await told(early, "early.example.org");
    });

    test("a server that is killed while it tells one leaves that to the next, and the last name holds", { timeout: 180_000 }, async () => {
        const vps = await world.createVps();
        const { address } = vps.addresses[0]!;
        names.pause();
        await set(vps.id, [{ address, name: "first.example.org" }]);
        await until("it is being told", async () => (await world.cluster.sql(`SELECT attempts FROM rdns_changes WHERE address = '${address}'`)) === "1", 60_000);
        const processes = [world.server.pid, ...world.server.workers()];
        processes.forEach((pid) => process.kill(pid, "SIGKILL"));
        await world.server.exited();
        names.resume();
        await world.server.start();
        await set(vps.id, [{ address, name: "second.example.org" }]);
        await told(address, "second.example.org");
        await until("nothing is left to tell", async () => (await world.cluster.sql("SELECT count(*) FROM rdns_changes")) === "0", 90_000);
        await told(address, "second.example.org");
    });

    test("what a name server that is away was not told, it is told when it is back", async () => {
        const vps = await world.createVps();
        const { address } = vps.addresses[0]!;
        await names.stop();
        await set(vps.id, [{ address, name: "late.example.org" }]);
        await until("the failure is kept", async () => (await world.cluster.sql("SELECT error FROM rdns_changes")) !== "");
        await names.start();
        await told(address, "late.example.org");
    });

    test("an address of no zone says so, and holds nothing else up", async () => {
        const vps = await world.createVps();
        await world.cluster.sql("INSERT INTO rdns_changes (address, name) VALUES ('198.51.100.1', 'x.example.org')");
        await until("it is said", async () => (await world.cluster.sql("SELECT error FROM rdns_changes WHERE address = '198.51.100.1'")) === "no zone of rdns.zones holds it");
        const { address } = vps.addresses[0]!;
        await set(vps.id, [{ address, name: "fine.example.org" }]);
        await told(address, "fine.example.org");
    });
});
