// What is owed and what is left; payments, credits, and who invoices are made out to.
import { useState } from "react";
import { Link } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { BuyerFields, bodyOfBuyer, buyerOf, type Buyer } from "../../ui/BuyerFields";
import { DataTable } from "../../ui/DataTable";
import { Button, Group, SimpleGrid, Stack, Text, TextInput, Title } from "../../ui/kit";
import { Figure } from "../../ui/Figure";
import { Card, Page } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { useAccount, type Account } from "./data";
import { PayDialog } from "./PayDialog";

const prepaidTones: Record<Account["prepaid_state"], Tone> = { ok: "good", warned: "warn", grace: "bad", suspended: "bad", ended: "idle" };

function Balance({ account }: { account: Account }) {
    const t = useT();
    const format = useFormat();
    const money = (amount: string) => format.money(amount, account.currency);
    const prepaid = account.terms === "prepaid";
    return (
        <Card title={t("balance")} text={t(prepaid ? "balance.prepaid" : "balance.postpaid", { days: account.due_days })}>
            <SimpleGrid cols={{ base: 1, xs: 2, sm: 4 }}>
                {prepaid && <Figure value={money(account.available ?? account.balance)} label={t("balance.available")} />}
                {!prepaid && <Figure value={money(account.owed)} label={t("balance.owed")} />}
                <Figure value={money(account.balance)} label={t("balance.paid")} />
                <Figure value={money(account.credit)} label={t("balance.credit")} />
                {prepaid && account.accrued !== null && <Figure value={money(account.accrued)} label={t("balance.accrued")} />}
            </SimpleGrid>
            {prepaid && <Status tone={prepaidTones[account.prepaid_state]}>{t(`prepaid.${account.prepaid_state}`)}</Status>}
        </Card>
    );
}

function Address({ account, etag }: { account: Account; etag: string | undefined }) {
    const t = useT();
    const may = useMay();
    const [draft, setDraft] = useState<Buyer>(buyerOf(account));
    const action = useAction(() => must(api.PATCH("/v1/billing/account", { params: { header: { "If-Match": etag! } }, body: bodyOfBuyer(draft) })), { stale: ["billing"], done: () => toast(t("saved")) });
    return (
        <Card title={t("buyer")} text={t("buyer.text")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <BuyerFields value={draft} set={(part) => setDraft({ ...draft, ...part })} problem={action.problem} />
                    <ProblemNote problem={action.problem} />
                    {may("billing:write") && (
                        <Group justify="flex-end">
                            <Button size="xs" type="submit" loading={action.busy} disabled={!etag}>
                                {t("save")}
                            </Button>
                        </Group>
                    )}
                </Stack>
            </form>
        </Card>
    );
}

const paymentTones: Record<Schema["PaymentState"], Tone> = { pending: "busy", succeeded: "good", failed: "bad", refunded: "idle" };

function Payments() {
    const t = useT();
    const format = useFormat();
    const list = useList<Schema["Payment"]>(["billing", "payments"], (cursor) => must(api.GET("/v1/payments", { params: { query: { limit: 20, cursor } } })));
    return (
        <>
            <Title order={2}>{t("payments")}</Title>
            <DataTable
                label={t("payments")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("when"), cell: (one) => <Time at={one.settled_at ?? one.created_at} /> },
                    { head: t("state"), cell: (one) => <Status tone={paymentTones[one.state]}>{t(`payment.${one.state}`)}</Status> },
                    { head: t("payment.reference"), cell: (one) => <span className="mono">{one.reference ?? one.id}</span> },
                    { head: t("payment.for"), cell: (one) => (one.invoice_id ? <Link href={`/billing/invoices/${one.invoice_id}`}>{t("invoice")}</Link> : t("balance")) },
                    { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
                ]}
                empty={<Empty title={t("payments.none")} text={t("payments.none.text")} />}
            />
        </>
    );
}

function Credits() {
    const t = useT();
    const may = useMay();
    const format = useFormat();
    const [code, setCode] = useState("");
    const list = useList<Schema["Credit"]>(["billing", "credits"], (cursor) => must(api.GET("/v1/credits", { params: { query: { limit: 50, cursor } } })));
    const redeem = useAction((_, key) => must(api.POST("/v1/credits/redeem", { params: { header: { "Idempotency-Key": key } }, body: { code } })), {
        stale: ["billing"],
        done: () => {
            setCode("");
            toast(t("credit.redeemed"));
        },
    });
    return (
        <Card title={t("credits")} text={t("credits.text")}>
            {list.problem && <ProblemNote problem={list.problem} retry={list.retry} />}
            {list.items?.map((one) => (
                <Group key={one.id} justify="space-between" gap="xs">
                    <Text size="sm">
                        {one.note ?? t(`credit.${one.source}`)}
                        <Text span size="xs" c="dimmed">
                            {" · "}
                            {one.expired_at ? t("credit.expired") : one.expires_at ? t("credit.until", { day: format.day(one.expires_at) }) : t("credit.forever")}
                        </Text>
                    </Text>
                    <Text size="sm" style={{ fontVariantNumeric: "tabular-nums" }}>
                        {t("used.of", { used: format.money(one.remaining, one.currency), limit: format.money(one.amount, one.currency) })}
                    </Text>
                </Group>
            ))}
            {may("billing:write") && (
                <form
                    noValidate
                    onSubmit={(event) => {
                        event.preventDefault();
                        void redeem.run(undefined);
                    }}
                >
                    <Group align="flex-end" gap="xs">
                        <TextInput size="xs" label={t("credit.code")} value={code} error={redeem.problem?.at("code")} onChange={(e) => setCode(e.currentTarget.value.trim().toUpperCase())} />
                        <Button size="xs" type="submit" variant="default" disabled={code.length < 4} loading={redeem.busy}>
                            {t("credit.redeem")}
                        </Button>
                    </Group>
                    <ProblemNote problem={redeem.problem} />
                </form>
            )}
        </Card>
    );
}

export default function AccountPage() {
    const t = useT();
    const may = useMay();
    const query = useAccount();
    const [paying, setPaying] = useState(false);
    return (
        <Shown of={query} title={t("nav.payment")}>
            {(account) => (
                <Page title={t("nav.payment")} actions={may("billing:write") && <Button onClick={() => setPaying(true)}>{t("pay")}</Button>}>
                    <Balance account={account} />
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Address account={account} etag={query.etag} />
                        <Credits />
                    </SimpleGrid>
                    <Payments />
                    {paying && <PayDialog currency={account.currency} amount={Number(account.owed) > 0 ? account.owed : undefined} close={() => setPaying(false)} />}
                </Page>
            )}
        </Shown>
    );
}
