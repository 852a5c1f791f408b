// Reads that more than one room has.
import { api, ask, askAll, must, type Schema } from "./client";
import { useWord } from "../i18n";
import { useList, useOne } from "./hooks";

export type Vps = Schema["Vps"];
export type Task = Schema["Task"];
export type Plan = Schema["Plan"];
export type Image = Schema["Image"];
export type Location = Schema["Location"];

const path = (id: string) => ({ params: { path: { id } } });

export const useVps = (id: string) => useOne(["vps", "one", id], () => ask(api.GET("/v1/vps/{id}", path(id))));

export interface VpsFilter {
    name?: string;
    observed?: Schema["Observed"];
    location_id?: string;
    label?: string;
    sort?: "name" | "-name" | "created_at" | "-created_at";
}

export const useVpsList = (filter: VpsFilter = {}, limit = 50) =>
    useList<Vps>(["vps", "list", filter, limit], (cursor) =>
        must(api.GET("/v1/vps", { params: { query: { ...filter, limit, cursor } } })),
    );

// All of them, page after page: for an order that must not miss one.
export async function everyVps(): Promise<Vps[]> {
    return (await askAll((cursor) => must(api.GET("/v1/vps", { params: { query: { limit: 200, cursor } } })))).data.items;
}

export const useSshKeys = () =>
    useList<Schema["SshKey"]>(["ssh-keys", "list"], (cursor) => must(api.GET("/v1/ssh-keys", { params: { query: { limit: 200, cursor } } })));

const catalogue = { query: { limit: 200 } };

export const usePlans = () => useOne(["plans", "all"], () => ask(api.GET("/v1/plans", { params: catalogue })));
export const useImages = () => useOne(["images", "all"], () => ask(api.GET("/v1/images", { params: catalogue })));
export const useLocations = () => useOne(["locations", "all"], () => ask(api.GET("/v1/locations", { params: catalogue })));
export const useQuotas = () => useOne(["quotas", "own"], () => ask(api.GET("/v1/quotas")));

export type Prices = Schema["Prices"];
export const usePrices = () => useOne(["prices", "own"], () => ask(api.GET("/v1/prices")));

// What a plan costs there; a price that names the location comes before one that does not. Undefined: not known (yet).
export function priceOf(prices: Prices | undefined, plan: string | undefined, location: string | undefined) {
    const of = prices?.plans.filter((one) => one.plan_id === plan) ?? [];
    const found = of.find((one) => one.location_id === location) ?? of.find((one) => one.location_id === null);
    return found && { price_month: found.price_month, price_hour: found.price_hour, currency: prices!.currency };
}

// The name of a thing of the catalogue by its id, once it is read.
export function useNames() {
    const plans = usePlans().value?.items;
    const images = useImages().value?.items;
    const locations = useLocations().value?.items;
    return {
        plan: (id: string) => plans?.find((one) => one.id === id)?.title ?? "…",
        image: (id: string) => images?.find((one) => one.id === id)?.title ?? "…",
        location: (id: string) => locations?.find((one) => one.id === id)?.title ?? "…",
    };
}

export const isOpen = (task: Task | undefined) => task?.status === "queued" || task?.status === "running";

const progressMs = 1_500;

// A task; while it is open it is asked for its progress, which is no event.
export const useTask = (id: string | null | undefined) =>
    useOne<Task>(["tasks", "one", id], () => ask(api.GET("/v1/tasks/{id}", path(id!))), {
        enabled: id != null,
        every: (task) => (isOpen(task) ? progressMs : false),
    });

export const useVpsTasks = (id: string, limit = 20) =>
    useList<Task>(["tasks", "of", id, limit], (cursor) => must(api.GET("/v1/tasks", { params: { query: { vps_id: id, limit, cursor } } })));

export const useMembers = () =>
    useList<Schema["Member"]>(["members", "list"], (cursor) => must(api.GET("/v1/members", { params: { query: { limit: 200, cursor } } })));

// Who did it, for a person: the e-mail address of a member, else what kind of actor it was.
export function useActor(): (actor: Record<string, unknown>) => string {
    const word = useWord();
    const members = useMembers().items ?? [];
    return (actor) => members.find((one) => one.id === actor.user_id)?.email ?? word("actor", String(actor.type ?? "system"));
}
