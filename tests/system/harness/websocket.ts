// A WebSocket client of our own (RFC 6455), so that tests can say what no library would, read as slowly as they like, and run
// on a Node without one. Also what the text client is made of.
import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { until } from "./command.js";

export interface Refused {
    status: number;
    headers: IncomingMessage["headers"];
    problem: any;
}

export const protocol = "croft.console.v1";

// Resolves to the socket and what came with the answer, or to the answer that refused.
function upgrade(url: string, headers: Record<string, string>, tls: RequestOptions): Promise<{ socket: Socket; head: Buffer; answer: IncomingMessage } | Refused> {
    const target = new URL(url.replace(/^ws/, "http"));
    const key = randomBytes(16).toString("base64");
    return new Promise((resolve, reject) => {
        const send = target.protocol === "https:" ? httpsRequest : httpRequest;
        const request = send(target, {
            agent: false,
            ...tls,
            headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, ...headers },
        });
        request.on("error", reject);
        request.on("upgrade", (answer, socket, head) => {
            const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
            if (answer.headers["sec-websocket-accept"] !== accept) {
                reject(new Error("a wrong Sec-WebSocket-Accept"));
            }
            resolve({ socket: socket as Socket, head, answer });
        });
        request.on("response", (answer) => {
            const parts: Buffer[] = [];
            answer.on("data", (part: Buffer) => parts.push(part));
            answer.on("end", () => {
                const text = Buffer.concat(parts).toString();
                resolve({ status: answer.statusCode!, headers: answer.headers, problem: text ? JSON.parse(text) : undefined });
            });
        });
        request.end();
    });
}

export class Console {
    output = ""; // what the terminal printed, as long as it is kept
    bytes = 0;
    messages: any[] = []; // text messages
    closed: { code: number; reason: string; at: number } | undefined;
    keep = 1 << 20;
    onOutput: ((data: Buffer) => void) | undefined;
    #input: Buffer = Buffer.alloc(0);

    private constructor(
        readonly socket: Socket,
        head: Buffer,
    ) {
        socket.on("data", (data: Buffer) => this.#take(data));
        socket.on("close", () => (this.closed ??= { code: 1006, reason: "", at: Date.now() }));
        socket.on("error", () => undefined);
        this.#take(head);
    }

    static async connect(url: string, ticket: string, headers: Record<string, string> = {}, tls: RequestOptions = {}): Promise<Console | Refused> {
        const result = await upgrade(url, { "Sec-WebSocket-Protocol": `${protocol}, ${ticket}`, ...headers }, tls);
        return "socket" in result ? new Console(result.socket, result.head) : result;
    }

    // One that opens and is ready.
    static async open(url: string, ticket: string): Promise<Console> {
        const result = await Console.connect(url, ticket);
        if (!(result instanceof Console)) {
            throw new Error(`refused: ${JSON.stringify(result)}`);
        }
        await until("the console is ready", () => result.messages.some((one) => one.type === "ready") || result.closed !== undefined, 30_000);
        if (result.closed) {
            throw new Error(`closed: ${JSON.stringify([result.closed, result.messages])}`);
        }
        return result;
    }

    #take(data: Buffer): void {
        this.#input = this.#input.length ? Buffer.concat([this.#input, data]) : data;
        for (;;) {
            if (this.#input.length < 2) {
                return;
            }
            const short = this.#input[1]! & 0x7f;
            const header = short === 126 ? 4 : short === 127 ? 10 : 2;
            if (this.#input.length < header) {
                return;
            }
            const length = short === 126 ? this.#input.readUInt16BE(2) : short === 127 ? Number(this.#input.readBigUInt64BE(2)) : short;
            if (this.#input.length < header + length) {
                return;
            }
            this.#frame(this.#input[0]! & 0x0f, this.#input.subarray(header, header + length));
            this.#input = this.#input.subarray(header + length);
        }
    }

    #frame(opcode: number, payload: Buffer): void {
        if (opcode === 1) {
            this.messages.push(JSON.parse(payload.toString()));
        } else if (opcode === 2) {
            this.bytes += payload.length;
            this.output = (this.output + payload.toString()).slice(-this.keep);
            this.onOutput?.(payload);
        } else if (opcode === 8) {
            this.closed ??= { code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005, reason: payload.subarray(2).toString(), at: Date.now() };
            this.frame(8, payload.subarray(0, 2));
            this.socket.end();
        } else if (opcode === 9) {
            this.frame(10, payload);
        }
    }

    // Any frame, masked as a client's has to be.
    frame(opcode: number, payload: Buffer): void {
        const mask = randomBytes(4);
        const { length } = payload;
        const size = length < 126 ? [length] : length < 65536 ? [126, length >>> 8, length & 255] : [127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
        const header = Buffer.from([0x80 | opcode, 0x80 | size[0]!, ...size.slice(1)]);
        this.socket.write(Buffer.concat([header, mask, Buffer.from(payload.map((byte, at) => byte ^ mask[at & 3]!))]));
    }

    type(text: string | Buffer): void {
        this.frame(2, Buffer.from(text));
    }

    say(message: unknown): void {
        this.frame(1, Buffer.from(JSON.stringify(message)));
    }

    resize(cols: number, rows: number): void {
        this.say({ type: "resize", cols, rows });
    }

    // Types a line and waits for what answers it.
    async expect(line: string, answer: RegExp, ms = 15_000): Promise<string> {
        this.output = "";
        this.type(line);
        await this.shows(answer, ms);
        return this.output;
    }

    async shows(what: RegExp, ms = 15_000): Promise<void> {
        await until("", () => what.test(this.output) || this.closed !== undefined, ms).catch(() => undefined);
        if (!what.test(this.output)) {
            throw new Error(`the console does not show ${what}: ${JSON.stringify([this.output.slice(-300), this.closed, this.messages])}`);
        }
    }

    async ends(ms = 10_000): Promise<{ code: number; reason: string; at: number }> {
        await until("the console closes", () => this.closed !== undefined, ms);
        return this.closed!;
    }

    // Without a word, as a laptop whose lid was shut.
    vanish(): void {
        this.socket.destroy();
    }

    close(): void {
        this.frame(8, Buffer.from([3, 232]));
    }
}
