import { useState } from "react";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Select, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { optionsOf } from "./AllVpsPage";
import { useAdminLocations, useNodes, useOperatorNames } from "./data";

type Pool = Schema["Pool"];
const stale = ["pools"];

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const locations = useAdminLocations().value?.items ?? [];
    const [name, setName] = useState("");
    const [cidr, setCidr] = useState("");
    const [kind, setKind] = useState<"routed" | "private">("routed");
    const [location, setLocation] = useState<string | null>(null);
    const [node, setNode] = useState<string | null>(null);
    const place = location ?? locations[0]?.id;
    const nodes = (useNodes().value?.items ?? []).filter((one) => one.location_id === place);
    const body = { name, cidr: cidr.trim(), kind, location_id: place!, node_id: node };
    const action = useAction((_, key) => must(api.POST("/v1/admin/pools", { params: { header: { "Idempotency-Key": key } }, body })), { stale, done: close });
    return (
        <FormDialog title={t("pool.create")} close={close} submit={t("pool.create")} busy={action.busy} problem={action.problem} disabled={!name || !cidr || !place} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <TextInput label={t("pool.cidr")} placeholder="192.0.2.0/24" value={cidr} error={action.problem?.at("cidr")} onChange={(e) => setCidr(e.currentTarget.value)} />
            <Select label={t("kind")} allowDeselect={false} data={(["routed", "private"] as const).map((one) => ({ value: one, label: t(`address.${one}`) }))} value={kind} onChange={(value) => setKind(value as "routed")} />
            <Select label={t("location")} allowDeselect={false} data={locations.map((one) => ({ value: one.id, label: one.title }))} value={place ?? null} onChange={setLocation} />
            <Select label={t("node")} clearable placeholder={t("pool.every")} data={optionsOf(nodes)} value={node} onChange={setNode} clearButtonProps={{ "aria-label": t("clear") }} />
        </FormDialog>
    );
}

export default function PoolsPage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [making, setMaking] = useState(false);
    const [leaving, setLeaving] = useState<Pool | undefined>();
    const list = useList<Pool>(["pools", "list"], (cursor) => must(api.GET("/v1/admin/pools", { params: { query: { limit: 50, cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/admin/pools/{id}", { params: { path: { id } } })), { stale });
    return (
        <Page title={t("nav.operator.pools")} actions={<Button onClick={() => setMaking(true)}>{t("pool.create")}</Button>}>
            <DataTable
                label={t("nav.operator.pools")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("pool.cidr"), cell: (one) => <span className="mono">{one.cidr}</span> },
                    { head: t("kind"), cell: (one) => t(`address.${one.kind}`) },
                    { head: t("location"), cell: (one) => names.location(one.location_id) },
                    { head: t("node"), cell: (one) => (one.node_id ? names.node(one.node_id) : t("pool.every")) },
                    { head: t("used.short"), cell: (one) => (typeof one.size === "number" ? t("used.of", { used: format.number(one.used), limit: format.number(one.size) }) : format.number(one.used)), kind: "number" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                {t("delete")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("pools.none")} text={t("pools.none.text")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
            {leaving && <ConfirmDialog title={t("pool.delete")} text={t("pool.delete.text", { name: leaving.name })} submit={t("delete")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />}
        </Page>
    );
}
