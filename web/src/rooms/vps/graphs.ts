// What the graphs of a vps show, out of the columns of the API.
import type { Schema } from "../../api/client";
import type { Key } from "../../i18n";

export type Series = Schema["Series"];
export type Points = Series["points"];
type Column = Exclude<keyof Points, "t">;

export const ranges = ["1h", "6h", "2d", "30d", "1y"] as const;
export type Range = (typeof ranges)[number];

// How often a range is read anew while it is looked at: not before its points can have changed.
export const everyMs: Record<Range, number> = { "1h": 10_000, "6h": 30_000, "2d": 60_000, "30d": 300_000, "1y": 900_000 };

export interface GraphOf {
    title: Key;
    unit: "vcpus" | "bytes" | "bytes_per_second" | "bits_per_second" | "operations_per_second";
    lines: { label: Key; column: Column }[];
    ceiling?: (of: Series) => number;
    times?: number; // from what the API counts in to the unit
}

export const graphs: GraphOf[] = [
    { title: "graph.cpu", unit: "vcpus", lines: [{ label: "graph.used", column: "cpu" }], ceiling: (of) => of.vcpus },
    {
        title: "graph.memory",
        unit: "bytes",
        lines: [
            { label: "graph.memory.all", column: "memory_bytes" },
            { label: "graph.memory.anon", column: "memory_anon_bytes" },
        ],
        ceiling: (of) => of.memory_limit_bytes,
    },
    {
        title: "graph.network",
        unit: "bits_per_second",
        times: 8,
        lines: [
            { label: "graph.in", column: "net_rx_bytes" },
            { label: "graph.out", column: "net_tx_bytes" },
        ],
    },
    { title: "graph.disk", unit: "bytes", lines: [{ label: "graph.used", column: "disk_bytes" }], ceiling: (of) => of.disk_limit_bytes },
    {
        title: "graph.io",
        unit: "bytes_per_second",
        lines: [
            { label: "graph.read", column: "io_read_bytes" },
            { label: "graph.write", column: "io_write_bytes" },
        ],
    },
    {
        title: "graph.iops",
        unit: "operations_per_second",
        lines: [
            { label: "graph.read", column: "io_read_ops" },
            { label: "graph.write", column: "io_write_ops" },
        ],
    },
];

export const columnOf = (graph: GraphOf, column: Column, of: Points): (number | null)[] => (graph.times ? of[column].map((one) => (one === null ? null : one * graph.times!)) : of[column]);

export interface Digest {
    now: number | null; // the newest that is known
    mean: number | null;
    most: number | null;
    gaps: number; // stretches within which nothing is known, before the first and behind the last value not counted
}

export function digestOf(values: (number | null)[]): Digest {
    const known = values.filter((one) => one !== null);
    if (known.length === 0) {
        return { now: null, mean: null, most: null, gaps: 0 };
    }
    const first = values.findIndex((one) => one !== null);
    const last = values.findLastIndex((one) => one !== null);
    const gaps = values.slice(first, last).filter((one, at, all) => one === null && all[at - 1] !== null).length;
    return { now: known.at(-1)!, mean: known.reduce((sum, one) => sum + one, 0) / known.length, most: Math.max(...known), gaps };
}
