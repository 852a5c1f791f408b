// How the operator sells: what its invoices say of it, the ways to pay, codes.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../../api/client";
import { useAction, useList, useOne } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { DataTable } from "../../../ui/DataTable";
import { Dialog, FormDialog } from "../../../ui/Dialog";
import { Button, Group, NumberInput, Select, SimpleGrid, Stack, Switch, Text, Textarea, TextInput, Title } from "../../../ui/kit";
import { Page, Secret } from "../../../ui/Page";
import { bodyOfSeller, noSeller, SellerCard, type Seller } from "../../../ui/SellerCard";
import { Empty, ProblemNote, Shown } from "../../../ui/States";
import { Status } from "../../../ui/Status";
import { toast } from "../../../ui/Toasts";
import { amountOf, isAmount } from "./PaymentsPage";

type Provider = Schema["PaymentProvider"];
type Promotion = Schema["Promotion"];
const stale = ["selling"];

function SellerForm({ seller, etag }: { seller: Seller; etag: string | undefined }) {
    const t = useT();
    const [draft, setDraft] = useState(seller);
    // Without an ETag it is said for the first time.
    const action = useAction(() => must(api.PUT("/v1/admin/billing/seller", { params: { header: { "If-Match": etag as string } }, body: bodyOfSeller(draft) })), { stale, done: () => toast(t("saved")) });
    return <SellerCard value={draft} set={(part) => setDraft({ ...draft, ...part })} problem={action.problem} busy={action.busy} save={() => void action.run(undefined)} />;
}

