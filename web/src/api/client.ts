// The client that the contract generates, with the session's headers, one retry after a renewed session, and problems thrown.
import createClient from "openapi-fetch";
import { asProblem, away, problemOf } from "./problem";
import type { components, paths } from "./schema";
import { authorized, recovered } from "./session";

export type Schema = components["schemas"];

const timeoutMs = 40_000; // longer than the server's own

async function once(request: Request): Promise<{ response: Response; used: string | undefined }> {
    const headers = await authorized();
    for (const [name, value] of Object.entries(headers)) {
        request.headers.set(name, value);
    }
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    request.signal.addEventListener("abort", () => late.abort());
    try {
        return { response: await fetch(request, { signal: late.signal }), used: headers.Authorization };
    } finally {
        clearTimeout(timer);
    }
}

async function send(request: Request): Promise<Response> {
    const again = request.clone();
    const { response, used } = await once(request);
    if (response.status !== 401 || !(await recovered(used))) {
        return response;
    }
    return (await once(again)).response;
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

export interface Answer<T> {
    data: T;
    etag?: string;
}

type Reply<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

// The body and the ETag of a success; anything else is thrown as a Problem.
export async function ask<T>(reply: Reply<T>): Promise<Answer<T>> {
    let settled: Awaited<Reply<T>>;
    try {
        settled = await reply;
    } catch (error) {
        throw asProblem(error);
    }
    const { data, error, response } = settled;
    if (!response.ok) {
        throw problemOf(response, error);
    }
    if (data === undefined && response.status !== 204) {
        throw away(); // cut off on its way
    }
    return { data: data as T, etag: response.headers.get("ETag") ?? undefined };
}

export const must = async <T>(reply: Reply<T>): Promise<T> => (await ask(reply)).data;

// A whole list, page after page; until one of them fails.
export async function askAll<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; next_cursor: string | null }>): Promise<Answer<{ items: T[] }>> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
        const one = await page(cursor);
        items.push(...one.items);
        cursor = one.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return { data: { items } };
}

// A file, to where the browser puts what is downloaded: a plain link would come without the session.
export async function save(reply: Reply<unknown>, name: string): Promise<void> {
    const url = URL.createObjectURL((await ask(reply)).data as Blob);
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Also where the page is not served by https, which randomUUID() would need.
export function randomId(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}
