// One tenant below: its state, what it costs at the reseller's prices, its terms, its invoices.
import { useState } from "react";
import { Link } from "wouter";
import { api, ask, must, save, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { amountOf, isAmount } from "../../ui/amount";
import { CostFigures, CostVps } from "../../ui/Costs";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { invoicesStale } from "../../ui/InvoiceOrder";
import { InvoiceState, type Invoice } from "../../ui/Invoices";
import { Alert, Button, Group, NumberInput, Select, SimpleGrid, Text, Textarea, TextInput, Title } from "../../ui/kit";
import { Card, Facts, Page } from "../../ui/Page";
import { QuotaMeters } from "../../ui/QuotaMeters";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Labels, Time } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { CustomerPayments } from "./CustomerPayments";
import { CustomerState } from "./CustomersPage";

type Tenant = Schema["Tenant"];
type Account = Schema["BillingAccount"];
const stale = ["tenants", "billing"];

function SuspendDialog({ tenant, close }: { tenant: Tenant; close: () => void }) {
    const t = useT();
    const [reason, setReason] = useState("");
    const action = useAction(() => must(api.POST("/v1/tenants/{id}/suspend", { params: { path: { id: tenant.id } }, body: { reason } })), { stale, done: close });
    return (
        <FormDialog title={t("tenant.suspend")} close={close} submit={t("tenant.suspend")} danger busy={action.busy} problem={action.problem} disabled={!reason} onSubmit={() => void action.run(undefined)}>
            <Textarea data-autofocus label={t("reason")} description={t("reason.shown")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
        </FormDialog>
    );
}

function MoneyDialog({ id, kind, currency, close }: { id: string; kind: "payment" | "credit"; currency: string; close: () => void }) {
    const t = useT();
    const [sum, setSum] = useState("");
    const [text, setText] = useState("");
    const amount = amountOf(sum);
    const action = useAction(
        async (_, key) => {
            const params = { path: { id }, header: { "Idempotency-Key": key } };
            kind === "payment" ? await must(api.POST("/v1/tenants/{id}/payments", { params, body: { amount, reference: text } })) : await must(api.POST("/v1/tenants/{id}/credits", { params, body: { amount, ...(text && { note: text }) } }));
        },
        {
            stale,
            done: () => {
                toast(t(kind === "payment" ? "payment.recorded" : "credit.granted"));
                close();
            },
        },
    );
    const title = t(kind === "payment" ? "payment.record" : "credit.grant");
    return (
        <FormDialog title={title} close={close} submit={title} busy={action.busy} problem={action.problem} disabled={!isAmount(sum) || (kind === "payment" && !text)} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("amount")} inputMode="decimal" rightSection={<Text size="sm">{currency}</Text>} rightSectionWidth={52} value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
            <TextInput label={t(kind === "payment" ? "payment.reference" : "note")} value={text} error={action.problem?.at(kind === "payment" ? "reference" : "note")} onChange={(e) => setText(e.currentTarget.value)} />
        </FormDialog>
    );
}

