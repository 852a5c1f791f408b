// Invoices, as a list and as one; the same for who pays and for who is paid.
import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Schema } from "../api/client";
import type { List } from "../api/hooks";
import { useT, useWord } from "../i18n";
import { useFormat } from "../i18n/format";
import { DataTable, still, type Column } from "./DataTable";
import { Card, Facts } from "./Page";
import { Status, type Tone } from "./Status";

export type Invoice = Schema["Invoice"];
type Detail = Schema["InvoiceDetail"];
type Line = Schema["InvoiceLine"];
type Party = Schema["InvoiceParty"];

export function InvoiceState({ of }: { of: Invoice }) {
    const t = useT();
    const late = of.state === "final" && of.due_at !== null && Date.parse(of.due_at) < Date.now() && of.kind === "invoice";
    const tones: Record<Invoice["state"], Tone> = { draft: "idle", final: late ? "bad" : "warn", paid: "good", void: "idle" };
    return <Status tone={tones[of.state]}>{late ? t("invoice.late") : of.kind === "credit_note" && of.state === "final" ? t("invoice.note.open") : t(`invoice.${of.state}`)}</Status>;
}

export const useInvoiceName = () => {
    const t = useT();
    const format = useFormat();
    return (of: Invoice) => of.number ?? `${t("invoice.draft")} · ${format.month(of.month)}`;
};

export function InvoiceTable({ list, base, buyer, empty }: { list: List<Invoice>; base: string; buyer?: (of: Invoice) => ReactNode; empty: ReactNode }) {
    const t = useT();
    const format = useFormat();
    const name = useInvoiceName();
    const columns: Column<Invoice>[] = [
        {
            head: t("invoice.number"),
            cell: (one) => (
                <Stack gap={0}>
                    <Link href={`${base}/${one.id}`}>{name(one)}</Link>
                    {one.kind === "credit_note" && (
                        <Text size="xs" c="dimmed">
                            {t("invoice.note")}
                        </Text>
                    )}
                </Stack>
            ),
        },
        ...(buyer ? [{ head: t("invoice.buyer"), cell: buyer }] : []),
        { head: t("month"), cell: (one) => format.month(one.month) },
        { head: t("state"), cell: (one) => <InvoiceState of={one} /> },
        { head: t("invoice.due"), cell: (one) => (one.due_at ? format.day(one.due_at) : "–"), kind: "fit" },
        { head: t("invoice.total"), cell: (one) => format.money(one.total, one.currency), kind: "number" },
        { head: t("invoice.open"), cell: (one) => format.money(one.open, one.currency), kind: "number" },
    ];
    return <DataTable label={t("nav.invoices")} list={list} id={(one) => one.id} columns={columns} empty={empty} />;
}

function PartyCard({ title, of }: { title: string; of: Party }) {
    const lines = [of.company ?? of.name, of.contact, ...of.address_lines, [of.postal_code, of.city].filter(Boolean).join(" "), of.region, of.country, of.vat_id].filter(Boolean);
    return (
        <Card title={title}>
            <Stack gap={0}>
                {lines.map((one, at) => (
                    <Text key={at} size="sm" fw={at === 0 ? 600 : undefined} style={{ overflowWrap: "anywhere" }}>
                        {one}
                    </Text>
                ))}
            </Stack>
        </Card>
    );
}

const digits = 6;

// roughly: beside a sum, not in a line that one computes from.
export function Quantity({ of, unit, roughly }: { of: string; unit: string; roughly?: boolean }) {
    const word = useWord();
    const format = useFormat();
    return <>{`${format.number(Number(of), roughly ? 2 : digits)} ${word("unit", unit)}`}</>;
}

export function Period({ from, to }: { from: string | null; to: string | null }) {
    const format = useFormat();
    return <>{from && to ? `${format.day(from)} – ${format.day(new Date(Date.parse(to) - 1).toISOString())}` : "–"}</>;
}

