// What a guest may not reach: whatever listens on its node, the control plane's ports among it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import type { Vps } from "../harness/client.js";
import { until } from "../harness/command.js";
import { Guests } from "../harness/guest.js";
import { agree } from "../harness/match.js";
import { World } from "../harness/world.js";

// Greets on each port, TCP and UDP, both families, and says on standard output who came.
const listener = `
const net = require("node:net"), dgram = require("node:dgram");
for (const port of process.argv.slice(1).map(Number)) {
    net.createServer((socket) => {
        console.log("tcp", port, socket.remoteAddress);
        socket.on("error", () => {});
        socket.end("welcome\\n");
    }).listen({ port, host: "::" });
    const udp = dgram.createSocket({ type: "udp6" });
    udp.on("message", (_, from) => {
        console.log("udp", port, from.address);
    });
    udp.bind(port, "::");
}
setTimeout(() => console.log("ready"), 300);
`;

describe("a guest and its node", () => {
    let world: World;
    let guests: Guests;
    let guest: Vps;
    let child: ChildProcess;
    let heard = "";
    const own6 = "fd83:99::1"; // an address of the node's own
    let ports: number[];

    before(async () => {
        world = await World.create({ drivers: "real" });
        guests = await Guests.create(world);
        await world.netns!.run("ip", "-6", "address", "add", `${own6}/128`, "dev", "lo");
        const port = (address: string) => Number(address.match(/:(\d+)$/)![1]);
        ports = [22, 53, 111, port(world.server.url), port(world.server.agentAddress)];
        const argv = world.netns!.command(process.execPath, "-e", listener, ...ports.map(String));
        child = spawn(argv[0]!, argv.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
        world.sandbox.undoProcess(child.pid!);
        child.stdout!.on("data", (data) => (heard += data));
        await until("the node's services listen", () => heard.includes("ready"));
        guest = await guests.make();
    });
    after(() => world?.close());

    // How often the guest is greeted at these ports of the address, all at once.
    async function greetings(address: string, tcp: number[]): Promise<number> {
        const calls = tcp.map((port) => `{ sleep 1.5 | nc -w 1 ${address} ${port}; } &`);
        const { stdout } = await guests.run(guest, `${calls.join(" ")} wait; true`);
        return stdout.split("\n").filter((line) => line === "welcome").length;
    }

    // A question by UDP; what was heard of it is on the listener's side.
    const ask = (address: string) => guests.run(guest, `timeout 1 nslookup croft.test ${address}; true`);

    const targets = () => [world.netns!.nodeAddress, "169.254.0.1", own6, "fe80::1%eth0"];

    test("the services are there, for others", { timeout: 60_000 }, async () => {
        for (const address of [world.netns!.nodeAddress, "169.254.0.1", `[${own6}]`]) {
            const host = address.replace(/[[\]]/g, "");
            const { stdout } = await world.netns!.run("sh", "-c", `busybox nc -w 2 ${host} ${ports[3]} </dev/null`);
            assert.equal(stdout.trim(), "welcome", address);
        }
    });

    test("no service of the node answers a guest, TCP or UDP, IPv4 or IPv6", { timeout: 240_000 }, async () => {
        heard = "";
        for (const address of targets()) {
            assert.equal(await greetings(address, ports), 0, address);
            await ask(address);
        }
        assert.equal(heard, "", "something of the guest's reached a service");
    });

    test("it was the filter that kept it out", { timeout: 60_000 }, async () => {
        const chain = await world.netns!.output("nft", "-a", "list", "chain", "inet", "croft", "input");
        const handle = chain.match(/iifname "crv\*" drop # handle (\d+)/)![1]!;
        await world.netns!.run("nft", "delete", "rule", "inet", "croft", "input", "handle", handle);
        // A link-local source is let through for neighbour discovery alone.
        for (const address of targets().slice(0, 3)) {
            heard = "";
            assert.equal(await greetings(address, ports), ports.length, address);
            await ask(address);
            assert.match(heard, /^udp 53 /m, address);
        }
        await world.netns!.run("nft", "add", "rule", "inet", "croft", "input", "iifname", "crv*", "drop");
        assert.equal(await greetings("169.254.0.1", ports), 0);
    });

    test("ping works, and what the node asked for is let in", { timeout: 60_000 }, async () => {
        for (const address of targets().slice(0, 3)) {
            const { stdout } = await guests.run(guest, `ping -c 2 -W 2 ${address}`);
            assert.match(stdout, /2 packets received/, address);
        }
        for (const family of [4, 6] as const) {
            const host = guests.address(guest, family);
            const url = family === 4 ? `http://${host}/` : `http://[${host}]/`;
            assert.equal((await world.netns!.run("curl", "-gfsS", "--max-time", "3", url)).stdout.trim(), "croft");
        }
    });

    test("everything is taken back", { timeout: 60_000 }, async () => {
        await world.deleteVps(guest.id);
        await agree(world);
    });
});
