// Reads that the operator's rooms share.
import { api, ask, askAll, must, type Schema } from "../../api/client";
import { useList, useOne } from "../../api/hooks";
import { useWord } from "../../i18n";

export type Node = Schema["Node"];
export type Tenant = Schema["Tenant"];
export type User = Schema["User"];

const limit = 200;
const nodeMs = 15_000; // load and free room are no events

export const useNodes = () => useOne(["nodes", "all"], () => askAll((cursor) => must(api.GET("/v1/admin/nodes", { params: { query: { limit, cursor } } }))), { every: () => nodeMs });
export const useNode = (id: string) => useOne(["nodes", "one", id], () => ask(api.GET("/v1/admin/nodes/{id}", { params: { path: { id } } })), { every: () => nodeMs });
export const useAdminLocations = () => useOne(["locations", "admin"], () => askAll((cursor) => must(api.GET("/v1/admin/locations", { params: { query: { limit, cursor } } }))));
export const useTenants = () => useOne(["tenants", "all"], () => askAll((cursor) => must(api.GET("/v1/admin/tenants", { params: { query: { limit, cursor } } }))));
export const useUsers = () => useList<User>(["users", "all"], (cursor) => must(api.GET("/v1/admin/users", { params: { query: { limit, cursor } } })));

// Names of what rows name by id, once they are read.
export function useOperatorNames() {
    const tenants = useTenants().value?.items;
    const nodes = useNodes().value?.items;
    const locations = useAdminLocations().value?.items;
    const find = (of: { id: string; name: string }[] | undefined, id: string | null) => (id ? (of?.find((one) => one.id === id)?.name ?? id) : "–");
    return {
        tenant: (id: string | null) => find(tenants, id),
        node: (id: string | null) => find(nodes, id),
        location: (id: string | null) => locations?.find((one) => one.id === id)?.title ?? "…",
    };
}

export function useAdminActor(): (actor: Record<string, unknown>) => string {
    const word = useWord();
    const users = useUsers().items ?? [];
    const nodes = useNodes().value?.items ?? [];
    return (actor) =>
        users.find((one) => one.id === actor.user_id)?.email ?? nodes.find((one) => one.id === actor.node_id)?.name ?? word("actor", String(actor.type ?? "system"));
}
