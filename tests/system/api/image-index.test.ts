// Images of another installation: its index is believed by the key that was named, its files by the index.
import assert from "node:assert/strict";
import { createPrivateKey, sign } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { run } from "../harness/command.js";
import { busyboxImage, World } from "../harness/world.js";

describe("images of another installation", () => {
    let publisher: World;
    let world: World;
    let shop: string; // what the publisher's web server shows
    let web: HttpServer;
    let url: string;
    const asked: string[] = [];

    const index = (...more: string[]) => publisher.server.subcommand("image", "index", ...more);
    const put = (name: string, text: string) => writeFileSync(`${shop}/${name}`, text);
    const attempt = async (...args: string[]) =>
        run([world.server.program, "image", "import", "--config", world.server.config, ...args], { env: world.server.environment, accept: [1, 2] });
    const refused = async (args: string[], why: RegExp) => {
        const { code, stdout, stderr } = await attempt(...args);
        assert.deepEqual([code, stdout], [1, ""], stderr);
        assert.match(stderr, why);
        assert.deepEqual(readdirSync(images()).filter((name) => name.startsWith(".")), []);
    };
    const small = (list: string) => list.trim().split("\n").map((line) => JSON.parse(line)).find(({ name }) => name === "small");
    const images = () => `${world.sandbox.path("server")}/images`;

    before(async () => {
        publisher = await World.create({ agent: null });
        const other = publisher.sandbox.path("other.tar.zst"); // the same system in other bytes
        await run(["sh", "-c", `zstd -qdc ${await busyboxImage()} | zstd -q -1 -o ${other}`]);
        const body = JSON.parse(await publisher.server.subcommand("image", "add", other, "--name", "small", "--os", "busybox"));
        await publisher.operator.expect(201, "POST", "/v1/admin/images", { body: { ...body, title: "Small", min_disk_bytes: 4096 } });
        shop = publisher.sandbox.path("shop");
        mkdirSync(shop);
        copyFileSync(`${publisher.sandbox.path("server")}/images/${body.sha256}`, `${shop}/${body.sha256}`);
        web = createServer((request, response) => {
            asked.push(request.url!);
            const file = `${shop}${request.url}`;
            if (request.url === "/away") {
                response.writeHead(302, { Location: "/index" }).end();
            } else if (existsSync(file)) {
                response.end(readFileSync(file));
            } else {
                response.writeHead(404).end("gone");
            }
        });
        await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
        url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
        const key = readFileSync(`${publisher.sandbox.path("server")}/pki/image.pub`, "utf8").trim();
        world = await World.create({ server: { config: { image_index: { keys: [key] } } } as never });
    });
    after(async () => {
        web?.close();
        await world?.close();
        await publisher?.close();
    });

    test("what the index lists is fetched, checked, offered and made a vps of", async () => {
        put("index", await index());
        const listed = small((await attempt(`${url}/away`)).stdout);
        assert.deepEqual([listed.name, listed.arch, listed.title], ["small", "amd64", "Small"]);
        assert.match(listed.version, /^\d{8}$/);
        const { code, stdout, stderr } = await attempt(`${url}/index`, "small");
        assert.equal(code, 0, stderr);
        assert.ok(asked.includes(`/${listed.sha256}`));
        const body = JSON.parse(stdout);
        assert.deepEqual([body.sha256, body.size, body.min_disk_bytes], [listed.sha256, listed.size, 4096]);
        const image = await world.operator.expect(201, "POST", "/v1/admin/images", { body });
        const vps = await world.createVps({ image_id: image.id });
        assert.equal(vps.observed, "running");
    });

    test("from a folder, without a network, the same", async () => {
        const before = asked.length;
        put("index", await index());
        const { code, stderr } = await attempt(`${shop}/index`, "small");
        assert.equal(code, 0, stderr);
        assert.equal(asked.length, before);
        put("far", await index("--url", url));
        assert.equal((await attempt(`${shop}/far`, "small")).code, 0);
        assert.equal(asked.length, before + 1);
    });

    test("wrongly signed, cut, expired, older, huge: each is refused and says why", async () => {
        const old = await index();
        const good = await index();
        put("index", good);
        assert.equal((await attempt(`${url}/index`)).code, 0);
        put("old", old);
        await refused([`${url}/old`, "small"], /older than one that was imported from before/);
        put("changed", good.replace('"small"', '"snall"'));
        await refused([`${url}/changed`, "snall"], /signature is of none of the keys/);
        put("cut", good.slice(0, -1));
        await refused([`${url}/cut`, "small"], /signature is of none of the keys .*, or the index was changed or cut/);
        put("empty", "");
        await refused([`${url}/empty`, "small"], /does not begin as an index/);
        put("huge", "x".repeat(2 ** 20 + 1));
        await refused([`${url}/huge`, "small"], /larger than it may be/);
        put("own", await world.server.subcommand("image", "index"));
        await refused([`${url}/own`, "busybox"], /signature is of none of the keys/);
        await refused([`${url}/index`, "large"], /has no large for amd64/);
        await refused([`${url}/index`, "small", "--arch", "arm64"], /has no small for arm64/);
        await refused([`${url}/nowhere`, "small"], /the answer is 404/);
        await refused(["http://127.0.0.1:1/index", "small"], /connect/i);
        assert.equal((await attempt()).code, 2);
        assert.equal((await attempt(`${url}/index`)).code, 0); // none of them counted as seen
    });

    test("an index that has expired is refused, though its signature is good", async () => {
        const [line, , ...rest] = (await index()).split("\n");
        const body = rest.join("\n").replace(/"expires" : "[^"]*"|"expires":"[^"]*"/, '"expires":"2026-01-01T00:00:00Z"');
        const seed = Buffer.from(readFileSync(`${publisher.sandbox.path("server")}/pki/image.key`, "utf8").trim().slice(0, 64), "hex");
        const key = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]), format: "der", type: "pkcs8" });
        put("expired", `${line}\n${sign(null, Buffer.from(`${line}\n${body}`), key).toString("hex")}\n${body}`);
        await refused([`${url}/expired`, "small"], /the index expired at 2026-01-01T00:00:00Z/);
    });

    test("a file that is not the one the index names is not stored", async () => {
        put("index", await index());
        const { sha256, size } = small((await attempt(`${url}/index`)).stdout);
        rmSync(`${images()}/${sha256}`, { force: true });
        const file = `${shop}/${sha256}`;
        const good = readFileSync(file);
        truncateSync(file, size - 1);
        await refused([`${url}/index`, "small"], /has \d+ bytes, not the \d+ of the index/);
        writeFileSync(file, Buffer.concat([good, Buffer.from("x")]));
        await refused([`${url}/index`, "small"], /larger than it may be/);
        const other = Buffer.from(good);
        other[size >> 1]! ^= 1;
        writeFileSync(file, other);
        await refused([`${shop}/index`, "small"], /is not the file that the index names/);
        assert.ok(!existsSync(`${images()}/${sha256}`));
        writeFileSync(file, good);
        assert.equal((await attempt(`${shop}/index`, "small")).code, 0);
        assert.ok(existsSync(`${images()}/${sha256}`));
    });
});