function ProviderDialog({ close }: { close: () => void }) {
    const t = useT();
    const [draft, setDraft] = useState<{ kind: "manual" | "webhook"; title: string; instructions: string; checkout_url: string }>({ kind: "manual", title: "", instructions: "", checkout_url: "" });
    const set = (part: Partial<typeof draft>) => setDraft({ ...draft, ...part });
    const body = { kind: draft.kind, title: draft.title, instructions: draft.instructions, ...(draft.checkout_url && { checkout_url: draft.checkout_url }) };
    const action = useAction((_, key) => must(api.POST("/v1/admin/payment-providers", { params: { header: { "Idempotency-Key": key } }, body })), { stale, done: (made) => made.secret === null && close() });
    if (action.output?.secret) {
        return (
            <Dialog title={draft.title} close={close} size="lg">
                <Stack>
                    <Text size="sm">{t("provider.secret")}</Text>
                    <Secret text={action.output.secret} />
                    <Text size="sm">{t("provider.url")}</Text>
                    <Secret text={`${window.location.origin}/v1/payment-webhooks/${action.output.id}`} />
                    <Button onClick={close}>{t("done")}</Button>
                </Stack>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t("provider.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={!draft.title} onSubmit={() => void action.run(undefined)}>
            <Select label={t("kind")} allowDeselect={false} data={(["manual", "webhook"] as const).map((one) => ({ value: one, label: t(`provider.${one}`) }))} value={draft.kind} onChange={(value) => set({ kind: value as "manual" })} />
            <TextInput data-autofocus label={t("title")} description={t("title.text")} value={draft.title} error={action.problem?.at("title")} onChange={(e) => set({ title: e.currentTarget.value })} />
            <Textarea label={t("provider.instructions")} autosize minRows={2} value={draft.instructions} error={action.problem?.at("instructions")} onChange={(e) => set({ instructions: e.currentTarget.value })} />
            {draft.kind === "webhook" && <TextInput type="url" label={t("provider.checkout")} description={t("provider.checkout.text")} value={draft.checkout_url} error={action.problem?.at("checkout_url")} onChange={(e) => set({ checkout_url: e.currentTarget.value.trim() })} />}
        </FormDialog>
    );
}

function Providers() {
    const t = useT();
    const [adding, setAdding] = useState(false);
    const list = useList<Provider>(["selling", "providers"], (cursor) => must(api.GET("/v1/admin/payment-providers", { params: { query: { limit: 50, cursor } } })));
    const change = useAction((one: Provider) => must(api.PATCH("/v1/admin/payment-providers/{id}", { params: { path: { id: one.id }, header: { "If-Match": "*" } }, body: { active: !one.active } })), { stale });
    return (
        <>
            <Group justify="space-between">
                <Title order={2}>{t("providers")}</Title>
                <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                    {t("provider.add")}
                </Button>
            </Group>
            <ProblemNote problem={change.problem} />
            <DataTable
                label={t("providers")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("title"), cell: (one) => one.title },
                    { head: t("kind"), cell: (one) => t(`provider.${one.kind}`) },
                    { head: t("state"), cell: (one) => <Status tone={one.active ? "good" : "idle"}>{t(one.active ? "on" : "off")}</Status> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" onClick={() => void change.run(one)}>
                                {t(one.active ? "disable" : "enable")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("providers.none")} text={t("providers.none.text")} />}
            />
            {adding && <ProviderDialog close={() => setAdding(false)} />}
        </>
    );
}

function PromotionDialog({ close }: { close: () => void }) {
    const t = useT();
    const [code, setCode] = useState("");
    const [sum, setSum] = useState("");
    const [currency, setCurrency] = useState("EUR");
    const [until, setUntil] = useState("");
    const [days, setDays] = useState<number | "">("");
    const [uses, setUses] = useState<number | "">("");
    const body = { code, amount: amountOf(sum), currency, ...(until && { expires_at: `${until}T00:00:00Z` }), ...(days !== "" && { credit_days: days }), ...(uses !== "" && { max_uses: uses }) };
    const action = useAction((_, key) => must(api.POST("/v1/admin/promotions", { params: { header: { "Idempotency-Key": key } }, body })), { stale, done: close });
    const count = (value: string | number) => (value === "" ? "" : Number(value));
    return (
        <FormDialog title={t("promotion.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={code.length < 4 || !isAmount(sum)} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("credit.code")} description={t("promotion.rule")} value={code} error={action.problem?.at("code")} onChange={(e) => setCode(e.currentTarget.value.toUpperCase())} />
            <SimpleGrid cols={2}>
                <TextInput label={t("amount")} inputMode="decimal" value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
                <TextInput label={t("plan.currency")} maxLength={3} value={currency} error={action.problem?.at("currency")} onChange={(e) => setCurrency(e.currentTarget.value.toUpperCase())} />
                <NumberInput label={t("promotion.uses")} min={1} allowDecimal={false} value={uses} error={action.problem?.at("max_uses")} onChange={(value) => setUses(count(value))} />
                <NumberInput label={t("promotion.days")} min={1} allowDecimal={false} value={days} error={action.problem?.at("credit_days")} onChange={(value) => setDays(count(value))} />
            </SimpleGrid>
            <TextInput type="date" label={t("promotion.until")} value={until} error={action.problem?.at("expires_at")} onChange={(e) => setUntil(e.currentTarget.value)} />
        </FormDialog>
    );
}

function Promotions() {
    const t = useT();
    const format = useFormat();
    const [adding, setAdding] = useState(false);
    const list = useList<Promotion>(["selling", "promotions"], (cursor) => must(api.GET("/v1/admin/promotions", { params: { query: { limit: 50, cursor } } })));
    const change = useAction((one: Promotion) => must(api.PATCH("/v1/admin/promotions/{id}", { params: { path: { id: one.id }, header: { "If-Match": "*" } }, body: { active: !one.active } })), { stale });
    return (
        <>
            <Group justify="space-between">
                <Title order={2}>{t("promotions")}</Title>
                <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                    {t("promotion.add")}
                </Button>
            </Group>
            <ProblemNote problem={change.problem} />
            <DataTable
                label={t("promotions")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("credit.code"), cell: (one) => <span className="mono">{one.code}</span> },
                    { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
                    { head: t("promotion.used"), cell: (one) => (one.max_uses === null ? format.number(one.uses) : t("used.of", { used: format.number(one.uses), limit: format.number(one.max_uses) })), kind: "number" },
                    { head: t("expires"), cell: (one) => (one.expires_at ? format.day(one.expires_at) : t("never")) },
                    { head: t("state"), cell: (one) => <Switch size="xs" aria-label={t("promotion.active", { code: one.code })} checked={one.active} onChange={() => void change.run(one)} /> },
                ]}
                empty={<Empty title={t("promotions.none")} text={t("promotions.none.text")} />}
            />
            {adding && <PromotionDialog close={() => setAdding(false)} />}
        </>
    );
}

export default function SellingPage() {
    const t = useT();
    const query = useOne(["selling", "seller"], () => ask(api.GET("/v1/admin/billing/seller")));
    return (
        <Page title={t("nav.operator.selling")} lead={t("selling.text")}>
            {query.error?.status === 404 ? <SellerForm seller={noSeller} etag={undefined} /> : <Shown of={query}>{(seller) => <SellerForm seller={seller} etag={query.etag} />}</Shown>}
            <Providers />
            <Promotions />
        </Page>
    );
}
