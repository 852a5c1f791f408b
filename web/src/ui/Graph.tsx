// A line over time. The canvas is for eyes alone: what it shows is said in a sentence below its name, and is there as a table.
import "uplot/dist/uPlot.min.css";
import { Group, Text, useComputedColorScheme } from "@mantine/core";
import { useEffect, useId, useRef, useState } from "react";
import uPlot from "uplot";

export interface Line {
    label: string;
    values: (number | null)[]; // null: nobody knows, which is a gap and not a zero
}

interface Props {
    title: string;
    times: number[]; // seconds since 1970, each the begin of a step
    lines: Line[];
    ceiling?: number | null; // what the plan allows
    show: (value: number) => string;
    clock: (seconds: number, step: number) => string; // under the axis, of marks that are a step apart
    exact: (seconds: number) => string; // of the cursor
    summary: string;
    base: number; // of round numbers on the axis: 1024 of bytes, else 1000
}

const colours = ["--croft-line-1", "--croft-line-2"];
const height = 180;
const sync = "croft";

const variable = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Values that have no neighbour, which a line alone would not show.
function alone(values: (number | null | undefined)[]): number[] {
    return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

const steps = (base: number) =>
    base === 1024 ? Array.from({ length: 60 }, (_, power) => 2 ** power) : Array.from({ length: 20 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** (power - 3))).flat();

function optionsOf(props: Props, width: number, tell: (at: number | null) => void): uPlot.Options {
    const ink = variable("--mantine-color-dimmed");
    const grid = { stroke: variable("--croft-line"), width: 1 };
    const axis = { stroke: ink, font: "11px system-ui, sans-serif", grid, ticks: { ...grid, size: 4 } };
    const most = Math.max(0, ...props.lines.flatMap((one) => one.values.map((value) => value ?? 0)));
    // The ceiling is drawn where it says something: not far above all that happens.
    const ceiling = props.ceiling && props.ceiling <= most * 4 ? props.ceiling : undefined;
    return {
        width,
        height,
        legend: { show: false },
        cursor: { sync: { key: sync, setSeries: false }, drag: { x: false, y: false }, points: { size: 7 }, y: false },
        scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, ceiling ?? 0, 1e-3) * 1.08] } },
        axes: [
            { ...axis, space: 70, size: 26, values: (_plot, splits, _axis, _space, step) => splits.map((one) => props.clock(one, step)) },
            { ...axis, size: 74, incrs: steps(props.base), values: (_plot, splits) => splits.map((value) => props.show(value)) },
        ],
        series: [
            {},
            ...props.lines.map((one, index) => ({
                label: one.label,
                stroke: variable(colours[index % colours.length]!),
                fill: props.lines.length === 1 ? `${variable(colours[0]!)}22` : undefined,
                width: 1.6,
                spanGaps: false,
                points: { show: true, size: 4, filter: (plot: uPlot, series: number) => alone([...plot.data[series]!]) },
            })),
        ],
        hooks: {
            setCursor: [(plot) => tell(plot.cursor.idx ?? null)],
            draw: [
                (plot) => {
                    if (ceiling) {
                        const y = plot.valToPos(ceiling, "y", true);
                        plot.ctx.save();
                        plot.ctx.strokeStyle = variable("--croft-bad");
                        plot.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
                        plot.ctx.lineWidth = devicePixelRatio;
                        plot.ctx.beginPath();
                        plot.ctx.moveTo(plot.bbox.left, y);
                        plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
                        plot.ctx.stroke();
                        plot.ctx.restore();
                    }
                },
            ],
        },
    };
}

export function Graph(props: Props) {
    const box = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | undefined>(undefined);
    const [at, setAt] = useState<number | null>(null);
    const scheme = useComputedColorScheme("light");
    const id = useId();
    const data = [props.times, ...props.lines.map((one) => one.values)] as uPlot.AlignedData;
    const shape = `${scheme} ${props.title} ${props.lines.map((one) => one.label).join()} ${props.ceiling} ${props.exact(0)}`;
    const newest = useRef(props);
    newest.current = props;
    useEffect(() => {
        const made = new uPlot(optionsOf(newest.current, box.current!.clientWidth, setAt), data, box.current!);
        plot.current = made;
        const watch = new ResizeObserver(() => box.current && made.setSize({ width: box.current.clientWidth, height }));
        watch.observe(box.current!);
        return () => {
            watch.disconnect();
            made.destroy();
            plot.current = undefined;
        };
    }, [shape]);
    useEffect(() => {
        plot.current?.setData(data);
    }, [props.times, props.lines]);
    const shown = at !== null && at < props.times.length ? at : null;
    return (
        <figure className="graph" aria-labelledby={id}>
            <Group justify="space-between" gap="xs" align="baseline">
                <Text size="sm" fw={600} id={id} component="figcaption">
                    {props.title}
                </Text>
                <Group gap="sm" className="graph-legend" aria-hidden="true">
                    {props.lines.map((one, index) => (
                        <span key={one.label}>
                            {props.lines.length > 1 && (
                                <>
                                    <i style={{ background: `var(${colours[index % colours.length]})` }} />
                                    {one.label}{" "}
                                </>
                            )}
                            {shown !== null && <b>{one.values[shown] == null ? "–" : props.show(one.values[shown]!)}</b>}
                        </span>
                    ))}
                    {shown !== null && <span>{props.exact(props.times[shown]!)}</span>}
                </Group>
            </Group>
            <Text size="xs" c="dimmed">
                {props.summary}
            </Text>
            <div ref={box} className="graph-box" aria-hidden="true" />
        </figure>
    );
}
