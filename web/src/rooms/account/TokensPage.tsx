import { useState } from "react";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, Dialog, FormDialog } from "../../ui/Dialog";
import { Button, MultiSelect, Select, Stack, Switch, TagsInput, Text, TextInput } from "../../ui/kit";
import { Page, Secret } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Time } from "../../ui/Status";

type Token = Schema["Token"];

const resources = ["vps", "tasks", "images", "catalogue", "quotas", "tokens", "members", "tenants", "events", "webhooks", "billing", "console", "network", "snapshots", "profile"];
const scopes = ["read", "write", ...resources.flatMap((one) => [`${one}:read`, `${one}:write`])];
const lives = ["7", "30", "90", "365", "none"] as const;

interface Draft {
    name: string;
    scopes: string[];
    readOnly: boolean;
    addresses: string[];
    life: (typeof lives)[number];
}

const bodyOf = (draft: Draft): Schema["TokenCreate"] => ({
    name: draft.name,
    scopes: draft.scopes,
    read_only: draft.readOnly,
    ...(draft.addresses.length > 0 && { addresses: draft.addresses }),
    expires_at: draft.life === "none" ? null : new Date(Date.now() + Number(draft.life) * 86_400_000).toISOString().replace(/\.\d+Z$/, "Z"),
});

function Made({ token, close }: { token: Token; close: () => void }) {
    const t = useT();
    return (
        <Dialog title={t("token.made")} close={close}>
            <Stack>
                <Text size="sm">{t("secret.once")}</Text>
                <Secret text={token.token ?? ""} />
                <Button onClick={close}>{t("done")}</Button>
            </Stack>
        </Dialog>
    );
}

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [draft, setDraft] = useState<Draft>({ name: "", scopes: ["vps:write"], readOnly: false, addresses: [], life: "90" });
    const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
    const action = useAction((_, key) => must(api.POST("/v1/tokens", { params: { header: { "Idempotency-Key": key } }, body: bodyOf(draft) })), { stale: ["tokens"] });
    if (action.output) {
        return <Made token={action.output} close={close} />;
    }
    return (
        <FormDialog title={t("token.create")} close={close} submit={t("token.create")} busy={action.busy} problem={action.problem} disabled={!draft.name || draft.scopes.length === 0} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={draft.name} error={action.problem?.at("name")} onChange={(e) => set({ name: e.currentTarget.value })} />
            <MultiSelect searchable label={t("scopes")} description={t("scopes.text")} data={scopes} value={draft.scopes} error={action.problem?.at("scopes")} onChange={(value) => set({ scopes: value })} />
            <Select label={t("expires")} allowDeselect={false} data={lives.map((one) => ({ value: one, label: t(`life.${one}`) }))} value={draft.life} onChange={(value) => set({ life: value as Draft["life"] })} />
            <TagsInput label={t("token.addresses")} description={t("token.addresses.text")} value={draft.addresses} error={action.problem?.at("addresses")} onChange={(value) => set({ addresses: value })} />
            <Switch label={t("token.readonly")} checked={draft.readOnly} onChange={(e) => set({ readOnly: e.currentTarget.checked })} />
        </FormDialog>
    );
}

export default function TokensPage() {
    const t = useT();
    const mayChange = useMay()("tokens:write");
    const [making, setMaking] = useState(false);
    const [leaving, setLeaving] = useState<Token | undefined>();
    const list = useList<Token>(["tokens", "list"], (cursor) => must(api.GET("/v1/tokens", { params: { query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/tokens/{id}", { params: { path: { id } } })), { stale: ["tokens"] });
    return (
        <Page title={t("nav.tokens")} lead={t("tokens.text")} actions={mayChange && <Button onClick={() => setMaking(true)}>{t("token.create")}</Button>}>
            <DataTable
                label={t("nav.tokens")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("name"),
                        cell: (one) => (
                            <div>
                                <Text size="sm" fw={550}>
                                    {one.name}
                                </Text>
                                <span className="mono">{one.prefix}…</span>
                            </div>
                        ),
                    },
                    { head: t("scopes"), cell: (one) => one.scopes.join(", ") + (one.read_only ? ` (${t("token.readonly.short")})` : "") },
                    { head: t("used"), cell: (one) => (one.last_used_at ? <Time at={one.last_used_at} /> : t("never")) },
                    { head: t("expires"), cell: (one) => (one.expires_at ? <Time at={one.expires_at} /> : t("never")) },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            mayChange ? (
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("revoke")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("tokens.none")} text={t("tokens.none.text")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
            {leaving && (
                <ConfirmDialog title={t("token.revoke")} text={t("token.revoke.text", { name: leaving.name })} submit={t("revoke")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />
            )}
        </Page>
    );
}
