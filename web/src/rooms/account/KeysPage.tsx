// SSH keys: those that are kept to be given to VPS, and those that open one, each once.
import { useState } from "react";
import { Link } from "wouter";
import { api, must } from "../../api/client";
import { useAction } from "../../api/hooks";
import { orderEach } from "../../api/many";
import { everyVps, useSshKeys, useVpsList, type Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable, type Column } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { brief, keyOf, keysOf, nameOfKey, type KnownKey } from "../../ui/keys";
import { Button, Group, Stack, Text, Textarea, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty, usePartly } from "../../ui/States";
import { toast } from "../../ui/Toasts";

// text: of a key that opens something already.
function KeepDialog({ text, close }: { text: string; close: () => void }) {
    const t = useT();
    const [name, setName] = useState(brief(text).comment.slice(0, 63));
    const [key, setKey] = useState(text);
    const body = { name: name.trim() || brief(key.trim()).comment.slice(0, 63), public_key: key.trim() };
    const action = useAction((_, once) => must(api.POST("/v1/ssh-keys", { params: { header: { "Idempotency-Key": once } }, body })), { stale: ["ssh-keys"], done: close });
    return (
        <FormDialog title={t("keys.keep.add")} close={close} submit={t("keys.keep")} busy={action.busy} problem={action.problem} disabled={!body.name || !body.public_key} onSubmit={() => void action.run(undefined)}>
            <Textarea data-autofocus label={t("keys.public")} description={t("keys.keep.text")} placeholder="ssh-ed25519 AAAA… you@laptop" autosize minRows={3} maxRows={8} value={key} error={action.problem?.at("public_key")} onChange={(e) => setKey(e.currentTarget.value)} spellCheck={false} styles={{ input: { fontFamily: "monospace" } }} />
            <TextInput label={t("name")} placeholder={brief(key.trim()).comment} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
        </FormDialog>
    );
}

function ForgetDialog({ of, close }: { of: KnownKey; close: () => void }) {
    const t = useT();
    const action = useAction(() => must(api.DELETE("/v1/ssh-keys/{id}", { params: { path: { id: of.kept!.id } } })), { stale: ["ssh-keys"] });
    return <ConfirmDialog title={t("keys.forget")} text={t("keys.forget.text", { name: nameOfKey(of) })} submit={t("delete")} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={close} />;
}

function DropDialog({ of, close }: { of: KnownKey; close: () => void }) {
    const t = useT();
    const partly = usePartly();
    // Each has it as it was typed there. They are read anew: the list may not show all of them.
    const having = (vps: Vps) => vps.ssh_keys.filter((one) => keyOf(one) === of.id);
    const action = useAction(
        async () => {
            const wanted = (await everyVps()).filter((one) => having(one).length > 0);
            const refused = await orderEach(wanted, (one) => must(api.POST("/v1/vps/{id}/ssh-keys", { params: { path: { id: one.id } }, body: { remove: having(one) } })));
            const problem = partly(wanted.length, refused);
            if (problem) {
                throw problem;
            }
        },
        { stale: ["vps", "tasks"], done: () => toast(t("keys.dropped")) },
    );
    return <ConfirmDialog title={t("keys.drop")} text={t("keys.drop.text", { name: nameOfKey(of), names: of.opens.map((one) => one.name).join(", ") })} submit={t("keys.drop")} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={close} />;
}

type Asked = { what: "keep"; text: string } | { what: "forget" | "drop"; of: KnownKey };

function useColumns(ask: (asked: Asked) => void): Column<KnownKey>[] {
    const t = useT();
    const mayChange = useMay()("vps:write");
    const button = (text: string, asked: Asked) => (
        <Button size="compact-xs" variant="default" onClick={() => ask(asked)}>
            {text}
        </Button>
    );
    return [
        {
            head: t("name"),
            cell: (one) => (
                <Stack gap={0}>
                    <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                        {nameOfKey(one)}
                    </Text>
                    {!one.kept && (
                        <Text size="xs" c="dimmed">
                            {t("keys.loose")}
                        </Text>
                    )}
                </Stack>
            ),
        },
        {
            head: t("keys.fingerprint"),
            cell: (one) => (
                <Stack gap={0} style={{ minWidth: 0 }}>
                    <span className="mono">{brief(one.text).kind}</span>
                    {one.kept && <span className="mono">{one.kept.fingerprint}</span>}
                </Stack>
            ),
        },
        {
            head: t("keys.opens"),
            cell: (one) => (
                <Group gap="xs">
                    {one.opens.length === 0 && "–"}
                    {one.opens.map(({ id, name }) => (
                        <Link key={id} href={`/vps/${id}/settings`}>
                            {name}
                        </Link>
                    ))}
                </Group>
            ),
        },
        {
            head: "",
            kind: "actions",
            cell: (one) =>
                mayChange ? (
                    <Group gap={6} justify="flex-end" wrap="nowrap">
                        {one.kept ? button(t("delete"), { what: "forget", of: one }) : button(t("keys.keep"), { what: "keep", text: one.text })}
                        {one.opens.length > 0 && button(t("keys.drop"), { what: "drop", of: one })}
                    </Group>
                ) : null,
        },
    ];
}

export default function KeysPage() {
    const t = useT();
    const mayChange = useMay()("vps:write");
    const [asked, setAsked] = useState<Asked | undefined>();
    const vps = useVpsList({}, 200);
    const kept = useSshKeys();
    const columns = useColumns(setAsked);
    const close = () => setAsked(undefined);
    const list = { ...kept, problem: kept.problem ?? vps.problem, retry: () => (kept.retry(), vps.retry()), more: kept.more ?? vps.more, loadingMore: kept.loadingMore || vps.loadingMore, items: kept.items && vps.items && keysOf(vps.items, kept.items) };
    const add = mayChange && <Button onClick={() => setAsked({ what: "keep", text: "" })}>{t("keys.keep.add")}</Button>;
    return (
        <Page title={t("keys")} lead={t("keys.page")} actions={add}>
            <DataTable label={t("keys")} list={list} id={(one) => one.id} columns={columns} empty={<Empty title={t("keys.nobody")} text={t("keys.nobody.text")} />} />
            {asked?.what === "keep" && <KeepDialog text={asked.text} close={close} />}
            {asked?.what === "forget" && <ForgetDialog of={asked.of} close={close} />}
            {asked?.what === "drop" && <DropDialog of={asked.of} close={close} />}
        </Page>
    );
}
