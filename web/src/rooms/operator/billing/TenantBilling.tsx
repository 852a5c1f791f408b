// What a tenant's seller decides of its account: terms, tax, credit; and what was booked on it.
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, ask, must, type Schema } from "../../../api/client";
import { useAction, useList, useOne } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { amountOf, isAmount } from "../../../ui/amount";
import { BuyerFields, bodyOfBuyer, buyerOf, type Buyer } from "../../../ui/BuyerFields";
import { DataTable } from "../../../ui/DataTable";
import { FormDialog } from "../../../ui/Dialog";
import { Button, Group, NumberInput, Select, SimpleGrid, Switch, Text, TextInput } from "../../../ui/kit";
import { Card, Facts, Page } from "../../../ui/Page";
import { Empty, Shown } from "../../../ui/States";
import { Status, Time } from "../../../ui/Status";
import { toast } from "../../../ui/Toasts";
import { useOperatorNames } from "../data";
import { PaymentDialog } from "./PaymentsPage";

type Account = Schema["BillingAccount"];
type Entry = Schema["LedgerEntry"];
const dayS = 86_400;
const stale = ["billing"];

function TermsDialog({ id, account, etag, close }: { id: string; account: Account; etag: string; close: () => void }) {
    const t = useT();
    const [draft, setDraft] = useState(account);
    const [buyer, setBuyer] = useState<Buyer>(buyerOf(account));
    const set = (part: Partial<Account>) => setDraft({ ...draft, ...part });
    const { terms, currency, tax_exempt, traffic_policy, due_days, warn_below, grace_s, end_after_s } = draft;
    const body = { ...bodyOfBuyer(buyer), terms, currency, tax_exempt, traffic_policy, due_days, warn_below: amountOf(warn_below), grace_s, end_after_s };
    const action = useAction(() => must(api.PUT("/v1/admin/tenants/{id}/billing", { params: { path: { id }, header: { "If-Match": etag } }, body })), {
        stale,
        done: () => {
            toast(t("saved"));
            close();
        },
    });
    const days = (name: "grace_s" | "end_after_s", label: string) => <NumberInput label={label} min={0} max={365} value={draft[name] / dayS} error={action.problem?.at(name)} onChange={(value) => set({ [name]: Math.round(Number(value) * dayS) })} />;
    return (
        <FormDialog title={t("account.terms")} close={close} size="lg" submit={t("save")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
                <Select data-autofocus label={t("terms")} allowDeselect={false} data={(["postpaid", "prepaid"] as const).map((one) => ({ value: one, label: t(`terms.${one}`) }))} value={terms} onChange={(value) => set({ terms: value as "prepaid" })} />
                <TextInput label={t("plan.currency")} maxLength={3} value={currency} error={action.problem?.at("currency")} onChange={(e) => set({ currency: e.currentTarget.value.toUpperCase() })} />
                {terms === "postpaid" && <NumberInput label={t("terms.due")} min={0} max={365} allowDecimal={false} value={due_days} error={action.problem?.at("due_days")} onChange={(value) => set({ due_days: Number(value) || 0 })} />}
                {terms === "prepaid" && <TextInput label={t("terms.warn")} inputMode="decimal" value={warn_below} error={action.problem?.at("warn_below")} onChange={(e) => set({ warn_below: e.currentTarget.value.trim() })} />}
                {terms === "prepaid" && days("grace_s", t("terms.grace"))}
                {terms === "prepaid" && days("end_after_s", t("terms.end"))}
                <Select label={t("terms.traffic")} allowDeselect={false} data={(["bill", "throttle"] as const).map((one) => ({ value: one, label: t(`traffic.${one}`) }))} value={traffic_policy} onChange={(value) => set({ traffic_policy: value as "bill" })} />
            </SimpleGrid>
            <Switch label={t("terms.exempt")} checked={tax_exempt} onChange={(e) => set({ tax_exempt: e.currentTarget.checked })} />
            <BuyerFields value={buyer} set={(part) => setBuyer({ ...buyer, ...part })} problem={action.problem} />
        </FormDialog>
    );
}

function CreditDialog({ id, currency, close }: { id: string; currency: string; close: () => void }) {
    const t = useT();
    const [sum, setSum] = useState("");
    const [note, setNote] = useState("");
    const [until, setUntil] = useState("");
    const body = { amount: amountOf(sum), ...(note && { note }), ...(until && { expires_at: `${until}T00:00:00Z` }) };
    const action = useAction((_, key) => must(api.POST("/v1/admin/tenants/{id}/credits", { params: { path: { id }, header: { "Idempotency-Key": key } }, body })), {
        stale,
        done: () => {
            toast(t("credit.granted"));
            close();
        },
    });
    return (
        <FormDialog title={t("credit.grant")} close={close} submit={t("credit.grant")} busy={action.busy} problem={action.problem} disabled={!isAmount(sum)} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("credits.text")}</Text>
            <TextInput data-autofocus label={t("amount")} inputMode="decimal" rightSection={<Text size="sm">{currency}</Text>} rightSectionWidth={52} value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
            <TextInput type="date" label={t("expires")} description={t("credit.expires.text")} value={until} error={action.problem?.at("expires_at")} onChange={(e) => setUntil(e.currentTarget.value)} />
            <TextInput label={t("note")} description={t("reason.shown")} value={note} error={action.problem?.at("note")} onChange={(e) => setNote(e.currentTarget.value)} />
        </FormDialog>
    );
}

