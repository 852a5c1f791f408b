// The images on offer. Files come in by `croft-server image add`, which signs them; here they are named, shown and withdrawn.
import { useState } from "react";
import { api, ask, must } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import type { Image } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Switch, Text, Textarea, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Status } from "../../ui/Status";
import { useOperatorNames } from "./data";

const stale = ["images"];

function EditDialog({ image, close }: { image: Image; close: () => void }) {
    const t = useT();
    const known = useOne(["images", "one", image.id], () => ask(api.GET("/v1/admin/images/{id}", { params: { path: { id: image.id } } })));
    const [draft, setDraft] = useState({ title: image.title, active: image.active, public: image.public });
    const action = useAction(() => must(api.PATCH("/v1/admin/images/{id}", { params: { path: { id: image.id }, header: { "If-Match": known.etag! } }, body: draft })), { stale, done: close });
    return (
        <FormDialog title={image.title} close={close} submit={t("save")} busy={action.busy} problem={action.problem ?? known.error ?? undefined} disabled={!known.etag} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("title")} value={draft.title} error={action.problem?.at("title")} onChange={(e) => setDraft({ ...draft, title: e.currentTarget.value })} />
            <Switch label={t("image.active")} checked={draft.active} onChange={(e) => setDraft({ ...draft, active: e.currentTarget.checked })} />
            <Switch label={t("image.public")} checked={draft.public} onChange={(e) => setDraft({ ...draft, public: e.currentTarget.checked })} />
        </FormDialog>
    );
}

// Takes what `croft-server image add` printed.
function AddDialog({ close }: { close: () => void }) {
    const t = useT();
    const [text, setText] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/admin/images", { params: { header: { "Idempotency-Key": key } }, body: JSON.parse(text) })), { stale, done: close });
    const isJson = (() => {
        try {
            return typeof JSON.parse(text) === "object";
        } catch {
            return false;
        }
    })();
    return (
        <FormDialog title={t("image.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={!isJson} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("image.add.text")}</Text>
            <Textarea data-autofocus label="JSON" autosize minRows={5} maxRows={12} value={text} error={text && !isJson ? t("image.add.wrong") : undefined} onChange={(e) => setText(e.currentTarget.value)} spellCheck={false} />
        </FormDialog>
    );
}

export default function CataloguePage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [editing, setEditing] = useState<Image | undefined>();
    const [leaving, setLeaving] = useState<Image | undefined>();
    const [adding, setAdding] = useState(false);
    const list = useList<Image>(["images", "admin"], (cursor) => must(api.GET("/v1/admin/images", { params: { query: { limit: 50, cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/admin/images/{id}", { params: { path: { id } } })), { stale });
    return (
        <Page title={t("nav.operator.images")} actions={<Button onClick={() => setAdding(true)}>{t("image.add")}</Button>}>
            <DataTable
                label={t("nav.operator.images")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("name"),
                        cell: (one) => (
                            <div>
                                <Text size="sm" fw={550}>
                                    {one.title}
                                </Text>
                                <span className="mono">{one.name}</span>
                            </div>
                        ),
                    },
                    { head: t("system"), cell: (one) => `${one.os} · ${one.arch}` },
                    { head: t("owner"), cell: (one) => (one.tenant_id ? names.tenant(one.tenant_id) : t("image.catalogue")) },
                    { head: t("size"), cell: (one) => (one.size === null ? "–" : format.bytes(one.size)), kind: "number" },
                    { head: t("state"), cell: (one) => <Status tone={one.state === "failed" ? "bad" : one.active ? "good" : "idle"}>{one.state === "ready" ? t(one.active ? (one.public ? "image.offered" : "image.private") : "image.withdrawn") : t(`imagestate.${one.state}`)}</Status> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Group gap={6} wrap="nowrap">
                                <Button size="compact-xs" variant="default" onClick={() => setEditing(one)}>
                                    {t("edit")}
                                </Button>
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("delete")}
                                </Button>
                            </Group>
                        ),
                    },
                ]}
                empty={<Empty title={t("image.none")} text={t("image.add.text")} />}
            />
            {adding && <AddDialog close={() => setAdding(false)} />}
            {editing && <EditDialog image={editing} close={() => setEditing(undefined)} />}
            {leaving && <ConfirmDialog title={t("image.delete")} text={t("image.delete.text", { name: leaving.title })} submit={t("delete")} name={leaving.name} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />}
        </Page>
    );
}
