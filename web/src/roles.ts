// What one's role may, as docs/routes.md has it: buttons that would be refused are not shown. The server decides all the same.
import { session, type Role } from "./api/session";
import { useStore } from "./api/store";

const may = {
    "vps:write": ["owner", "admin", "member"],
    "console:write": ["owner", "admin", "member"],
    "network:write": ["owner", "admin", "member"],
    "snapshots:write": ["owner", "admin", "member"],
    "images:write": ["owner", "admin", "member"],
    "tokens:write": ["owner", "admin", "member"],
    "members:write": ["owner", "admin"],
    "invitations:read": ["owner", "admin"],
    "webhooks:read": ["owner", "admin"],
    "log:read": ["owner", "admin", "member"],
    "billing:read": ["owner", "admin", "billing"],
    "billing:write": ["owner", "admin", "billing"],
    "billing:give": ["owner", "admin"], // what gives something away, and the terms of it
    "tenants:write": ["owner", "admin"],
    "catalogue:write": ["owner", "admin"], // prices and taxes of one's own
    "events:read": ["owner", "admin", "member", "viewer"],
} satisfies Record<string, Role[]>;

export type Right = keyof typeof may;

export function useMay(): (right: Right) => boolean {
    const role = useStore(session).principal?.role;
    return (right) => role != null && (may[right] as Role[]).includes(role);
}

// Staff, unless they act as a customer just now.
export function useOperator(): boolean {
    const state = useStore(session);
    return state.principal?.platform_role === "operator" && !state.acting;
}

// Whose tenant sells to tenants of its own. Those of it who may not see that are told so by the server.
export function useOfReseller(): boolean {
    return useStore(session).principal?.tenant?.kind === "reseller";
}

// Who sells to tenants of their own.
export function useReseller(): boolean {
    const { principal } = useStore(session);
    const ofReseller = useOfReseller();
    return ofReseller && principal != null && principal.role !== null && ["owner", "admin", "billing"].includes(principal.role);
}

// Whether one's own tenant, a reseller, is who asks for it; not who owes it.
export function useSold(): (of: { seller_id: string }) => boolean {
    const { principal } = useStore(session);
    const reseller = useReseller();
    return (of) => reseller && of.seller_id === principal?.tenant?.id;
}
