// The months on their way to invoices: how far each account is, and what somebody has to look at.
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { api, ask, must, type Schema } from "../../../api/client";
import { useAction, useList, useOne } from "../../../api/hooks";
import { useT, useWord } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { monthsBack } from "../../../ui/Costs";
import { DataTable } from "../../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../../ui/Dialog";
import { Figure } from "../../../ui/Figure";
import { Button, Group, Select, SimpleGrid, Stack, Text } from "../../../ui/kit";
import { Card, Page } from "../../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../../ui/States";
import { Status, Time, type Tone } from "../../../ui/Status";
import { toast } from "../../../ui/Toasts";
import { useOperatorNames } from "../data";

type MonthEnd = Schema["MonthEnd"];
const states = ["active", "review", "done"] as const;
const tones: Record<MonthEnd["state"], Tone> = { active: "busy", review: "warn", done: "good" };
const everyMs = 5_000; // steps are no events
const stale = ["billing", "month-ends"];

function Summary({ month }: { month: string }) {
    const t = useT();
    const format = useFormat();
    const query = useOne(["month-ends", "summary", month], () => ask(api.GET("/v1/admin/month-ends/summary", { params: { query: { month } } })), { every: () => everyMs, keep: true });
    return (
        <Card title={format.month(month)}>
            <Shown of={query}>
                {({ accounts, totals }) => (
                    <Stack>
                        <SimpleGrid cols={{ base: 3 }}>
                            {states.map((one) => (
                                <Figure key={one} value={format.number(accounts[one] ?? 0)} label={t(`monthend.${one}`)} />
                            ))}
                        </SimpleGrid>
                        {totals.map((one) => (
                            <SimpleGrid key={one.currency} cols={{ base: 2, sm: 4 }}>
                                <Figure value={format.number(one.invoices)} label={t("nav.invoices")} />
                                <Figure value={format.money(one.net, one.currency)} label={t("invoice.net")} />
                                <Figure value={format.money(one.tax, one.currency)} label={t("invoice.tax")} />
                                <Figure value={format.money(one.total, one.currency)} label={t("invoice.total")} />
                            </SimpleGrid>
                        ))}
                    </Stack>
                )}
            </Shown>
        </Card>
    );
}

function StartDialog({ close }: { close: () => void }) {
    const t = useT();
    const format = useFormat();
    const months = monthsBack(13).slice(1);
    const [month, setMonth] = useState(months[0]!);
    const action = useAction((_, key) => must(api.POST("/v1/admin/month-ends", { params: { header: { "Idempotency-Key": key } }, body: { month } })), { stale, done: close });
    return (
        <FormDialog title={t("monthend.start")} close={close} submit={t("monthend.start")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("monthend.start.text")}</Text>
            <Select data-autofocus label={t("month")} allowDeselect={false} data={months.map((one) => ({ value: one, label: format.month(one) }))} value={month} onChange={(value) => setMonth(value!)} />
        </FormDialog>
    );
}

function Progress({ of }: { of: MonthEnd }) {
    const t = useT();
    const word = useWord();
    const names = useOperatorNames();
    const waits = of.waiting_for.map((one) => names.node(one)).join(", ");
    return (
        <Stack gap={2}>
            <Status tone={of.error ? "bad" : tones[of.state]}>{of.state === "active" ? word("monthstep", of.step) : t(`monthend.${of.state}`)}</Status>
            {of.review && <Text size="xs">{of.review}</Text>}
            {waits && (
                <Text size="xs" c="dimmed">
                    {t("monthend.waits", { nodes: waits })}
                </Text>
            )}
            {of.error && (
                <Text size="xs" c="var(--mantine-color-error)">
                    {of.error}
                </Text>
            )}
        </Stack>
    );
}

export default function MonthEndsPage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [starting, setStarting] = useState(false);
    const [approving, setApproving] = useState<MonthEnd | undefined>();
    const [params, setParams] = useSearchParams();
    const months = monthsBack(24);
    const month = months.find((one) => one === params.get("month")) ?? months[1]!;
    const state = states.find((one) => one === params.get("state"));
    const set = (name: string, value: string | null) =>
        setParams(
            (before) => {
                const next = new URLSearchParams(before);
                value ? next.set(name, value) : next.delete(name);
                return next;
            },
            { replace: true },
        );
    const list = useList<MonthEnd>(["month-ends", "list", month, state], (cursor) => must(api.GET("/v1/admin/month-ends", { params: { query: { month, state, limit: 50, cursor } } })), { every: (items) => (items?.length && items.every((one) => one.state !== "active") ? false : everyMs) });
    const approve = useAction((id: string) => must(api.POST("/v1/admin/month-ends/{id}/approve", { params: { path: { id } } })), { stale, done: () => toast(t("monthend.approved")) });
    const retry = useAction((id: string) => must(api.POST("/v1/admin/month-ends/{id}/retry", { params: { path: { id } } })), { stale, done: () => toast(t("monthend.retried"), "busy") });
    return (
        <Page title={t("nav.operator.months")} lead={t("months.text")} actions={<Button onClick={() => setStarting(true)}>{t("monthend.start")}</Button>}>
            <Group gap="sm">
                <Select size="xs" label={t("month")} allowDeselect={false} data={months.map((one) => ({ value: one, label: format.month(one) }))} value={month} onChange={(value) => set("month", value)} />
                <Select size="xs" label={t("state")} clearable placeholder={t("any")} data={states.map((one) => ({ value: one, label: t(`monthend.${one}`) }))} value={state ?? null} onChange={(value) => set("state", value)} clearButtonProps={{ "aria-label": t("clear") }} />
            </Group>
            <Summary month={month} />
            <ProblemNote problem={retry.problem} />
            <DataTable
                label={t("nav.operator.months")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("holder.tenant"), cell: (one) => <Link href={`/operator/tenants/${one.tenant_id}`}>{names.tenant(one.tenant_id)}</Link> },
                    { head: t("state"), cell: (one) => <Progress of={one} /> },
                    { head: t("invoice.total"), cell: (one) => (one.total === null ? "–" : format.money(one.total, one.currency)), kind: "number" },
                    { head: t("invoice"), cell: (one) => (one.invoice_id ? <Link href={`/operator/invoices/${one.invoice_id}`}>{t("invoice")}</Link> : "–"), kind: "fit" },
                    { head: t("monthend.changed"), cell: (one) => <Time at={one.updated_at} />, kind: "fit" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Group gap={6} wrap="nowrap">
                                {one.state === "review" && (
                                    <Button size="compact-xs" onClick={() => setApproving(one)}>
                                        {t("monthend.approve")}
                                    </Button>
                                )}
                                {one.state !== "done" && (
                                    <Button size="compact-xs" variant="default" onClick={() => void retry.run(one.id)}>
                                        {t("retry")}
                                    </Button>
                                )}
                            </Group>
                        ),
                    },
                ]}
                empty={<Empty title={t("months.none")} text={t("months.none.text")} />}
            />
            {approving && (
                <ConfirmDialog title={t("monthend.approve")} text={t("monthend.approve.text", { name: names.tenant(approving.tenant_id), month: format.month(approving.month) })} submit={t("monthend.approve")} run={() => approve.run(approving.id)} busy={approve.busy} problem={approve.problem} close={() => setApproving(undefined)} />
            )}
            {starting && <StartDialog close={() => setStarting(false)} />}
        </Page>
    );
}
