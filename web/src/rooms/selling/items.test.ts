import { describe, expect, test } from "vitest";
import type { Item } from "./data";
import { changesOf, draftOf, fieldsOf, itemOf, meters, type Draft } from "./items";

const draft = (part: Partial<Draft>): Draft => ({ meter: "plan", plan_id: "p", location_id: null, values: { price_month: "5.00" }, ...part });

describe("a list of prices", () => {
    test("an item goes into fields and back", () => {
        const item = { meter: "traffic", plan_id: null, location_id: null, price_hour: null, price_month: null, price_unit: "1.00", percent: null, included: "2" } satisfies Item;
        expect(itemOf(draftOf(item))).toEqual({ meter: "traffic", price_unit: "1.00", included: "2" });
    });

    test("what is of no plan names none, and a comma is a point", () => {
        expect(itemOf({ meter: "snapshot", plan_id: "p", location_id: "l", values: { price_month: "0,05" } })).toEqual({ meter: "snapshot", location_id: "l", price_month: "0.05" });
    });

    test("each meter has a field", () => {
        expect(meters.filter((one) => fieldsOf(one).length === 0)).toEqual([]);
    });

    test("says what is added, changed and gone, and nothing of what stays", () => {
        const before = [draft({}), draft({ plan_id: "q" }), draft({ meter: "ipv4", plan_id: null, values: { price_month: "1" } })];
        const after = [draft({ values: { price_month: "5" } }), draft({ plan_id: "q", values: { price_month: "6.00" } }), draft({ plan_id: "q", location_id: "l" })];
        expect(changesOf(before, after).map(({ kind, id }) => [kind, id])).toEqual([
            ["changed", "plan/q/"],
            ["removed", "ipv4//"],
            ["added", "plan/q/l"],
        ]);
    });
});
