// An image on its way to a node, cut at any byte: what came stays, the rest follows; what came and is not of it does not stay.
import assert from "node:assert/strict";
import { chownSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Schema } from "../harness/client.js";
import { run, until } from "../harness/command.js";
import { freePort } from "../harness/sandbox.js";
import { busyboxImage, World } from "../harness/world.js";

// Between agent and server: it counts what comes down, and cuts a connection that has brought more than it may.
class Cutter {
    readonly #open = new Set<Socket>();
    readonly #server: NetServer;
    bytes = 0; // down, all connections
    cuts: number[] = []; // the next ones, in bytes of a connection
    onCut = () => {};

    constructor(readonly port: number, to: number) {
        this.#server = createServer((client) => {
            const server = connect(to, "127.0.0.1");
            let carried = 0;
            for (const [one, other] of [[client, server], [server, client]] as const) {
                this.#open.add(one);
                one.on("error", () => other.destroy());
                one.on("close", () => this.#open.delete(one));
            }
            client.pipe(server);
            client.on("close", () => server.destroy());
            server.on("end", () => client.end()); // what is still under way arrives
            server.on("data", (data) => {
                // The link itself carries little; only a download gets that far.
                const cut = this.cuts[0];
                if (cut !== undefined && carried + data.length > cut) {
                    this.cuts.shift();
                    client.end(data.subarray(0, Math.max(0, cut - carried)));
                    server.destroy();
                    this.onCut();
                    return;
                }
                carried += data.length;
                this.bytes += data.length;
                client.write(data);
            });
        });
    }

    listen = () => new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
    close(): void {
        this.#server.close();
        this.#open.forEach((one) => one.destroy());
    }
}

describe("an image on its way to a node", () => {
    let world: World;
    let cutter: Cutter;
    let made = 0;

    before(async () => {
        world = await World.create({ agent: null });
        cutter = new Cutter(await freePort(), Number(world.server.agentAddress.split(":")[1]));
        await cutter.listen();
        await world.addAgent({ agent: { server: `127.0.0.1:${cutter.port}` } });
    });
    after(async () => {
        await world?.close();
        cutter?.close();
    });

    // Another one for each case: the same system with noise beside it, larger than any buffer on the way.
    const image = async (): Promise<Schema["Image"]> => {
        const [folder, file] = [world.sandbox.path(`root${++made}`), world.sandbox.path(`image${made}.tar.zst`)];
        await run(["sh", "-c", `mkdir ${folder} && tar --zstd -xf ${await busyboxImage()} -C ${folder} && head -c 3000000 /dev/urandom >${folder}/noise && tar -C ${folder} --numeric-owner -c . | zstd -q -o ${file}`]);
        const printed = await world.server.subcommand("image", "add", file, "--name", `i${made}`, "--os", "busybox");
        return world.operator.expect(201, "POST", "/v1/admin/images", { body: JSON.parse(printed) });
    };
    const incoming = () => `${world.agent.state}/incoming`;
    const bytesOf = (one: Schema["Image"]) => readFileSync(`${world.sandbox.path("server")}/images/${one.sha256}`);
    const part = (one: Schema["Image"], bytes: Uint8Array) => {
        const path = `${incoming()}/${one.sha256}.part`;
        writeFileSync(path, bytes, { mode: 0o600 });
        const { uid, gid } = statSync(incoming());
        chownSync(path, uid, gid);
    };
    // How many bytes came down for it.
    const fetched = async (one: Schema["Image"]): Promise<number> => {
        const before = cutter.bytes;
        const vps = await world.createVps({ image_id: one.id });
        const came = cutter.bytes - before;
        assert.deepEqual(readdirSync(incoming()).filter((name) => name.startsWith(one.sha256!)), [], "what was fetched is used up");
        assert.ok(existsSync(`${world.agent.state}/fake/images/${one.sha256}`));
        await world.deleteVps(vps.id);
        return came;
    };
    const slack = 200_000; // the link's own messages, TLS

    test("is gone on with where it stopped, wherever that was", { timeout: 240_000 }, async () => {
        for (const place of [0, 1, 4096, 65_537, 0.5, -1]) {
            const one = await image();
            const all = bytesOf(one);
            const here = place < 0 ? all.length + place : place > 0 && place < 1 ? Math.floor(all.length * place) : place;
            part(one, all.subarray(0, here));
            const came = await fetched(one);
            assert.ok(came < all.length - here + slack, `${came} bytes came though ${here} of ${all.length} were here`);
            assert.ok(came >= all.length - here, `only ${came} bytes came`);
        }
    });

    test("begins anew where what is here is not of it, too much of it, or all of it", { timeout: 240_000 }, async () => {
        const wrong = await image();
        const all = bytesOf(wrong);
        part(wrong, Buffer.alloc(all.length >> 1)); // as after a power cut
        const came = await fetched(wrong);
        assert.ok(came > all.length * 1.5 - 1 && came < all.length * 1.5 + slack, `${came} bytes came: not the rest and then the whole`);
        assert.match(world.agent.tail(400), /image_again.*what was here of it is not of it/);
        for (const more of [0, 5]) {
            const one = await image();
            const bytes = bytesOf(one);
            part(one, Buffer.alloc(bytes.length + more));
            const whole = await fetched(one);
            assert.ok(whole >= bytes.length && whole < bytes.length + slack, `${whole} bytes came`);
        }
    });

    test("survives connections that are cut at any byte, without being sent twice", { timeout: 240_000 }, async () => {
        // Before the first byte of it, within the head, soon after, far in, near the end.
        for (const cuts of [[8_000, 100_000, 2_000_000], [50_000, 50_001, 3_000_000], [2_900_000, 20_000]]) {
            const one = await image();
            const size = bytesOf(one).length;
            cutter.cuts = [...cuts];
            const came = await fetched(one);
            assert.deepEqual(cutter.cuts, [], "each cut was made");
            assert.ok(came < size + cuts.length * slack + 2 ** 20, `${came} bytes came for ${size}`);
        }
    });

    test("waits for a server that is away in between, and goes on", { timeout: 240_000 }, async () => {
        const one = await image();
        const size = bytesOf(one).length;
        const cut = new Promise<void>((resolve) => (cutter.onCut = resolve));
        cutter.cuts = [1_500_000];
        const before = cutter.bytes;
        const { task } = await world.customer.api.expect(202, "POST", "/v1/vps", { body: world.order({ image_id: one.id }) });
        await cut;
        await world.server.stop();
        await world.server.start();
        await world.online();
        const settled = await world.customer.api.settled(task.id, 120_000);
        assert.equal(settled.status, "done", `${JSON.stringify(settled.error)}\n${world.agent.tail()}`);
        assert.ok(cutter.bytes - before < size + 2 ** 20, `${cutter.bytes - before} bytes came for ${size}`);
    });

    test("is refused and not kept when the server's own file is another one", { timeout: 120_000 }, async () => {
        const one = await image();
        const bytes = bytesOf(one);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(`${world.sandbox.path("server")}/images/${one.sha256}`, bytes);
        const { task } = await world.customer.api.expect(202, "POST", "/v1/vps", { body: world.order({ image_id: one.id }) });
        const settled = await world.customer.api.settled(task.id, 60_000);
        assert.deepEqual([settled.status, settled.error?.code], ["failed", "image_invalid"], JSON.stringify(settled));
        assert.deepEqual(readdirSync(incoming()), []);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(`${world.sandbox.path("server")}/images/${one.sha256}`, bytes);
        await fetched(one); // mended, it is fetched again
    });
});
