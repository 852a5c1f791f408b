// One line as it was charged, and all that it was computed from.
import type { ReactNode } from "react";
import { Link } from "wouter";
import { api, ask, type Schema } from "../../api/client";
import { useOne } from "../../api/hooks";
import { useNames, useVpsList } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable, still } from "../../ui/DataTable";
import { Period, Quantity } from "../../ui/Invoices";
import { SimpleGrid, Text, Title } from "../../ui/kit";
import { Card, Facts, Page } from "../../ui/Page";
import { Shown } from "../../ui/States";

type Charge = Schema["ChargeDetail"];

function Sum({ of }: { of: Charge }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const money = (amount: string) => format.money(amount, of.currency);
    return (
        <Card title={t("charge.sum")}>
            <Facts
                rows={[
                    [t("kind"), `${word("meter", of.meter)}${of.kind === "adjustment" ? ` · ${t("charge.adjustment")}` : ""}`],
                    [t("charge.period"), <Period from={of.from} to={of.to} />],
                    [t("quantity"), <Quantity of={of.quantity} unit={of.unit} />],
                    [t("price"), of.unit_price === null ? "–" : `${money(of.unit_price)} / ${word("per", of.unit)}`],
                    [t("costs.net"), money(of.amount)],
                    [t("invoice.tax"), `${money(of.tax_amount)} (${of.tax_name ?? t("invoice.tax")} ${format.number(Number(of.tax_rate), 2)} %)`],
                    [t("charge.rated"), format.exact(of.rated_at)],
                    ...(of.invoice_id ? ([[t("invoice"), <Link href={`/billing/invoices/${of.invoice_id}`}>{t("charge.invoice")}</Link>]] as [string, ReactNode][]) : []),
                    ...(of.vps_id ? ([[t("vps"), <Link href={`/vps/${of.vps_id}/graphs?range=30d`}>{t("costs.graphs")}</Link>]] as [string, ReactNode][]) : []),
                ]}
            />
        </Card>
    );
}

// As one reads them; what the server may add later comes after.
const order = ["plan_id", "plan_version", "price_source", "price_month", "price_hour", "percent", "units", "seconds", "started_seconds", "month_seconds", "capped", "cap"];
const placeOf = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);

function useFact(currency: string): (name: string, value: unknown) => string {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const names = useNames();
    return (name, value) => {
        if (value === null) {
            return "–";
        }
        if (typeof value === "boolean") {
            return t(value ? "yes" : "no");
        }
        if (typeof value === "number") {
            return name.endsWith("_bytes") || name === "bytes" ? format.decimal(value) : format.number(value, 6);
        }
        switch (name) {
            case "cap":
            case "price_hour":
            case "price_month":
                return format.money(String(value), currency);
            case "plan_id":
                return names.plan(String(value));
            case "price_source":
                return word("pricesource", String(value));
            case "policy":
                return word("traffic", String(value));
            default:
                return String(value);
        }
    };
}

function FactsCard({ of }: { of: Charge }) {
    const t = useT();
    const word = useWord();
    const show = useFact(of.currency);
    const rows = Object.entries(of.facts).filter(([, value]) => typeof value !== "object" || value === null);
    return (
        <Card title={t("charge.facts")} text={t("charge.facts.text")}>
            <Facts rows={rows.sort(([one], [other]) => placeOf(one) - placeOf(other)).map(([name, value]) => [word("fact", name), show(name, value)])} />
        </Card>
    );
}

