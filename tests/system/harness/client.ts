// The generated client, and a plain one for what it cannot say. Both check every answer.
import createClient, { type Client, type Middleware } from "openapi-fetch";
import type { components, paths } from "../client/schema.js";
import { checkAnswer } from "./contract.js";
import { until } from "./command.js";

export type Schema = components["schemas"];
export type Vps = Schema["Vps"];
export type Task = Schema["Task"];
export type Problem = Schema["Problem"];

async function check(request: { method: string; url: string }, response: Response): Promise<void> {
    const body = await response.clone().text();
    checkAnswer({ method: request.method, path: new URL(request.url).pathname, status: response.status, headers: response.headers, body });
}

const judge: Middleware = {
    async onResponse({ request, response }) {
        await check(request, response);
        return undefined;
    },
};

export interface RawOptions {
    body?: string | Buffer | object;
    headers?: Record<string, string>;
}

export interface RawAnswer {
    status: number;
    headers: Headers;
    text: string;
    json: any;
}

export class Api {
    readonly client: Client<paths>;

    constructor(
        readonly url: string,
        readonly token?: string,
        readonly headers: Record<string, string> = {},
    ) {
        const all = { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
        this.client = createClient<paths>({ baseUrl: url, headers: all });
        this.client.use(judge);
        this.headers = all;
    }

    async raw(method: string, path: string, options: RawOptions = {}): Promise<RawAnswer> {
        const plain = typeof options.body === "string" || Buffer.isBuffer(options.body) || options.body === undefined;
        const body = plain ? (options.body as string | Buffer | undefined) : JSON.stringify(options.body);
        const headers = { ...this.headers, ...(body !== undefined ? { "Content-Type": "application/json" } : {}), ...options.headers };
        const response = await fetch(this.url + path, { method, headers, body: body as BodyInit, redirect: "manual" });
        await check({ method, url: this.url + path }, response);
        const text = await response.text();
        const json = (response.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : undefined;
        return { status: response.status, headers: response.headers, text, json };
    }

    // As raw, and the status must be the expected one.
    async expect(status: number, method: string, path: string, options: RawOptions = {}): Promise<any> {
        const answer = await this.raw(method, path, options);
        if (answer.status !== status) {
            throw new Error(`${method} ${path}: ${answer.status}, not ${status}: ${answer.text}`);
        }
        return answer.json;
    }

    post(path: string, body?: object, headers: Record<string, string> = {}): Promise<RawAnswer> {
        return this.raw("POST", path, { body, headers });
    }

    // Until the task is done or failed.
    async settled(id: string, timeoutMs = 60_000): Promise<Task> {
        return until(
            `task ${id} is settled`,
            async () => {
                const task: Task = await this.expect(200, "GET", `/v1/tasks/${id}?wait=10`);
                return ["done", "failed", "cancelled"].includes(task.status) && task;
            },
            timeoutMs,
            50,
        );
    }

    vps(id: string): Promise<Vps> {
        return this.expect(200, "GET", `/v1/vps/${id}`);
    }
}

// The body of an answer of the generated client that must have succeeded.
export function must<T>(answer: { data?: T; error?: unknown; response: Response }): T {
    if (answer.data === undefined) {
        throw new Error(`${answer.response.status} ${answer.response.url}: ${JSON.stringify(answer.error)}`);
    }
    return answer.data;
}
