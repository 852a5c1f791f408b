// The WebSocket under a terminal. A guest that prints without end is taken in at the pace that the terminal draws, so that the page and
// the keys stay quick: past a high mark the rest is dropped, and said so.
import type { Terminal } from "@xterm/xterm";
import type { Schema } from "../../api/client";

const waitingMax = 4 << 20; // bytes handed to the terminal that it has not drawn

type Tell = (phase: "open" | "closed" | "failed", reason?: string) => void;

export class ConsoleLine {
    #socket: WebSocket | undefined;
    #waiting = 0;
    #dropped = 0;
    #reason: string | undefined;
    #closed = false;

    constructor(
        readonly terminal: Pick<Terminal, "write" | "onData" | "onBinary" | "onResize" | "cols" | "rows">,
        readonly tell: Tell,
    ) {
        terminal.onData((text) => this.#send(new TextEncoder().encode(text)));
        terminal.onBinary((text) => this.#send(Uint8Array.from(text, (one) => one.charCodeAt(0))));
        terminal.onResize(({ cols, rows }) => this.#say({ type: "resize", cols, rows }));
    }

    // To the host that the page is from: the ticket's own address may be one that only others can reach.
    open(ticket: Pick<Schema["ConsoleTicket"], "url" | "ticket" | "protocol">): void {
        if (this.#closed) {
            return;
        }
        const url = new URL(new URL(ticket.url).pathname, location.origin.replace(/^http/, "ws"));
        const socket = new WebSocket(url, [ticket.protocol, ticket.ticket ?? ""]);
        this.#socket = socket;
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => (typeof data === "string" ? this.#hear(data) : this.#print(new Uint8Array(data)));
        socket.onclose = ({ reason }) => !this.#closed && this.tell(this.#reason || reason ? "closed" : "failed", this.#reason || reason || undefined);
    }

    close(): void {
        this.#closed = true;
        this.#socket?.close();
    }

    #send(bytes: Uint8Array<ArrayBuffer>): void {
        if (this.#socket?.readyState === WebSocket.OPEN) {
            this.#socket.send(bytes);
        }
    }

    #say(message: object): void {
        if (this.#socket?.readyState === WebSocket.OPEN) {
            this.#socket.send(JSON.stringify(message));
        }
    }

    #hear(text: string): void {
        const message = JSON.parse(text) as { type?: string; reason?: string };
        if (message.type === "ready") {
            this.#say({ type: "resize", cols: this.terminal.cols, rows: this.terminal.rows });
            this.tell("open");
        } else if (message.type === "closed") {
            this.#reason = message.reason;
        }
    }

    #print(bytes: Uint8Array): void {
        if (this.#waiting > waitingMax) {
            this.#dropped += bytes.length;
            return;
        }
        this.#waiting += bytes.length;
        this.terminal.write(bytes, () => {
            this.#waiting -= bytes.length;
            if (this.#waiting === 0 && this.#dropped > 0) {
                // What follows may be in the middle of a sequence: the terminal begins anew.
                this.terminal.write(`\x18\x1b[0m\r\n[${this.#dropped} bytes were too fast to be shown]\r\n`);
                this.#dropped = 0;
            }
        });
    }
}
