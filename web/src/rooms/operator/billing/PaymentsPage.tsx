// Money that came in: what providers said, and what somebody wrote down.
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { api, must } from "../../../api/client";
import { useAction, useList } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { amountOf, isAmount } from "../../../ui/amount";
import { DataTable } from "../../../ui/DataTable";
import { FormDialog } from "../../../ui/Dialog";
import { Button, Group, Select, Text, Textarea, TextInput } from "../../../ui/kit";
import { Page } from "../../../ui/Page";
import { PaymentState, refundable, RefundDialog, type Payment } from "../../../ui/Refund";
import { Empty } from "../../../ui/States";
import { Time } from "../../../ui/Status";
import { toast } from "../../../ui/Toasts";
import { optionsOf, ThingFilter } from "../AllVpsPage";
import { useOperatorNames, useTenants } from "../data";

const states = ["pending", "succeeded", "failed", "refunded"] as const;
const stale = ["billing"];

export function PaymentDialog({ tenant, invoice, amount, currency, close }: { tenant?: string; invoice?: string; amount?: string; currency?: string; close: () => void }) {
    const t = useT();
    const tenants = (useTenants().value?.items ?? []).filter((one) => one.kind !== "operator");
    const [whose, setWhose] = useState<string | null>(tenant ?? null);
    const [sum, setSum] = useState(amount ?? "");
    const [reference, setReference] = useState("");
    const [note, setNote] = useState("");
    const body = { tenant_id: whose!, amount: amountOf(sum), reference, ...(currency && { currency }), ...(invoice && { invoice_id: invoice }), ...(note && { note }) };
    const action = useAction((_, key) => must(api.POST("/v1/admin/payments", { params: { header: { "Idempotency-Key": key } }, body })), {
        stale,
        done: () => {
            toast(t("payment.recorded"));
            close();
        },
    });
    return (
        <FormDialog title={t("payment.record")} close={close} submit={t("payment.record")} busy={action.busy} problem={action.problem} disabled={!whose || !isAmount(sum) || !reference} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("payment.record.text")}</Text>
            {!tenant && <Select data-autofocus searchable label={t("holder.tenant")} data={optionsOf(tenants)} value={whose} onChange={setWhose} error={action.problem?.at("tenant_id")} />}
            <TextInput label={t("amount")} inputMode="decimal" rightSection={currency && <Text size="sm">{currency}</Text>} rightSectionWidth={52} value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
            <TextInput data-autofocus={tenant ? true : undefined} label={t("payment.reference")} description={t("payment.reference.text")} value={reference} error={action.problem?.at("reference")} onChange={(e) => setReference(e.currentTarget.value)} />
            <Textarea label={t("note")} value={note} error={action.problem?.at("note")} onChange={(e) => setNote(e.currentTarget.value)} />
        </FormDialog>
    );
}

export default function PaymentsPage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [params] = useSearchParams();
    const [asked, setAsked] = useState<"record" | Payment | undefined>();
    const filter = { tenant_id: params.get("tenant") ?? undefined, state: states.find((one) => one === params.get("state")) };
    const list = useList<Payment>(["billing", "admin-payments", filter], (cursor) => must(api.GET("/v1/admin/payments", { params: { query: { ...filter, limit: 50, cursor } } })));
    return (
        <Page title={t("payments")} actions={<Button onClick={() => setAsked("record")}>{t("payment.record")}</Button>}>
            <Group gap="sm">
                <ThingFilter name="tenant" label={t("holder.tenant")} data={optionsOf(useTenants().value?.items)} />
                <ThingFilter name="state" label={t("state")} data={states.map((one) => ({ value: one, label: t(`payment.${one}`) }))} />
            </Group>
            <DataTable
                label={t("payments")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("holder.tenant"), cell: (one) => <Link href={`/operator/tenants/${one.tenant_id}`}>{names.tenant(one.tenant_id)}</Link> },
                    { head: t("state"), cell: (one) => <PaymentState of={one} /> },
                    { head: t("payment.reference"), cell: (one) => <span className="mono">{one.reference ?? "–"}</span> },
                    { head: t("payment.for"), cell: (one) => (one.invoice_id ? <Link href={`/operator/invoices/${one.invoice_id}`}>{t("invoice")}</Link> : t("balance")) },
                    { head: t("when"), cell: (one) => <Time at={one.settled_at ?? one.created_at} />, kind: "fit" },
                    { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            refundable(one) ? (
                                <Button size="compact-xs" variant="default" onClick={() => setAsked(one)}>
                                    {t("payment.refund")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("payments.none")} text={t("payments.admin.none")} />}
            />
            {asked === "record" && <PaymentDialog close={() => setAsked(undefined)} />}
            {asked && asked !== "record" && (
                <RefundDialog payment={asked} order={(body, key) => must(api.POST("/v1/admin/payments/{id}/refund", { params: { path: { id: asked.id }, header: { "Idempotency-Key": key } }, body }))} close={() => setAsked(undefined)} />
            )}
        </Page>
    );
}