function TermsDialog({ id, account, etag, close }: { id: string; account: Account; etag: string; close: () => void }) {
    const t = useT();
    const [terms, setTerms] = useState(account.terms);
    const [days, setDays] = useState(account.due_days);
    const action = useAction(() => must(api.PUT("/v1/tenants/{id}/billing", { params: { path: { id }, header: { "If-Match": etag } }, body: { terms, due_days: days } })), { stale, done: close });
    return (
        <FormDialog title={t("account.terms")} close={close} submit={t("save")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <Select data-autofocus label={t("terms")} allowDeselect={false} data={(["postpaid", "prepaid"] as const).map((one) => ({ value: one, label: t(`terms.${one}`) }))} value={terms} onChange={(value) => setTerms(value as "prepaid")} />
            <NumberInput label={t("terms.due")} min={0} max={365} allowDecimal={false} value={days} error={action.problem?.at("due_days")} onChange={(value) => setDays(Number(value) || 0)} />
        </FormDialog>
    );
}

function AccountCard({ id }: { id: string }) {
    const t = useT();
    const format = useFormat();
    const may = useMay();
    const orders = (["terms", "payment", "credit"] as const).filter((one) => may(one === "payment" ? "billing:write" : "billing:give"));
    const [asked, setAsked] = useState<"terms" | "payment" | "credit" | undefined>();
    const query = useOne(["billing", "below", id], () => ask(api.GET("/v1/tenants/{id}/billing", { params: { path: { id } } })));
    const close = () => setAsked(undefined);
    return (
        <Card title={t("nav.billing")}>
            <Shown of={query}>
                {(account) => (
                    <>
                        <Facts
                            rows={[
                                [t("terms"), t(`terms.${account.terms}`)],
                                [t("balance.paid"), format.money(account.balance, account.currency)],
                                [t("balance.owed"), format.money(account.owed, account.currency)],
                                [t("balance.credit"), format.money(account.credit, account.currency)],
                                [t("terms.due"), format.number(account.due_days)],
                            ]}
                        />
                        <Group gap="xs">
                            {orders.map((one) => (
                                <Button key={one} size="xs" variant="default" onClick={() => setAsked(one)}>
                                    {t(one === "terms" ? "account.terms" : one === "payment" ? "payment.record" : "credit.grant")}
                                </Button>
                            ))}
                        </Group>
                        {asked === "terms" && query.etag && <TermsDialog id={id} account={account} etag={query.etag} close={close} />}
                        {(asked === "payment" || asked === "credit") && <MoneyDialog id={id} kind={asked} currency={account.currency} close={close} />}
                    </>
                )}
            </Shown>
        </Card>
    );
}

// A month that waits until somebody has looked at it.
function HeldMonths({ id, name }: { id: string; name: string }) {
    const t = useT();
    const format = useFormat();
    const [approving, setApproving] = useState<Schema["MonthEnd"] | undefined>();
    const query = useOne(["month-ends", "below", id], () => ask(api.GET("/v1/month-ends", { params: { query: { tenant_id: id, state: "review" } } })));
    const approve = useAction((month: string) => must(api.POST("/v1/month-ends/{id}/approve", { params: { path: { id: month } } })), { stale: invoicesStale, done: () => toast(t("monthend.approved")) });
    const retry = useAction((month: string) => must(api.POST("/v1/month-ends/{id}/retry", { params: { path: { id: month } } })), { stale: invoicesStale, done: () => toast(t("monthend.retried"), "busy") });
    return (
        <>
            <ProblemNote problem={retry.problem ?? query.error ?? undefined} />
            {query.value?.items.map((one) => (
                <Alert key={one.id} color="orange" variant="outline" title={`${format.month(one.month)}: ${t("monthend.review")}`}>
                    <Text size="sm">{one.review}</Text>
                    <Group gap="xs" mt="xs">
                        {one.invoice_id && <Link href={`/billing/invoices/${one.invoice_id}`}>{t("invoice")}</Link>}
                        <Button size="compact-xs" onClick={() => setApproving(one)}>
                            {t("monthend.approve")}
                        </Button>
                        <Button size="compact-xs" variant="default" onClick={() => void retry.run(one.id)}>
                            {t("retry")}
                        </Button>
                    </Group>
                </Alert>
            ))}
            {approving && (
                <ConfirmDialog title={t("monthend.approve")} text={t("monthend.approve.text", { name, month: format.month(approving.month) })} submit={t("monthend.approve")} run={() => approve.run(approving.id)} busy={approve.busy} problem={approve.problem} close={() => setApproving(undefined)} />
            )}
        </>
    );
}

function Invoices({ id, name }: { id: string; name: string }) {
    const t = useT();
    const format = useFormat();
    const list = useList<Invoice>(["billing", "below", id, "invoices"], (cursor) => must(api.GET("/v1/tenants/{id}/invoices", { params: { path: { id }, query: { limit: 20, cursor } } })));
    const pdf = useAction((one: Invoice) => save(api.GET("/v1/invoices/{id}/pdf", { params: { path: { id: one.id } }, parseAs: "blob" }), `${one.number ?? one.id}.pdf`));
    return (
        <>
            <Title order={2}>{t("nav.invoices")}</Title>
            <HeldMonths id={id} name={name} />
            <ProblemNote problem={pdf.problem} />
            <DataTable
                label={t("nav.invoices")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("invoice.number"), cell: (one) => <Link href={`/billing/invoices/${one.id}`}>{one.number ?? t("invoice.draft")}</Link> },
                    { head: t("month"), cell: (one) => format.month(one.month) },
                    { head: t("state"), cell: (one) => <InvoiceState of={one} /> },
                    { head: t("invoice.total"), cell: (one) => format.money(one.total, one.currency), kind: "number" },
                    { head: t("invoice.open"), cell: (one) => format.money(one.open, one.currency), kind: "number" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" onClick={() => void pdf.run(one)}>
                                PDF
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("invoices.none")} text={t("invoices.admin.none")} />}
            />
        </>
    );
}

