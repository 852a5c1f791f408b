import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConsoleLine } from "./console-line";

class FakeSocket {
    static last: FakeSocket;
    static readonly OPEN = 1;
    readyState = 1;
    binaryType = "";
    sent: unknown[] = [];
    onmessage: (event: { data: unknown }) => void = () => undefined;
    onclose: (event: { reason: string }) => void = () => undefined;
    constructor(
        readonly url: URL,
        readonly protocols: string[],
    ) {
        FakeSocket.last = this;
    }
    send(data: unknown) {
        this.sent.push(data);
    }
    close() {
        this.readyState = 3;
    }
}

function makeTerminal() {
    const written: (string | Uint8Array)[] = [];
    const drawn: (() => void)[] = [];
    const heard: Record<string, (value: never) => void> = {};
    return {
        written,
        drawn,
        heard,
        cols: 80,
        rows: 24,
        write: (data: string | Uint8Array, done?: () => void) => (written.push(data), done && drawn.push(done)),
        onData: (take: (text: never) => void) => ((heard.data = take), { dispose() {} }),
        onBinary: () => ({ dispose() {} }),
        onResize: (take: (size: never) => void) => ((heard.resize = take), { dispose() {} }),
    };
}

describe("a console's line", () => {
    beforeEach(() => vi.stubGlobal("WebSocket", FakeSocket));
    afterEach(() => vi.unstubAllGlobals());

    const open = () => {
        const terminal = makeTerminal();
        const told: unknown[][] = [];
        const line = new ConsoleLine(terminal as never, (...words) => told.push(words));
        line.open({ url: "wss://elsewhere.test/v1/consoles/connect", ticket: "t", protocol: "croft.console.v1" });
        return { terminal, told, line, socket: FakeSocket.last };
    };

    test("goes to the host of the page, with the ticket where no log keeps it", () => {
        const { socket } = open();
        expect(socket.url.host).toBe(location.host);
        expect(socket.url.pathname).toBe("/v1/consoles/connect");
        expect(socket.url.search).toBe("");
        expect(socket.protocols).toEqual(["croft.console.v1", "t"]);
    });

    test("says the size once it is ready, and each new one", () => {
        const { socket, terminal, told } = open();
        socket.onmessage({ data: '{"type":"ready"}' });
        terminal.heard.resize!({ cols: 100, rows: 30 } as never);
        expect(socket.sent).toEqual(['{"type":"resize","cols":80,"rows":24}', '{"type":"resize","cols":100,"rows":30}']);
        expect(told).toEqual([["open"]]);
    });

    test("a flood that the terminal cannot draw is dropped, and said so", () => {
        const { socket, terminal } = open();
        const megabyte = new ArrayBuffer(1 << 20);
        for (let i = 0; i < 20; i++) {
            socket.onmessage({ data: megabyte });
        }
        expect(terminal.written.length).toBeLessThan(8);
        terminal.drawn.forEach((one) => one());
        expect(String(terminal.written.at(-1))).toContain("too fast to be shown");
        socket.onmessage({ data: new ArrayBuffer(3) });
        expect(terminal.written.at(-1)).toBeInstanceOf(Uint8Array);
    });

    test("ends with the reason that was said", () => {
        const { socket, told } = open();
        socket.onmessage({ data: '{"type":"closed","reason":"idle","detail":""}' });
        socket.onclose({ reason: "" });
        expect(told).toEqual([["closed", "idle"]]);
    });

    test("one that was left says nothing more", () => {
        const { socket, told, line } = open();
        line.close();
        socket.onclose({ reason: "x" });
        expect(told).toEqual([]);
    });
});
