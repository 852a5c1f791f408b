// What goes wrong, as one kind of error, whoever says it: the API (application/problem+json), a proxy before it, or the network.
import type { components } from "./schema";

export type ProblemBody = components["schemas"]["Problem"];

export class Problem extends Error {
    constructor(
        readonly status: number, // 0: no answer at all
        readonly code: string,
        readonly detail: string,
        readonly fields: { pointer: string; detail: string }[] = [],
        readonly retryAfter?: number, // seconds
        readonly request?: string, // its id, for whoever asks for help
    ) {
        super(detail || code);
    }

    // What is wrong with the field of this name, if that is what was said.
    at(name: string): string | undefined {
        return this.fields.find((one) => one.pointer === `/${name}` || one.pointer.startsWith(`/${name}/`))?.detail;
    }

    // Whether the same request may do later.
    get passing(): boolean {
        return this.status === 0 || this.status === 429 || this.status >= 500;
    }
}

export const away = () => new Problem(0, "away", "");

const isProblem = (body: unknown): body is ProblemBody =>
    typeof body === "object" && body !== null && "code" in body && typeof (body as ProblemBody).code === "string";

// Of an answer that is no success. A proxy's page of its own is no sentence to show.
export function problemOf(response: Response, body: unknown): Problem {
    const wait = Number(response.headers.get("Retry-After"));
    const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : undefined;
    if (!isProblem(body)) {
        return new Problem(response.status, response.status >= 500 ? "unavailable" : "internal", "", [], retryAfter);
    }
    return new Problem(response.status, body.code, String(body.detail ?? ""), body.errors ?? [], retryAfter, body.instance);
}

export function asProblem(error: unknown): Problem {
    if (error instanceof Problem) {
        return error;
    }
    const name = (error as { name?: unknown } | undefined)?.name;
    return name === "TypeError" || name === "AbortError" || name === "TimeoutError" ? away() : new Problem(0, "internal", String(error));
}