function UsageEvidence({ of }: { of: Charge }) {
    const t = useT();
    const format = useFormat();
    const vps = useVpsList({}, 200).items ?? [];
    return (
        <>
            {of.usage.length > 0 && (
                <>
                    <Title order={2}>{t("charge.usage")}</Title>
                    <DataTable
                        label={t("charge.usage")}
                        list={still(of.usage)}
                        id={(one) => one.vps_id}
                        columns={[
                            { head: t("vps"), cell: (one) => <Link href={`/vps/${one.vps_id}/graphs?range=30d`}>{vps.find(({ id }) => id === one.vps_id)?.name ?? t("costs.graphs")}</Link> },
                            { head: t("traffic.out"), cell: (one) => format.decimal(one.net_tx_outside_bytes), kind: "number" },
                            { head: t("usage.cpu"), cell: (one) => format.duration(one.cpu_ns / 1e9), kind: "number" },
                            { head: t("graph.iops"), cell: (one) => format.number(one.io_operations), kind: "number" },
                            { head: t("charge.hours"), cell: (one) => format.number(one.hours), kind: "number" },
                            { head: t("charge.samples"), cell: (one) => format.number(one.samples), kind: "number" },
                            { head: t("charge.first"), cell: (one) => format.exact(one.first_at) },
                            { head: t("charge.last"), cell: (one) => format.exact(one.last_at) },
                        ]}
                        empty={null}
                    />
                </>
            )}
            {of.hours.length > 0 && (
                <>
                    <Title order={2}>{t("charge.byhour")}</Title>
                    <DataTable
                        label={t("charge.byhour")}
                        list={still(of.hours)}
                        id={(one) => one.vps_id + one.hour}
                        columns={[
                            { head: t("charge.hour"), cell: (one) => format.exact(one.hour) },
                            { head: t("traffic.out"), cell: (one) => format.decimal(one.net_tx_outside_bytes), kind: "number" },
                            { head: t("usage.cpu"), cell: (one) => format.duration(one.cpu_ns / 1e9), kind: "number" },
                            { head: t("graph.iops"), cell: (one) => format.number(one.io_operations), kind: "number" },
                            { head: t("charge.samples"), cell: (one) => format.number(one.samples), kind: "number" },
                        ]}
                        empty={null}
                    />
                </>
            )}
        </>
    );
}

function Evidence({ of }: { of: Charge }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const names = useNames();
    const end = (to: string | null) => (to ? format.exact(to) : t("charge.open"));
    return (
        <>
            {of.periods.length > 0 && (
                <>
                    <Title order={2}>{t("charge.periods")}</Title>
                    <DataTable
                        label={t("charge.periods")}
                        list={still(of.periods)}
                        id={(one) => one.vps_id + one.from}
                        columns={[
                            { head: t("from"), cell: (one) => format.exact(one.from) },
                            { head: t("charge.until"), cell: (one) => end(one.to) },
                            { head: t("state"), cell: (one) => word("period", one.state) },
                            { head: t("plan"), cell: (one) => (one.plan_id ? names.plan(one.plan_id) : "–") },
                            { head: t("location"), cell: (one) => names.location(one.location_id) },
                            { head: t("resource.ipv4"), cell: (one) => one.ipv4_count, kind: "number" },
                            { head: t("charge.seconds"), cell: (one) => format.number(one.seconds), kind: "number" },
                        ]}
                        empty={null}
                    />
                </>
            )}
            {of.snapshots.length > 0 && (
                <>
                    <Title order={2}>{t("resource.snapshots")}</Title>
                    <DataTable
                        label={t("resource.snapshots")}
                        list={still(of.snapshots)}
                        id={(one) => one.snapshot_id + one.from}
                        columns={[
                            { head: t("id"), cell: (one) => <span className="mono">{one.snapshot_id}</span> },
                            { head: t("from"), cell: (one) => format.exact(one.from) },
                            { head: t("charge.until"), cell: (one) => end(one.to) },
                            { head: t("size"), cell: (one) => (one.size_bytes === null ? "–" : format.bytes(one.size_bytes)), kind: "number" },
                            { head: t("charge.seconds"), cell: (one) => format.number(one.seconds), kind: "number" },
                        ]}
                        empty={null}
                    />
                </>
            )}
            <UsageEvidence of={of} />
            {of.truncated && (
                <Text size="sm" c="dimmed">
                    {t("charge.truncated")}
                </Text>
            )}
        </>
    );
}

export default function ChargePage({ id }: { id: string }) {
    const t = useT();
    const query = useOne(["billing", "charge", id], () => ask(api.GET("/v1/charges/{id}", { params: { path: { id } } })));
    return (
        <Shown of={query} title={t("nav.costs")}>
            {(charge) => (
                <Page title={charge.description} lead={<Link href={`/billing?month=${charge.month}${charge.vps_id ? `&vps=${charge.vps_id}` : ""}`}>{t("nav.costs")}</Link>}>
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Sum of={charge} />
                        <FactsCard of={charge} />
                    </SimpleGrid>
                    <Evidence of={charge} />
                </Page>
            )}
        </Shown>
    );
}
