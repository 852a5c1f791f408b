// Who is signed in. The cookie is the browser's and is good for renewing only; the access token lives in memory, minutes; what is
// kept in the browser's storage is the word that goes with the cookie (X-CSRF-Token), worth nothing without it.
import { asProblem, away, problemOf } from "./problem";
import type { components } from "./schema";
import { dropDrafts, remember, remembered, store } from "./store";

type Schema = components["schemas"];
export type Principal = Schema["Principal"];
export type Role = Schema["Role"];

export interface SessionState {
    // starting: not known yet; away: the server does not say; in; out; expired: was in, and what is on the screen waits
    phase: "starting" | "away" | "in" | "out" | "expired";
    session?: Pick<Schema["Session"], "id" | "user" | "tenants">;
    principal?: Principal;
    tenant?: string; // that requests act in
    acting?: { tenant: string; name: string; expires: string }; // staff as a customer
}

const csrfKey = "croft.csrf";
const tenantKey = "croft.tenant";

export const session = store<SessionState>({ phase: "starting" });

let access: { token: string; until: number } | undefined;
let own: { access: typeof access; state: SessionState } | undefined; // of staff, while they act as a customer
let renewing: Promise<boolean> | undefined;

const change = (part: Partial<SessionState>) => session.set({ ...session.get(), ...part });

// Renewed well before its end; by our clock's differences only, since clocks differ.
function takeAccess(body: { access_token: string; expires_at: string }, response: Response): void {
    const now = Date.parse(response.headers.get("Date") ?? "") || Date.now();
    access = { token: body.access_token, until: performance.now() + Math.max(Date.parse(body.expires_at) - now - 30_000, 5_000) };
}

async function send(path: string, init: RequestInit): Promise<{ response: Response; body: any }> {
    let response: Response;
    try {
        response = await fetch(path, { credentials: "same-origin", ...init });
    } catch {
        throw away();
    }
    const text = await response.text();
    let body: unknown;
    try {
        body = text ? JSON.parse(text) : undefined;
    } catch {
        body = undefined;
    }
    if (!response.ok) {
        throw problemOf(response, body);
    }
    return { response, body };
}

async function enter(body: Schema["Session"], response: Response): Promise<void> {
    takeAccess(body, response);
    remember(csrfKey, body.csrf_token);
    dropDrafts(body.user.id);
    const kept = remembered(tenantKey);
    const tenant = body.tenants.find((one) => one.id === kept)?.id ?? body.tenants[0]?.id;
    await meet({ id: body.id, user: body.user, tenants: body.tenants }, tenant);
}

// Asks who one is in that tenant, then is in.
async function meet(known: SessionState["session"], tenant: string | undefined): Promise<void> {
    const { body } = await send("/v1/session", { headers: headersFor(tenant) });
    session.set({ phase: "in", session: known, principal: body, tenant, acting: session.get().acting });
}

function headersFor(tenant = session.get().tenant): Record<string, string> {
    return { ...(access && { Authorization: `Bearer ${access.token}` }), ...(tenant && { "Croft-Tenant": tenant }) };
}

async function renewNow(): Promise<boolean> {
    const csrf = remembered(csrfKey);
    if (!csrf || own) {
        return false;
    }
    try {
        const { response, body } = await send("/v1/sessions/refresh", { method: "POST", headers: { "X-CSRF-Token": csrf } });
        takeAccess(body, response);
        if (session.get().phase !== "in") {
            await enter(body, response);
        }
        return true;
    } catch (error) {
        const problem = asProblem(error);
        if (problem.passing) {
            throw problem;
        }
        return false;
    }
}

// One renewal at a time, whoever needs it.
const renew = () => (renewing ??= renewNow().finally(() => (renewing = undefined)));

function lost(): void {
    access = undefined;
    if (own) {
        stopActing();
    } else if (session.get().phase === "in") {
        change({ phase: "expired" });
    }
}

// The headers of a request, with a token that still holds.
export async function authorized(): Promise<Record<string, string>> {
    if (access && performance.now() > access.until && !own) {
        await renew();
    }
    return headersFor();
}

// After a 401: true if the request may be sent once more.
export async function recovered(used: string | undefined): Promise<boolean> {
    if (access && used !== `Bearer ${access.token}`) {
        return true; // somebody renewed it meanwhile
    }
    const renewed = await renew();
    if (!renewed) {
        lost();
    }
    return renewed;
}

export async function start(): Promise<void> {
    session.set({ phase: "starting" });
    if (!remembered(csrfKey)) {
        session.set({ phase: "out" });
        return;
    }
    try {
        if (!(await renew())) {
            remember(csrfKey, null);
            session.set({ phase: "out" });
        }
    } catch {
        session.set({ phase: "away" });
    }
}

export async function signIn(input: { email: string; password: string; code?: string }): Promise<void> {
    const before = session.get();
    const { response, body } = await send("/v1/sessions", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(input),
    });
    if (before.phase === "expired" && before.session?.user.id !== body.user.id) {
        remember(csrfKey, body.csrf_token);
        location.assign("/"); // nothing of who was here before may stay
        return;
    }
    await enter(body, response);
}

export async function signOut(): Promise<void> {
    try {
        await send("/v1/session", { method: "DELETE", headers: headersFor() });
    } catch (error) {
        if (asProblem(error).passing) {
            throw error; // still signed in: say so
        }
    }
    remember(csrfKey, null);
    dropDrafts();
    location.assign("/");
}

export async function switchTenant(tenant: string): Promise<void> {
    await meet(session.get().session, tenant);
    remember(tenantKey, tenant);
}

export async function actAs(made: Schema["Impersonation"]): Promise<void> {
    const before = { access, state: session.get() };
    own = before;
    access = { token: made.access_token, until: Infinity };
    try {
        session.set({ ...before.state, acting: { tenant: made.tenant_id, name: made.user.email, expires: made.expires_at } });
        await meet({ id: made.id, user: made.user, tenants: [{ id: made.tenant_id, name: made.user.email, role: made.role }] }, made.tenant_id);
    } catch (error) {
        stopActing();
        throw error;
    }
}

export function stopActing(): void {
    if (own) {
        ({ access } = own);
        session.set(own.state);
        own = undefined;
    }
}

// Signed out in another tab is signed out in this one.
window.addEventListener("storage", (event) => {
    if (event.key === csrfKey && event.newValue === null && session.get().phase === "in") {
        dropDrafts();
        location.assign("/");
    }
});
