// One's VPS: filters in the address, live states, orders for many at once.
import { useEffect, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { useLocations, useNames, useVpsList, type Vps, type VpsFilter } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { DataTable, type Column } from "../../ui/DataTable";
import { Button, Group, Select, Stack, Text, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Labels } from "../../ui/Status";
import { BulkBar } from "./BulkBar";
import { VpsState } from "./state";

const observed = ["running", "stopped", "error", "absent"] as const;
const sorts = ["name", "-created_at", "created_at"] as const;

// What is in the address, as far as it is a filter.
function useFilter() {
    const [params, setParams] = useSearchParams();
    const pick = <V extends string>(name: string, allowed: readonly V[]) => allowed.find((one) => one === params.get(name));
    const filter: VpsFilter = {
        name: params.get("name") || undefined,
        label: params.get("label") || undefined,
        location_id: params.get("location") || undefined,
        observed: pick("state", observed),
        sort: pick("sort", sorts),
    };
    const set = (name: string, value: string | null) =>
        setParams(
            (before) => {
                const next = new URLSearchParams(before);
                value ? next.set(name, value) : next.delete(name);
                return next;
            },
            { replace: true },
        );
    return { filter, params, set, clear: () => setParams({}, { replace: true }) };
}

// A field that tells of its text once nobody types.
function Typed({ label, value, set, placeholder }: { label: string; value: string; set: (text: string) => void; placeholder?: string }) {
    const [text, setText] = useState(value);
    useEffect(() => setText(value), [value]);
    useEffect(() => {
        const timer = setTimeout(() => text !== value && set(text), 300);
        return () => clearTimeout(timer);
    }, [text, value, set]);
    return <TextInput size="xs" label={label} placeholder={placeholder} value={text} onChange={(event) => setText(event.currentTarget.value)} w={{ base: "100%", xs: 170 }} />;
}

function Filters({ use }: { use: ReturnType<typeof useFilter> }) {
    const t = useT();
    const locations = useLocations().value?.items ?? [];
    const { params, set } = use;
    const select = (name: string, label: string, data: { value: string; label: string }[]) => (
        <Select size="xs" label={label} placeholder={t("any")} clearable data={data} value={params.get(name)} onChange={(value) => set(name, value)} w={{ base: "100%", xs: 150 }} clearButtonProps={{ "aria-label": t("clear") }} />
    );
    return (
        <Group gap="sm" align="flex-end" role="search" aria-label={t("filter")}>
            <Typed label={t("name")} value={params.get("name") ?? ""} set={(text) => set("name", text)} />
            <Typed label={t("labels")} placeholder="env=prod,!old" value={params.get("label") ?? ""} set={(text) => set("label", text)} />
            {select("state", t("state"), observed.map((one) => ({ value: one, label: t(`observed.${one}`) })))}
            {select("location", t("location"), locations.map((one) => ({ value: one.id, label: one.title })))}
            {select("sort", t("sort"), [
                { value: "name", label: t("sort.name") },
                { value: "-created_at", label: t("sort.newest") },
                { value: "created_at", label: t("sort.oldest") },
            ])}
            {[...params.keys()].length > 0 && (
                <Button size="xs" variant="subtle" onClick={use.clear}>
                    {t("filter.clear")}
                </Button>
            )}
        </Group>
    );
}

function useColumns(): Column<Vps>[] {
    const t = useT();
    const format = useFormat();
    const names = useNames();
    return [
        {
            head: t("name"),
            cell: (vps) => (
                <Stack gap={2}>
                    <Link href={`/vps/${vps.id}`}>{vps.name}</Link>
                    <Labels of={vps.labels} />
                </Stack>
            ),
        },
        { head: t("state"), cell: (vps) => <VpsState vps={vps} /> },
        { head: t("address"), cell: (vps) => <span className="mono">{vps.addresses[0]?.address ?? "–"}</span> },
        {
            head: t("size"),
            cell: (vps) => (
                <Text size="sm" component="span">
                    {t("size.of", { vcpus: vps.vcpus, memory: format.bytes(vps.memory_bytes), disk: format.bytes(vps.disk_bytes) })}
                </Text>
            ),
        },
        { head: t("image"), cell: (vps) => names.image(vps.image_id) },
        { head: t("location"), cell: (vps) => names.location(vps.location_id) },
    ];
}

export function VpsListPage() {
    const t = useT();
    const may = useMay();
    const use = useFilter();
    const list = useVpsList(use.filter);
    const columns = useColumns();
    const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
    const choose = (ids: string[], on: boolean) =>
        setChosen((before) => {
            const next = new Set(before);
            ids.forEach((id) => (on ? next.add(id) : next.delete(id)));
            return next;
        });
    const filtered = Object.values(use.filter).some(Boolean);
    const make = may("vps:write") && (
        <Button component={Link} href="/vps/new">
            {t("vps.create")}
        </Button>
    );
    return (
        <Page title={t("nav.vps")} actions={make}>
            <Filters use={use} />
            {chosen.size > 0 && <BulkBar vps={(list.items ?? []).filter((one) => chosen.has(one.id))} clear={() => setChosen(new Set())} />}
            <DataTable
                label={t("nav.vps")}
                list={list}
                columns={columns}
                id={(vps) => vps.id}
                name={(vps) => vps.name}
                choice={may("vps:write") ? { chosen, choose } : undefined}
                empty={filtered ? <Empty title={t("vps.nomatch")} text={t("vps.nomatch.text")} /> : <Empty title={t("vps.none")} text={t("vps.none.text")} action={make} />}
            />
        </Page>
    );
}
