// A reader of server-sent events, written against the WHATWG's text alone.
import { request, type ClientRequest, type IncomingMessage } from "node:http";
import { until } from "./command.js";
import type { Api, Schema } from "./client.js";

export class Stream {
    readonly events: { id: string; data: Schema["Event"] }[] = [];
    comments = 0;
    retry = 0;
    lastId = "";
    status = 0;
    body = "";
    ended = false;
    endedAt = 0;
    #request!: ClientRequest;
    #response?: IncomingMessage;
    #rest = "";
    #id = "";
    #data: string[] = [];

    static async open(api: Api, path: string, headers: Record<string, string> = {}): Promise<Stream> {
        const stream = new Stream();
        await new Promise<void>((resolve, reject) => {
            stream.#request = request(api.url + path, { headers: { ...api.headers, ...headers }, agent: false }, (response) => {
                stream.#response = response;
                stream.status = response.statusCode!;
                response.setEncoding("utf8");
                response.on("data", (text: string) => stream.#take(text));
                response.on("close", () => stream.#end());
                response.on("error", () => stream.#end());
                resolve();
            });
            stream.#request.on("error", (error) => (stream.status ? stream.#end() : reject(error)));
            stream.#request.end();
        });
        return stream;
    }

    #end(): void {
        this.ended = true;
        this.endedAt = Date.now();
    }

    #take(text: string): void {
        this.body += this.status === 200 ? "" : text;
        const lines = (this.#rest + text).split("\n");
        this.#rest = lines.pop()!;
        lines.forEach((line) => this.#line(line));
    }

    #line(line: string): void {
        const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line)!;
        if (line === "") {
            this.lastId = this.#id;
            if (this.#data.length > 0) {
                this.events.push({ id: this.#id, data: JSON.parse(this.#data.join("\n")) });
            }
            this.#data = [];
        } else if (field === "") {
            this.comments++;
        } else if (field === "id") {
            this.#id = value!;
        } else if (field === "data") {
            this.#data.push(value!);
        } else if (field === "retry") {
            this.retry = Number(value);
        }
    }

    // The actions in the order in which they came.
    get actions(): string[] {
        return this.events.map((event) => event.data.action);
    }

    pause(): void {
        this.#response!.pause();
    }

    resume(): void {
        this.#response!.resume();
    }

    has(count: number, timeoutMs = 10_000): Promise<unknown> {
        return until(`${count} events (has ${this.actions})`, () => this.events.length >= count, timeoutMs);
    }

    isOver(timeoutMs = 10_000): Promise<unknown> {
        return until("the stream ends", () => this.ended, timeoutMs, 20);
    }

    close(): void {
        this.#request.destroy();
    }
}
