import { describe, expect, test } from "vitest";
import { priceOf, type Prices } from "./nouns";

const plan = (location_id: string | null, price_month: string) => ({ plan_id: "p", name: "p", title: "p", location_id, price_hour: "0.01", price_month, source: "book" as const });
const prices = { currency: "EUR", plans: [plan(null, "5.00"), plan("far", "7.00")] } as Prices;

describe("what a plan costs", () => {
    test("there, if a price names the place", () => {
        expect(priceOf(prices, "p", "far")?.price_month).toBe("7.00");
        expect(priceOf(prices, "p", "near")?.price_month).toBe("5.00");
        expect(priceOf(prices, "p", undefined)?.price_month).toBe("5.00");
    });

    test("is not known of a plan without one, nor before prices are read", () => {
        expect(priceOf(prices, "q", "far")).toBeUndefined();
        expect(priceOf(undefined, "p", "far")).toBeUndefined();
    });
});
