// How the operator sells: what its invoices say of it, the ways to pay, codes.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../../api/client";
import { useAction, useList, useOne } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { DataTable } from "../../../ui/DataTable";
import { Dialog, FormDialog } from "../../../ui/Dialog";
import { Button, Group, Select, Stack, Text, Textarea, TextInput, Title } from "../../../ui/kit";
import { Page, Secret } from "../../../ui/Page";
import { Promotions, type Promotion } from "../../../ui/Promotions";
import { bodyOfSeller, noSeller, SellerCard, type Seller } from "../../../ui/SellerCard";
import { Empty, ProblemNote, Shown } from "../../../ui/States";
import { Status } from "../../../ui/Status";
import { toast } from "../../../ui/Toasts";

type Provider = Schema["PaymentProvider"];
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

function Codes() {
    const list = useList<Promotion>(["selling", "promotions"], (cursor) => must(api.GET("/v1/admin/promotions", { params: { query: { limit: 50, cursor } } })));
    return (
        <Promotions
            list={list}
            add={(body, key) => must(api.POST("/v1/admin/promotions", { params: { header: { "Idempotency-Key": key } }, body }))}
            change={(one) => must(api.PATCH("/v1/admin/promotions/{id}", { params: { path: { id: one.id }, header: { "If-Match": "*" } }, body: { active: !one.active } }))}
        />
    );
}

export default function SellingPage() {
    const t = useT();
    const query = useOne(["selling", "seller"], () => ask(api.GET("/v1/admin/billing/seller")));
    return (
        <Page title={t("nav.operator.selling")} lead={t("selling.text")}>
            {query.error?.status === 404 ? <SellerForm seller={noSeller} etag={undefined} /> : <Shown of={query}>{(seller) => <SellerForm seller={seller} etag={query.etag} />}</Shown>}
            <Providers />
            <Codes />
        </Page>
    );
}