export default function CustomerPage({ id }: { id: string }) {
    const t = useT();
    const may = useMay();
    const [suspending, setSuspending] = useState(false);
    const params = { path: { id } };
    const query = useOne(["tenants", "below", id], () => ask(api.GET("/v1/tenants/{id}", { params })));
    const quotas = useOne(["quotas", "below", id], () => ask(api.GET("/v1/tenants/{id}/quotas", { params })));
    const costs = useOne(["billing", "below", id, "costs"], () => ask(api.GET("/v1/tenants/{id}/costs", { params })));
    const resume = useAction(() => must(api.POST("/v1/tenants/{id}/resume", { params })), { stale, done: () => toast(t("tenant.resumed")) });
    return (
        <Shown of={query} title={t("nav.customers")}>
            {(tenant) => (
                <Page
                    title={tenant.name}
                    lead={<CustomerState tenant={tenant} />}
                    actions={
                        !may("tenants:write") || tenant.state === "closed" ? null : tenant.state === "active" ? (
                            <Button variant="default" onClick={() => setSuspending(true)}>
                                {t("tenant.suspend")}
                            </Button>
                        ) : (
                            <Button loading={resume.busy} onClick={() => void resume.run(undefined)}>
                                {t("tenant.resume")}
                            </Button>
                        )
                    }
                >
                    <ProblemNote problem={resume.problem} />
                    {tenant.suspended_reason && (
                        <Alert color="orange" variant="outline">
                            <Text size="sm">{tenant.suspended_reason}</Text>
                        </Alert>
                    )}
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Card title={t("details")}>
                            <Facts
                                rows={[
                                    [t("labels"), Object.keys(tenant.labels).length > 0 ? <Labels of={tenant.labels} /> : "–"],
                                    [t("external.ref"), tenant.external_ref ?? "–"],
                                    [t("created"), <Time at={tenant.created_at} />],
                                    [t("id"), <span className="mono">{tenant.id}</span>],
                                ]}
                            />
                            <Text size="sm">
                                <Link href="/reselling/customers">{t("nav.customers")}</Link>
                            </Text>
                        </Card>
                        <AccountCard id={id} />
                    </SimpleGrid>
                    <Shown of={costs}>
                        {(of) => (
                            <>
                                <CostFigures of={of} />
                                <CostVps of={of} />
                            </>
                        )}
                    </Shown>
                    <Invoices id={id} name={tenant.name} />
                    <CustomerPayments id={id} />
                    <Card title={t("nav.quotas")}>
                        <Shown of={quotas}>{({ items }) => <QuotaMeters of={items.filter((one) => one.limit !== null || one.used > 0)} />}</Shown>
                    </Card>
                    {suspending && <SuspendDialog tenant={tenant} close={() => setSuspending(false)} />}
                </Page>
            )}
        </Shown>
    );
}