function Ledger({ id }: { id: string }) {
    const t = useT();
    const format = useFormat();
    const list = useList<Entry>(["billing", "ledger", id], (cursor) => must(api.GET("/v1/admin/tenants/{id}/ledger", { params: { path: { id }, query: { limit: 50, cursor } } })));
    return (
        <DataTable
            label={t("ledger")}
            list={list}
            id={(one) => one.id}
            columns={[
                { head: t("when"), cell: (one) => <Time at={one.created_at} />, kind: "fit" },
                { head: t("kind"), cell: (one) => t(`entry.${one.kind}`) },
                { head: t("description"), cell: (one) => one.description },
                { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
            ]}
            empty={<Empty title={t("ledger.none")} />}
        />
    );
}

export default function TenantBilling({ id }: { id: string }) {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [asked, setAsked] = useState<"terms" | "credit" | "payment" | undefined>();
    const query = useOne(["billing", "tenant", id], () => ask(api.GET("/v1/admin/tenants/{id}/billing", { params: { path: { id } } })));
    const close = () => setAsked(undefined);
    return (
        <Shown of={query} title={t("nav.billing")}>
            {(account) => {
                const money = (amount: string) => format.money(amount, account.currency);
                return (
                    <Page
                        title={t("account.of", { name: names.tenant(id) })}
                        lead={<Link href={`/operator/tenants/${id}`}>{names.tenant(id)}</Link>}
                        actions={
                            <>
                                <Button variant="default" onClick={() => setAsked("credit")}>
                                    {t("credit.grant")}
                                </Button>
                                <Button variant="default" onClick={() => setAsked("payment")}>
                                    {t("payment.record")}
                                </Button>
                                <Button onClick={() => setAsked("terms")}>{t("account.terms")}</Button>
                            </>
                        }
                    >
                        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                            <Card title={t("balance")}>
                                <Facts
                                    rows={[
                                        [t("balance.paid"), money(account.balance)],
                                        [t("balance.owed"), money(account.owed)],
                                        [t("balance.credit"), money(account.credit)],
                                        ...(account.terms === "prepaid" ? ([[t("balance.available"), money(account.available ?? account.balance)], [t("state"), <Status tone={account.prepaid_state === "ok" ? "good" : "warn"}>{t(`prepaid.${account.prepaid_state}`)}</Status>]] as [string, ReactNode][]) : []),
                                    ]}
                                />
                                <Group gap="sm" fz="sm">
                                    <Link href={`/operator/invoices?tenant=${id}`}>{t("nav.invoices")}</Link>
                                    <Link href={`/operator/payments?tenant=${id}`}>{t("payments")}</Link>
                                </Group>
                            </Card>
                            <Card title={t("account.terms")}>
                                <Facts
                                    rows={[
                                        [t("terms"), t(`terms.${account.terms}`)],
                                        [t("plan.currency"), account.currency],
                                        [t("terms.due"), format.number(account.due_days)],
                                        [t("terms.traffic"), t(`traffic.${account.traffic_policy}`)],
                                        [t("terms.exempt"), t(account.tax_exempt ? "yes" : "no")],
                                        [t("buyer"), [account.company, account.city, account.country, account.vat_id].filter(Boolean).join(" · ") || "–"],
                                    ]}
                                />
                            </Card>
                        </SimpleGrid>
                        <Ledger id={id} />
                        {asked === "terms" && query.etag && <TermsDialog id={id} account={account} etag={query.etag} close={close} />}
                        {asked === "credit" && <CreditDialog id={id} currency={account.currency} close={close} />}
                        {asked === "payment" && <PaymentDialog tenant={id} currency={account.currency} close={close} />}
                    </Page>
                );
            }}
        </Shown>
    );
}
