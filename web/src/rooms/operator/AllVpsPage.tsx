import { Link, useSearchParams } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { Group, Select } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { VpsState } from "../vps/state";
import { useNodes, useOperatorNames, useTenants } from "./data";

// A filter by a thing, in the address.
export function ThingFilter({ name, label, data }: { name: string; label: string; data: { value: string; label: string }[] }) {
    const t = useT();
    const [params, setParams] = useSearchParams();
    const set = (value: string | null) =>
        setParams(
            (before) => {
                const next = new URLSearchParams(before);
                value ? next.set(name, value) : next.delete(name);
                return next;
            },
            { replace: true },
        );
    return <Select size="xs" searchable clearable label={label} placeholder={t("any")} data={data} value={params.get(name)} onChange={set} clearButtonProps={{ "aria-label": t("clear") }} />;
}

export const optionsOf = (of: { id: string; name: string }[] | undefined) => (of ?? []).map((one) => ({ value: one.id, label: one.name }));

export default function AllVpsPage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const [params] = useSearchParams();
    const filter = { tenant_id: params.get("tenant") ?? undefined, node_id: params.get("node") ?? undefined };
    const list = useList<Schema["Vps"]>(["vps", "admin", filter], (cursor) => must(api.GET("/v1/admin/vps", { params: { query: { ...filter, limit: 50, cursor, sort: "-created_at" } } })));
    return (
        <Page title={t("nav.operator.vps")}>
            <Group gap="sm">
                <ThingFilter name="tenant" label={t("holder.tenant")} data={optionsOf(useTenants().value?.items)} />
                <ThingFilter name="node" label={t("node")} data={optionsOf(useNodes().value?.items)} />
            </Group>
            <DataTable
                label={t("nav.operator.vps")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("state"), cell: (one) => <VpsState vps={one} /> },
                    { head: t("holder.tenant"), cell: (one) => <Link href={`/operator/tenants/${one.tenant_id}`}>{names.tenant(one.tenant_id)}</Link> },
                    { head: t("node"), cell: (one) => (one.node_id ? <Link href={`/operator/fleet/${one.node_id}`}>{names.node(one.node_id)}</Link> : "–") },
                    { head: t("address"), cell: (one) => <span className="mono">{one.addresses[0]?.address ?? "–"}</span> },
                    { head: t("size"), cell: (one) => t("size.of", { vcpus: one.vcpus, memory: format.bytes(one.memory_bytes), disk: format.bytes(one.disk_bytes) }) },
                ]}
                empty={<Empty title={t("vps.nomatch")} />}
            />
        </Page>
    );
}
