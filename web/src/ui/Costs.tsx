// What a month comes to: so far, foreseen, by what is counted, by vps; for the buyer and for its seller.
import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schema } from "../api/client";
import { useT, useWord } from "../i18n";
import { useFormat } from "../i18n/format";
import { DataTable, still } from "./DataTable";
import { Figure } from "./Figure";
import { Period, Quantity } from "./Invoices";
import { Card } from "./Page";
import { Empty } from "./States";
import { Meter } from "./Status";

export type Costs = Schema["Costs"];
type Line = Schema["RatedLine"] | Schema["Charge"];

// The months that can be asked for, newest first, as bills count them.
export function monthsBack(count: number): string[] {
    const now = new Date();
    return Array.from({ length: count }, (_, back) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back)).toISOString().slice(0, 7));
}

export function CostFigures({ of }: { of: Costs }) {
    const t = useT();
    const format = useFormat();
    const money = (amount: string) => format.money(amount, of.currency);
    return (
        <Card>
            <SimpleGrid cols={{ base: 2, sm: 4 }}>
                <Figure value={money(of.net)} label={t(of.forecast ? "costs.sofar" : "costs.net")} />
                <Figure value={money(of.tax)} label={t("invoice.tax")} />
                <Figure value={money(of.gross)} label={t("costs.gross")} />
                {of.forecast && <Figure value={money(of.forecast.gross)} label={t("costs.forecast")} note={t("costs.forecast.net", { net: money(of.forecast.net) })} />}
            </SimpleGrid>
            {of.unpriced > 0 && (
                <Text size="sm" c="var(--mantine-color-error)">
                    {t("costs.unpriced", { count: of.unpriced })}
                </Text>
            )}
        </Card>
    );
}

export function CostMeters({ of }: { of: Costs }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const most = Math.max(...of.meters.map((one) => Number(one.net)), 0);
    return (
        <Card title={t("costs.meters")}>
            {of.meters.length === 0 && (
                <Text size="sm" c="dimmed">
                    {t("costs.none")}
                </Text>
            )}
            {of.meters.map((one) => (
                <Stack key={`${one.meter} ${one.unit}`} gap={4}>
                    <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
                        <Text size="sm">
                            {word("meter", one.meter)}
                            <Text span size="xs" c="dimmed">
                                {" · "}
                                <Quantity of={one.quantity} unit={one.unit} roughly />
                            </Text>
                        </Text>
                        <Text size="sm" style={{ fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" }}>
                            {format.money(one.net, of.currency)}
                        </Text>
                    </Group>
                    <div className="share" aria-hidden="true">
                        <div style={{ width: `${most > 0 ? Math.max((Number(one.net) / most) * 100, 0) : 0}%` }} />
                    </div>
                </Stack>
            ))}
        </Card>
    );
}

export function TrafficCard({ of }: { of: Costs["traffic"] }) {
    const t = useT();
    const format = useFormat();
    return (
        <Card title={t("traffic")} text={t(`traffic.${of.policy}.text`)}>
            <Meter label={t("traffic.out")} used={of.used_bytes} limit={of.included_bytes || null} text={of.included_bytes ? t("used.of", { used: format.decimal(of.used_bytes), limit: format.decimal(of.included_bytes) }) : format.decimal(of.used_bytes)} />
            {of.over_bytes > 0 && <Text size="sm">{t("traffic.over", { size: format.decimal(of.over_bytes) })}</Text>}
        </Card>
    );
}

// link: to the lines of a vps.
export function CostVps({ of, link, tenant }: { of: Costs; link?: (vps: string) => string; tenant?: (id: string) => ReactNode }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    return (
        <DataTable
            label={t("costs.vps")}
            list={still(of.vps)}
            id={(one) => one.vps_id}
            columns={[
                { head: t("vps"), cell: (one) => (link ? <Link href={link(one.vps_id)}>{one.name}</Link> : one.name) },
                ...(tenant ? [{ head: t("holder.tenant"), cell: (one: Schema["VpsCost"]) => tenant(one.tenant_id) }] : []),
                {
                    head: t("costs.made"),
                    cell: (one) => (
                        <Text size="sm" c="dimmed">
                            {one.meters.map((part) => `${word("meter", part.meter)} ${format.money(part.net, of.currency)}`).join(" · ")}
                        </Text>
                    ),
                },
                { head: t("costs.net"), cell: (one) => format.money(one.net, of.currency), kind: "number" },
            ]}
            empty={<Empty title={t("costs.none")} text={t("costs.none.text")} />}
        />
    );
}

// link: from a line that was charged to what it was measured from.
export function CostLines({ of, link }: { of: Line[]; link?: (line: Line) => string | undefined }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    return (
        <DataTable
            label={t("costs.lines")}
            list={still(of)}
            id={(one) => ("id" in one ? one.id : one.key)}
            columns={[
                {
                    head: t("invoice.what"),
                    cell: (one) => (
                        <Stack gap={0}>
                            {link?.(one) ? <Link href={link(one)!}>{one.description}</Link> : <span>{one.description}</span>}
                            <Text size="xs" c="dimmed">
                                {word("meter", one.meter)} · <Period from={one.from} to={one.to} />
                                {"kind" in one && one.kind === "adjustment" ? ` · ${t("charge.adjustment")}` : ""}
                            </Text>
                        </Stack>
                    ),
                },
                { head: t("quantity"), cell: (one) => <Quantity of={one.quantity} unit={one.unit} />, kind: "number" },
                { head: t("price"), cell: (one) => (one.unit_price === null ? "–" : `${format.money(one.unit_price, one.currency)} / ${word("per", one.unit)}`), kind: "number" },
                { head: t("costs.net"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
            ]}
            empty={<Empty title={t("costs.none")} text={t("costs.none.text")} />}
        />
    );
}
