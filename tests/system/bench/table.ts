// Numbers as a table that goes into docs/performance.md as it is printed.
import { cpus, release } from "node:os";

export interface Line {
    what: string;
    ours: number[];
    floor: number[];
    unit: string;
    goal: string;
    // Of the medians: ours over the floor for times, the same for rates.
    goalRatio: number;
    better: "less" | "more";
}

export function median(values: number[]): number {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function spread(values: number[]): string {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
    return `${format(median(values))} (${format(at(0.1))} to ${format(at(0.9))})`;
}

const format = (value: number) => (value >= 1000 ? value.toFixed(0) : value.toFixed(1));

export function print(title: string, lines: Line[]): void {
    console.log(`### ${title}\n`);
    console.log(`${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model}), Linux ${release()}; median (10th to 90th percentile)\n`);
    console.log("| what | Croft | floor | runs | ratio | goal | reached |");
    console.log("| --- | --- | --- | --- | --- | --- | --- |");
    for (const { what, ours, floor, unit, goal, goalRatio, better } of lines) {
        const ratio = median(ours) / median(floor);
        const reached = better === "less" ? ratio <= goalRatio : ratio >= goalRatio;
        console.log(`| ${what} | ${spread(ours)} ${unit} | ${spread(floor)} ${unit} | ${ours.length}, ${floor.length} | ${ratio.toFixed(2)} | ${goal} | ${reached ? "yes" : "no"} |`);
    }
    console.log("");
}
