// The one subscription: reads the event stream, resumes it by its last id, and marks as old what an event is about.
import type { QueryClient } from "@tanstack/react-query";
import { authorized, recovered } from "./session";
import { SseParser, type StreamEvent } from "./sse";
import { store } from "./store";

// off: this role has no log to hear; lists are read by the clock then, as while it is away
export const live = store<"connecting" | "live" | "away" | "off">("connecting");

// What an event's noun (before the dot of its action) makes old, as the beginnings of query keys.
const stale: Record<string, string[]> = {
    task: ["vps", "tasks", "snapshots", "images", "quotas"],
    vps: ["vps", "tasks", "quotas"],
    snapshot: ["snapshots", "quotas"],
    snapshot_schedule: ["snapshots"],
    image: ["images", "quotas"],
    firewall: ["firewall"],
    port_forward: ["port-forwards"],
    ssh_key: ["ssh-keys"],
    address_set: ["address-sets"],
    network: ["networks", "vps"],
    member: ["members"],
    invitation: ["invitations"],
    token: ["tokens"],
    webhook: ["webhooks"],
    session: ["sessions"],
    user: ["users", "profile"],
    quota: ["quotas", "tenants"],
    tenant: ["tenants", "quotas"],
    plan: ["plans"],
    plan_offer: ["plans"],
    location: ["locations"],
    pool: ["pools"],
    node: ["nodes"],
    join_token: ["join-tokens"],
    billing_account: ["billing"],
    invoice: ["billing", "month-ends"],
    credit_note: ["billing"],
    payment: ["billing"],
    credit: ["billing"],
    month_end: ["month-ends", "billing"],
    price_book: ["prices"],
    tax_rule: ["taxes"],
    promotion: ["selling"],
    payment_provider: ["selling", "billing"],
    seller: ["selling"],
};

export function staleRoots(event: Pick<StreamEvent, "action">): string[] {
    const noun = event.action.split(".")[0] ?? "";
    return Object.hasOwn(stale, noun) ? stale[noun]! : [];
}

const gatherMs = 150; // fifty events at once are one reading
const silentMs = 45_000; // the server comments every 15 s

class Subscription {
    #last: string | undefined;
    #ended = false;
    #abort = new AbortController();
    #roots = new Set<string>();
    #timer: ReturnType<typeof setTimeout> | undefined;
    #wake: (() => void) | undefined;

    constructor(
        readonly path: string,
        readonly queries: QueryClient,
    ) {}

    #mark(event: StreamEvent): void {
        ["events", ...staleRoots(event)].forEach((one) => this.#roots.add(one));
        this.#timer ??= setTimeout(() => {
            const roots = this.#roots;
            this.#roots = new Set();
            this.#timer = undefined;
            void this.queries.invalidateQueries({ predicate: (query) => roots.has(String(query.queryKey[0])) });
        }, gatherMs);
    }

    // Until the stream ends; "live" from its first byte on.
    async #read(): Promise<void> {
        const headers: Record<string, string> = { ...(await authorized()), ...(this.#last !== undefined && { "Last-Event-ID": this.#last }) };
        this.#abort = new AbortController();
        const response = await fetch(this.path, { headers, signal: this.#abort.signal });
        if (response.status === 401) {
            await recovered(headers.Authorization);
            throw new Error("not signed in");
        }
        if (response.status === 403) {
            this.#ended = true;
            live.set("off");
            return;
        }
        if (!response.ok || !response.body) {
            throw new Error(String(response.status));
        }
        if (this.#last === undefined) {
            void this.queries.invalidateQueries(); // what was read before may have missed something
        }
        await this.#follow(response.body.getReader());
    }

    async #follow(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
        const parser = new SseParser((id, event) => {
            this.#last = id ?? this.#last;
            if (event) {
                this.#mark(event);
            }
        });
        const decoder = new TextDecoder();
        for (;;) {
            const silence = setTimeout(() => this.#abort.abort(), silentMs);
            const { done, value } = await reader.read().finally(() => clearTimeout(silence));
            if (done) {
                return;
            }
            live.set("live");
            parser.push(decoder.decode(value, { stream: true }));
        }
    }

    async run(): Promise<void> {
        for (let tries = 0; !this.#ended; ) {
            const started = performance.now();
            await this.#read().catch(() => undefined);
            if (this.#ended) {
                return;
            }
            tries = performance.now() - started > 10_000 ? 0 : tries + 1;
            if (tries > 1) {
                live.set("away");
            }
            await new Promise<void>((resolve) => {
                this.#wake = resolve;
                setTimeout(resolve, Math.min(500 * 2 ** tries, 15_000) * (0.5 + Math.random()));
            });
        }
    }

    // After sleep, or when the network is back: at once.
    hurry(): void {
        if (live.get() !== "live") {
            this.#wake?.();
        }
    }

    end(): void {
        this.#ended = true;
        clearTimeout(this.#timer);
        this.#abort.abort();
        this.#wake?.();
    }
}

// Returns its end.
export function subscribe(path: string, queries: QueryClient): () => void {
    const subscription = new Subscription(path, queries);
    const hurry = () => document.visibilityState === "visible" && subscription.hurry();
    live.set("connecting");
    void subscription.run();
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    return () => {
        window.removeEventListener("online", hurry);
        document.removeEventListener("visibilitychange", hurry);
        subscription.end();
    };
}