// charge: where a line leads to what it is made of.
function Lines({ of, charge }: { of: Detail; charge?: (line: Line) => string | undefined }) {
    const t = useT();
    const format = useFormat();
    const link = (line: Line) => charge?.(line);
    return (
        <DataTable
            label={t("invoice.lines")}
            list={still(of.lines)}
            id={(one) => one.id}
            columns={[
                {
                    head: t("invoice.what"),
                    cell: (one) => (
                        <Stack gap={0}>
                            {link(one) ? <Link href={link(one)!}>{one.description}</Link> : <span>{one.description}</span>}
                            <Text size="xs" c="dimmed">
                                <Period from={one.from} to={one.to} />
                            </Text>
                        </Stack>
                    ),
                },
                { head: t("quantity"), cell: (one) => <Quantity of={one.quantity} unit={one.unit} />, kind: "number" },
                { head: t("price"), cell: (one) => (one.unit_price === null ? "–" : format.money(one.unit_price, of.currency)), kind: "number" },
                { head: t("invoice.tax"), cell: (one) => (Number(one.tax_rate) ? `${format.number(Number(one.tax_rate), 2)} %` : "–"), kind: "number" },
                { head: t("amount"), cell: (one) => format.money(one.amount, of.currency), kind: "number" },
            ]}
            empty={null}
        />
    );
}

function Sums({ of }: { of: Detail }) {
    const t = useT();
    const format = useFormat();
    const money = (amount: string) => format.money(amount, of.currency);
    return (
        <table className="sums" aria-label={t("invoice.sums")}>
            <tbody>
                <tr>
                    <th scope="row">{t("invoice.net")}</th>
                    <td>{money(of.net)}</td>
                </tr>
                {of.taxes.map((one) => (
                    <tr key={`${one.name} ${one.rate}`}>
                        <th scope="row">{t("invoice.tax.of", { name: one.name ?? t("invoice.tax"), rate: format.number(Number(one.rate), 2), net: money(one.net) })}</th>
                        <td>{money(one.tax)}</td>
                    </tr>
                ))}
                <tr className="sums-total">
                    <th scope="row">{t("invoice.total")}</th>
                    <td>{money(of.total)}</td>
                </tr>
                {of.settlements.map((one) => (
                    <tr key={one.id}>
                        <th scope="row">{t(`settlement.${one.kind}`, { day: format.day(one.at) })}</th>
                        <td>{money(String(-Number(one.amount)))}</td>
                    </tr>
                ))}
                {of.state !== "draft" && (
                    <tr className="sums-total">
                        <th scope="row">{t("invoice.open")}</th>
                        <td>{money(of.open)}</td>
                    </tr>
                )}
            </tbody>
        </table>
    );
}

export function InvoiceView({ of, charge }: { of: Detail; charge?: (line: Line) => string | undefined }) {
    const t = useT();
    const format = useFormat();
    const day = (time: string | null) => (time ? format.day(time) : "–");
    return (
        <Stack>
            <SimpleGrid cols={{ base: 1, sm: 3 }} style={{ alignItems: "start" }}>
                {of.seller && <PartyCard title={t("invoice.seller")} of={of.seller} />}
                {of.buyer && <PartyCard title={t("invoice.buyer")} of={of.buyer} />}
                <Card title={t("details")}>
                    <Facts
                        rows={[
                            [t("state"), <InvoiceState of={of} />],
                            [t("month"), format.month(of.month)],
                            [t("invoice.issued"), day(of.issued_at)],
                            [t("invoice.due"), day(of.due_at)],
                            ...(of.paid_at ? ([[t("invoice.paid"), day(of.paid_at)]] as [string, ReactNode][]) : []),
                            ...(of.reason ? ([[t("reason"), of.reason]] as [string, ReactNode][]) : []),
                        ]}
                    />
                </Card>
            </SimpleGrid>
            <Lines of={of} charge={charge} />
            <Group justify="flex-end">
                <Sums of={of} />
            </Group>
        </Stack>
    );
}
