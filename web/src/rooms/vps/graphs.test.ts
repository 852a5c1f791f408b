import { describe, expect, test } from "vitest";
import { columnOf, digestOf, graphs, type Points } from "./graphs";

describe("what a graph says in words", () => {
    test("the newest, the mean and the most of what is known", () => {
        expect(digestOf([1, 2, 6])).toEqual({ now: 6, mean: 3, most: 6, gaps: 0 });
    });

    test("nothing is no zero", () => {
        expect(digestOf([null, null])).toEqual({ now: null, mean: null, most: null, gaps: 0 });
        expect(digestOf([])).toEqual({ now: null, mean: null, most: null, gaps: 0 });
    });

    test("a gap is between two values, however wide it is", () => {
        expect(digestOf([null, 1, null, null, 3, null, 5, null]).gaps).toBe(2);
        expect(digestOf([null, 1, null, null, 3, null, 5, null]).now).toBe(5);
    });

    test("bytes of a network are shown as bits, and a gap stays one", () => {
        const network = graphs.find((one) => one.unit === "bits_per_second")!;
        expect(columnOf(network, "net_rx_bytes", { net_rx_bytes: [1, null, 2] } as Points)).toEqual([8, null, 16]);
    });
});
