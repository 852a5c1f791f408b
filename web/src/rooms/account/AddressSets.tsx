import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Textarea, TextInput } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { Empty } from "../../ui/States";

type AddressSet = Schema["AddressSet"];
const stale = ["address-sets"];
const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

// Makes one, or changes one that is there.
function EditDialog({ set, close }: { set?: AddressSet; close: () => void }) {
    const t = useT();
    const [name, setName] = useState(set?.name ?? "");
    const [text, setText] = useState(set?.cidrs.join("\n") ?? "");
    const known = useOne(["address-sets", "one", set?.id], () => ask(api.GET("/v1/address-sets/{id}", { params: { path: { id: set!.id } } })), { enabled: set !== undefined });
    const body = { name, cidrs: words(text) };
    const action = useAction(
        (_, key) =>
            set
                ? must(api.PUT("/v1/address-sets/{id}", { params: { path: { id: set.id }, header: { "If-Match": known.etag! } }, body }))
                : must(api.POST("/v1/address-sets", { params: { header: { "Idempotency-Key": key } }, body })),
        { stale, done: close },
    );
    return (
        <FormDialog title={t(set ? "set.edit" : "set.add")} close={close} submit={t("save")} busy={action.busy} problem={action.problem} disabled={!name || (set && !known.etag)} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <Textarea label={t("set.cidrs")} description={t("set.cidrs.text")} autosize minRows={4} maxRows={12} value={text} error={action.problem?.at("cidrs")} onChange={(e) => setText(e.currentTarget.value)} spellCheck={false} />
        </FormDialog>
    );
}

export function AddressSets() {
    const t = useT();
    const mayChange = useMay()("network:write");
    const [editing, setEditing] = useState<AddressSet | "new" | undefined>();
    const [leaving, setLeaving] = useState<AddressSet | undefined>();
    const list = useList<AddressSet>(["address-sets", "list"], (cursor) => must(api.GET("/v1/address-sets", { params: { query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/address-sets/{id}", { params: { path: { id } } })), { stale });
    const add = mayChange && (
        <Button size="xs" onClick={() => setEditing("new")}>
            {t("set.add")}
        </Button>
    );
    return (
        <Card title={t("sets")} text={t("sets.text")} actions={add}>
            <DataTable
                label={t("sets")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("set.cidrs"), cell: (one) => <span className="mono">{one.cidrs.join(", ") || "–"}</span> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            mayChange ? (
                                <Group gap={6} wrap="nowrap">
                                    <Button size="compact-xs" variant="default" onClick={() => setEditing(one)}>
                                        {t("edit")}
                                    </Button>
                                    <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                        {t("delete")}
                                    </Button>
                                </Group>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("sets.none")} />}
            />
            {editing && <EditDialog set={editing === "new" ? undefined : editing} close={() => setEditing(undefined)} />}
            {leaving && (
                <ConfirmDialog title={t("set.delete")} text={t("set.delete.text", { name: leaving.name })} submit={t("delete")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />
            )}
        </Card>
    );
}
