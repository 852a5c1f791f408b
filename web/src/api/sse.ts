// Server-sent events out of pieces of text. Never throws: what is no event is left out.
import type { components } from "./schema";

export type StreamEvent = components["schemas"]["Event"];

const lineMax = 1 << 20;

export class SseParser {
    #rest = "";
    #id: string | undefined;
    #data: string[] = [];

    constructor(readonly take: (id: string | undefined, event: StreamEvent | undefined) => void) {}

    push(text: string): void {
        const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
        this.#rest = (lines.pop() ?? "").slice(0, lineMax);
        lines.forEach((line) => this.#line(line));
    }

    #line(line: string): void {
        if (line === "") {
            this.#dispatch();
            return;
        }
        const colon = line.indexOf(":");
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "id") {
            this.#id = value;
        } else if (name === "data") {
            this.#data.push(value);
        }
    }

    #dispatch(): void {
        const text = this.#data.join("\n");
        const id = this.#id;
        this.#data = [];
        this.#id = undefined;
        if (text || id !== undefined) {
            this.take(id, parse(text));
        }
    }
}

function parse(text: string): StreamEvent | undefined {
    try {
        const event = JSON.parse(text);
        return typeof event?.action === "string" ? event : undefined;
    } catch {
        return undefined;
    }
}
