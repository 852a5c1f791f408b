// How croft-server hands out the panel's files.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { until } from "../harness/command.js";
import { panelFolder } from "../harness/paths.js";
import { World } from "../harness/world.js";

interface Answer {
    status: number;
    headers: Record<string, string | string[] | undefined>;
    body: Buffer;
}

describe("the panel's files", () => {
    let world: World;
    before(async () => {
        world = await World.create({ agent: null, server: { config: { panel: { dir: panelFolder } } } });
    });
    after(() => world?.close());

    // The path goes out as it is written, dots and all.
    const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
        new Promise<Answer>((resolve, reject) => {
            const { hostname, port } = new URL(world.server.url);
            const out = request({ hostname, port, path, method, headers, agent: false }, (answer) => {
                const parts: Buffer[] = [];
                answer.on("data", (part: Buffer) => parts.push(part));
                answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(parts) }));
            });
            out.on("error", reject).end();
        });

    const script = () => `/assets/${readdirSync(`${panelFolder}/assets`).find((name) => name.startsWith("kit-") && name.endsWith(".js"))}`;
    const onDisk = (path: string) => readFileSync(panelFolder + path);

    test("a page is index.html whatever its path, under a policy that lets in no script but ours, and is asked for anew each time", async () => {
        const index = onDisk("/index.html");
        for (const path of ["/", "/vps", "/vps/0190/console?x=1", "/invitations", "/operator/fleet", "/index.html"]) {
            const answer = await get(path);
            assert.equal(answer.status, 200, path);
            assert.deepEqual(answer.body, index);
            assert.equal(answer.headers["cache-control"], "no-cache");
            assert.equal(answer.headers["content-type"], "text/html; charset=utf-8");
            assert.equal(answer.headers["x-content-type-options"], "nosniff");
            assert.equal(answer.headers["referrer-policy"], "no-referrer");
            const policy = String(answer.headers["content-security-policy"]);
            for (const part of ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
                assert.ok(policy.includes(part), `${part} in ${policy}`);
            }
        }
    });

    test("the page names no other host", () => {
        const hosts = onDisk("/index.html").toString().match(/https?:\/\/[^"' ]+/g) ?? [];
        assert.deepEqual(hosts, []);
    });

    test("a hashed file may be kept for ever, and comes in the best encoding that the client takes", async () => {
        const path = script();
        const plain = await get(path);
        assert.equal(plain.headers["cache-control"], "public, max-age=31536000, immutable");
        assert.equal(plain.headers["content-type"], "text/javascript; charset=utf-8");
        assert.equal(plain.headers["content-encoding"], undefined);
        assert.deepEqual(plain.body, onDisk(path));
        const brotli = await get(path, { "Accept-Encoding": "gzip, deflate, br, zstd" });
        assert.equal(brotli.headers["content-encoding"], "br");
        assert.deepEqual(brotliDecompressSync(brotli.body), plain.body);
        const gzip = await get(path, { "Accept-Encoding": "gzip;q=0.5, br;q=0" });
        assert.equal(gzip.headers["content-encoding"], "gzip");
        assert.deepEqual(gunzipSync(gzip.body), plain.body);
        assert.equal(brotli.headers.vary, "Accept-Encoding");
        assert.equal(new Set([plain.headers.etag, brotli.headers.etag, gzip.headers.etag]).size, 3);
    });

    test("what has not changed is 304; HEAD has no body", async () => {
        const first = await get("/", { "Accept-Encoding": "br" });
        const again = await get("/", { "Accept-Encoding": "br", "If-None-Match": String(first.headers.etag) });
        assert.equal(again.status, 304);
        assert.equal(again.body.length, 0);
        assert.equal(again.headers.etag, first.headers.etag);
        const head = await get("/", {}, "HEAD");
        assert.equal(head.status, 200);
        assert.equal(head.body.length, 0);
    });

    test("no path leads out of the folder, and what is not there is a problem, not a page", async () => {
        const paths = [
            "/../../../../etc/passwd", "/assets/../../package.json", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/%2e%2e/index.html",
            "/assets/none.js", "/assets/", "/assets", "/.env", "/index.html.br", "/wp-login.php", "//etc/passwd.txt", "/v1", "/v1/nothing", "/v1/../index.html",
        ];
        for (const path of paths) {
            const answer = await get(path);
            if (path === "/assets") {
                assert.equal(answer.status, 200, "a page that the application says is not there");
                continue;
            }
            assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
            assert.equal(answer.headers["content-type"], "application/problem+json", path);
        }
    });

    test("only reading has pages; the API is where it was", async () => {
        assert.equal((await get("/", {}, "POST")).status, 404);
        assert.equal((await get("/vps", {}, "DELETE")).status, 404);
        assert.equal((await get("/v1/meta")).headers["content-type"], "application/json");
        assert.equal((await get("/healthz")).body.toString(), "ok\n");
        assert.equal((await get("/v1/vps")).status, 401);
    });

    test("a folder that is no panel does not replace one that is", async () => {
        world.server.configure({ panel: { dir: world.sandbox.path("server") } });
        world.server.signal("SIGHUP");
        await until("the reload is refused", () => world.server.tail(200).includes("reload_refused"));
        assert.equal((await get("/")).status, 200);
        world.server.configure({ panel: { dir: panelFolder } });
        await world.server.reload();
        assert.equal((await get("/")).status, 200);
    });
});
