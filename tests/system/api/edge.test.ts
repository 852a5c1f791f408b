// What evhttp would let pass (and a proxy in front would read otherwise), over plain sockets.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { sleep } from "../harness/command.js";
import { World } from "../harness/world.js";

describe("the edge", () => {
    let world: World;
    before(async () => {
        world = await World.create({ agent: null });
    });
    after(() => world?.close());

    // Everything the server says until it closes, or for so long.
    function talk(bytes: string | Buffer, timeoutMs = 3000): Promise<{ text: string; closed: boolean }> {
        const url = new URL(world.server.url);
        return new Promise((resolve) => {
            let text = "";
            const socket = connect(Number(url.port), url.hostname, () => socket.write(bytes));
            const end = (closed: boolean) => {
                clearTimeout(timer);
                socket.destroy();
                resolve({ text, closed });
            };
            const timer = setTimeout(() => end(false), timeoutMs);
            socket.on("data", (data) => (text += data.toString("latin1")));
            socket.on("end", () => end(true));
            socket.on("error", () => end(true));
        });
    }

    // A body need not end in a new line: the next answer may begin anywhere.
    const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((match) => Number(match[1]));
    const post = (headers: string, body: string) => `POST /v1/sessions HTTP/1.1\r\n${headers}\r\n\r\n${body}`;
    const second = "GET /v1/meta HTTP/1.1\r\nHost: x\r\n\r\n";

    // One 4xx answer and the connection is closed: nothing behind it is read as a request.
    async function refused(bytes: string | Buffer): Promise<void> {
        const { text, closed } = await talk(bytes);
        const codes = statuses(text);
        assert.ok(codes.length <= 1, `read as ${codes.length} requests:\n${text}`);
        assert.ok(codes.every((code) => code >= 400 && code < 502 && code !== 500), text);
        assert.ok(closed, `the connection stays open:\n${text}`);
        if (codes.length === 1) {
            assert.match(text, /application\/problem\+json/, text);
        }
    }

    const cases: Record<string, string> = {
        "two Content-Length that differ": post("Host: x\r\nContent-Length: 2\r\nContent-Length: 60", `{}${second}`),
        "two Content-Length alike": post("Host: x\r\nContent-Length: 2\r\nContent-Length: 2", `{}${second}`),
        "a list in Content-Length": post("Host: x\r\nContent-Length: 2, 2", `{}${second}`),
        "a sign in Content-Length": post("Host: x\r\nContent-Length: +2", `{}${second}`),
        "a negative Content-Length": post("Host: x\r\nContent-Length: -2", `{}${second}`),
        "junk before Content-Length": post("Host: x\r\nContent-Length: x2", `{}${second}`),
        "hexadecimal Content-Length": post("Host: x\r\nContent-Length: 0x2", `{}${second}`),
        "an empty Content-Length": post("Host: x\r\nContent-Length: ", `{}${second}`),
        "a space before the colon": post("Host: x\r\nContent-Length : 2", `{}${second}`),
        "a tab before the colon": post("Host: x\r\nContent-Length\t: 2", `{}${second}`),
        "Transfer-Encoding: chunked": post("Host: x\r\nTransfer-Encoding: chunked", `2\r\n{}\r\n0\r\n\r\n${second}`),
        "both lengths": post("Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", `2\r\n{}\r\n0\r\n\r\n${second}`),
        "an unknown Transfer-Encoding": post("Host: x\r\nTransfer-Encoding: xchunked", `2\r\n{}\r\n0\r\n\r\n${second}`),
        "a folded Transfer-Encoding": post("Host: x\r\nTransfer-Encoding:\r\n chunked", `2\r\n{}\r\n0\r\n\r\n${second}`),
        "a folded header": post("Host: x\r\nX-A: b\r\n c\r\nContent-Length: 2", `{}${second}`),
        "NUL in a value": post("Host: x\r\nX-A: b\0c\r\nContent-Length: 2", `{}${second}`),
        "a bare CR in a value": post("Host: x\r\nX-A: b\rContent-Length: 9\r\nContent-Length: 2", `{}${second}`),
        "no Host": "GET /v1/meta HTTP/1.1\r\n\r\n",
        "two Hosts": "GET /v1/meta HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "no version": "GET /v1/meta\r\nHost: x\r\n\r\n",
        "a strange version": "GET /v1/meta HTTP/3.7\r\nHost: x\r\n\r\n",
        "an unknown method": "BREW /v1/meta HTTP/1.1\r\nHost: x\r\n\r\n",
        "a header without a name": "GET /v1/meta HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        "a header without a colon": "GET /v1/meta HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
        "a header that never ends": `GET /v1/meta HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(300_000)}`,
        "too many headers": `GET /v1/meta HTTP/1.1\r\nHost: x\r\n${"X-A: b\r\n".repeat(50_000)}\r\n`,
        "a very long path": `GET /${"a".repeat(300_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
        "TLS where none is spoken": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    };
    for (const [name, bytes] of Object.entries(cases)) {
        test(`${name} is refused`, () => refused(Buffer.from(bytes, "latin1")));
    }

    test("an absurd Content-Length is refused at once", async () => {
        const { text } = await talk(post("Host: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999", "{}"));
        assert.ok(statuses(text).every((code) => [400, 413].includes(code)), text);
    });

    test("two requests on one connection get two answers", async () => {
        const { text } = await talk(second + second, 1500);
        assert.deepEqual(statuses(text), [200, 200]);
    });

    test("CONNECT, TRACE and OPTIONS do no harm", async () => {
        for (const method of ["CONNECT", "TRACE", "OPTIONS", "HEAD"]) {
            const { text } = await talk(`${method} /v1/meta HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
            assert.ok(statuses(text).every((code) => code !== 500), text);
            assert.ok(method === "HEAD" || statuses(text).every((code) => code >= 400), text);
        }
    });

    test("a request that trickles in is cut off, others are served meanwhile", { timeout: 120_000 }, async () => {
        const url = new URL(world.server.url);
        const socket = connect(Number(url.port), url.hostname);
        let closed = false;
        socket.on("close", () => (closed = true));
        socket.on("error", () => undefined);
        socket.write("GET /v1/meta HTTP/1.1\r\nHost: x\r\n");
        for (let i = 0; i < 45 && !closed; i++) {
            socket.write("X: y\r\n");
            await sleep(2000);
            await world.customer.api.expect(200, "GET", "/v1/meta");
        }
        socket.destroy();
        assert.ok(closed, "still open after 90 s");
    });

    test("many idle connections do not keep others out", async () => {
        const url = new URL(world.server.url);
        const sockets = Array.from({ length: 40 }, () => connect(Number(url.port), url.hostname).on("error", () => undefined));
        await sleep(300);
        await world.customer.api.expect(200, "GET", "/v1/meta");
        sockets.forEach((socket) => socket.destroy());
    });

    test("the request id is ours, whatever the client says", async () => {
        const answer = await world.customer.api.raw("GET", "/v1/meta", { headers: { "X-Request-Id": "evil\tvalue", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } });
        assert.match(answer.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/);
    });
});
