// The items of a list of prices: which fields a meter has, what a new list changes of the one in force.
import type { Item, ItemSet } from "./data";

export const meters = ["plan", "ipv4", "traffic", "snapshot", "backup", "stopped", "suspended", "held", "cpu", "disk", "io"] as const;
export type Meter = (typeof meters)[number];

export const fields = ["price_hour", "price_month", "price_unit", "percent", "included"] as const;
export type Field = (typeof fields)[number];

// As the database has it (migrations/0035-rating.sql): who adds a meter there adds it here.
const known: Record<Meter, Field[]> = {
    plan: ["price_hour", "price_month"],
    ipv4: ["price_hour", "price_month"],
    traffic: ["price_unit", "included"],
    snapshot: ["price_month"],
    backup: ["percent"],
    stopped: ["percent"],
    suspended: ["percent"],
    held: ["percent"],
    cpu: ["price_unit", "included"],
    disk: ["price_month"],
    io: ["price_unit", "included"],
};
export const fieldsOf = (meter: Meter): Field[] => known[meter];
export const hasPlan = (meter: Meter): boolean => !["traffic", "snapshot", "cpu", "disk", "io"].includes(meter);

export interface Draft {
    meter: Meter;
    plan_id: string | null;
    location_id: string | null;
    values: Partial<Record<Field, string>>;
}

const clean = (value: string | null | undefined) => (value == null || value === "" ? undefined : value);

export const draftOf = (item: Item): Draft => ({
    meter: item.meter,
    plan_id: item.plan_id,
    location_id: item.location_id,
    values: Object.fromEntries(fieldsOf(item.meter).flatMap((one) => (clean(item[one]) === undefined || (one === "included" && Number(item.included) === 0) ? [] : [[one, item[one]!]]))),
});

export const itemOf = ({ meter, plan_id, location_id, values }: Draft): ItemSet => ({
    meter,
    ...(plan_id && hasPlan(meter) && { plan_id }),
    ...(location_id && { location_id }),
    ...Object.fromEntries(fieldsOf(meter).flatMap((one) => (clean(values[one]) === undefined ? [] : [[one, values[one]!.replace(",", ".")]]))),
});

const idOf = (of: Pick<Draft, "meter" | "plan_id" | "location_id">) => `${of.meter}/${of.plan_id ?? ""}/${of.location_id ?? ""}`;
const same = (a: Draft, b: Draft) => fieldsOf(a.meter).every((one) => Number((a.values[one] ?? "").replace(",", ".") || NaN) === Number((b.values[one] ?? "").replace(",", ".") || NaN) || (!a.values[one] && !b.values[one]));

export interface Change {
    id: string;
    kind: "added" | "removed" | "changed";
    before?: Draft;
    after?: Draft;
}

// By what they are of: an item that is in both with other numbers is changed.
export function changesOf(before: Draft[], after: Draft[]): Change[] {
    const old = new Map(before.map((one) => [idOf(one), one]));
    const fresh = new Map(after.map((one) => [idOf(one), one]));
    const ids = [...new Set([...old.keys(), ...fresh.keys()])];
    return ids.flatMap((id): Change[] => {
        const a = old.get(id);
        const b = fresh.get(id);
        if (a && b) {
            return same(a, b) ? [] : [{ id, kind: "changed", before: a, after: b }];
        }
        return [{ id, kind: b ? "added" : "removed", ...(a && { before: a }), ...(b && { after: b }) }];
    });
}
