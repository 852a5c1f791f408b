// What was measured, over time: one cursor through all graphs, a gap where nothing is known, and the same as a table.
import { useState } from "react";
import { useSearchParams } from "wouter";
import { api, ask } from "../../api/client";
import { useOne } from "../../api/hooks";
import type { Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable, still } from "../../ui/DataTable";
import { Graph } from "../../ui/Graph";
import { Button, Group, SegmentedControl, SimpleGrid, Stack, Text } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { Empty, Shown } from "../../ui/States";
import { columnOf, digestOf, everyMs, graphs, ranges, type GraphOf, type Range, type Series } from "./graphs";

function useShow(): (unit: GraphOf["unit"], value: number) => string {
    const format = useFormat();
    return (unit, value) => (unit === "vcpus" ? format.measure(value * 1000, "millicores") : format.measure(value, unit));
}

function useSummary(): (graph: GraphOf, series: Series) => string {
    const t = useT();
    const show = useShow();
    return (graph, series) => {
        const said = graph.lines.map(({ label, column }) => {
            const { now, mean, most } = digestOf(columnOf(graph, column, series.points));
            if (now === null) {
                return undefined;
            }
            const values = { now: show(graph.unit, now), mean: show(graph.unit, mean!), most: show(graph.unit, most!) };
            return graph.lines.length > 1 ? t("graph.summary.of", { label: t(label), ...values }) : t("graph.summary", values);
        });
        const { gaps } = digestOf(columnOf(graph, graph.lines[0]!.column, series.points));
        const ceiling = graph.ceiling && t("graph.ceiling", { ceiling: show(graph.unit, graph.ceiling(series)) });
        return [...said, ceiling, gaps > 0 && t("graph.gaps", { count: gaps })].filter(Boolean).join(" · ");
    };
}

function OneGraph({ graph, series }: { graph: GraphOf; series: Series }) {
    const t = useT();
    const show = useShow();
    const format = useFormat();
    const summary = useSummary();
    return (
        <Card>
            <Graph
                title={t(graph.title)}
                times={series.points.t}
                lines={graph.lines.map(({ label, column }) => ({ label: t(label), values: columnOf(graph, column, series.points) }))}
                ceiling={graph.ceiling?.(series)}
                base={graph.unit.startsWith("bytes") ? 1024 : 1000}
                show={(value) => show(graph.unit, value)}
                clock={format.tick}
                exact={(seconds) => format.moment(seconds)}
                summary={summary(graph, series)}
            />
        </Card>
    );
}

const page = 50;

function AsTable({ series }: { series: Series }) {
    const t = useT();
    const show = useShow();
    const format = useFormat();
    const [shown, setShown] = useState(page);
    const { points } = series;
    const rows = points.t.map((_, at) => at).reverse();
    const list = still(rows.slice(0, shown), shown < rows.length ? () => setShown(shown + page) : undefined);
    const columns = graphs.flatMap((graph) =>
        graph.lines.map(({ label, column }) => ({
            head: graph.lines.length > 1 ? `${t(graph.title)}: ${t(label)}` : t(graph.title),
            kind: "number" as const,
            cell: (at: number) => {
                const value = columnOf(graph, column, points)[at];
                return value == null ? "–" : show(graph.unit, value);
            },
        })),
    );
    return <DataTable label={t("tab.graphs")} list={list} id={(at) => String(points.t[at])} columns={[{ head: t("when"), cell: (at) => format.moment(points.t[at]!) }, ...columns]} empty={<Empty title={t("graph.none")} />} />;
}

export default function GraphsTab({ vps }: { vps: Vps }) {
    const t = useT();
    const [params, setParams] = useSearchParams();
    const range = ranges.find((one) => one === params.get("range")) ?? "1h";
    const table = params.get("as") === "table";
    const query = useOne(["series", vps.id, range], () => ask(api.GET("/v1/vps/{id}/series", { params: { path: { id: vps.id }, query: { range } } })), { every: () => everyMs[range], keep: true });
    const set = (part: { range?: Range; as?: string }) => setParams({ ...(range !== "1h" && { range }), ...(table && { as: "table" }), ...part } as Record<string, string>, { replace: true });
    return (
        <Stack>
            <Group justify="space-between" gap="xs">
                <SegmentedControl size="xs" aria-label={t("graph.range")} value={range} onChange={(value) => set({ range: value as Range })} data={ranges.map((one) => ({ value: one, label: t(`range.${one}`) }))} />
                <Button size="xs" variant="default" aria-pressed={table} onClick={() => setParams({ ...(range !== "1h" && { range }), ...(!table && { as: "table" }) }, { replace: true })}>
                    {t(table ? "graph.as.graphs" : "graph.as.table")}
                </Button>
            </Group>
            <Shown of={query}>
                {(series) =>
                    series.points.cpu.every((one) => one === null) && series.points.memory_bytes.every((one) => one === null) ? (
                        <div className="paper">
                            <Empty title={t("graph.none")} text={t("graph.none.text")} />
                        </div>
                    ) : table ? (
                        <AsTable series={series} />
                    ) : (
                        <>
                            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" className={query.isPlaceholderData ? "faded" : undefined}>
                                {graphs.map((graph) => (
                                    <OneGraph key={graph.title} graph={graph} series={series} />
                                ))}
                            </SimpleGrid>
                            <Text size="xs" c="dimmed">
                                {t("graph.note")}
                            </Text>
                        </>
                    )
                }
            </Shown>
        </Stack>
    );
}
