// The nodes: how they are, how full they are, and how one more joins.
import { useState } from "react";
import { Link } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable, still } from "../../ui/DataTable";
import { ConfirmDialog, Dialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "../../ui/kit";
import { Card, Page, Secret } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Meter, Status, Time, type Tone } from "../../ui/Status";
import { useAdminLocations, useNodes, useOperatorNames, type Node } from "./data";

const tones: Record<Node["status"], Tone> = { online: "good", unreachable: "bad", draining: "warn", maintenance: "warn", retired: "idle" };

export function NodeState({ node }: { node: Node }) {
    const t = useT();
    return (
        <Stack gap={2}>
            <Status tone={tones[node.status]}>{t(`node.${node.status}`)}</Status>
            {node.alarms.map((one) => (
                <Text key={one.code} size="xs" c="var(--mantine-color-error)">
                    {one.detail}
                </Text>
            ))}
        </Stack>
    );
}

// One resource of all nodes that can be sold.
function Total({ nodes, of, label }: { nodes: Node[]; of: "vcpus" | "memory_bytes" | "disk_bytes"; label: string }) {
    const t = useT();
    const format = useFormat();
    const sum = (pick: (node: Node) => number) => nodes.reduce((all, node) => all + pick(node), 0);
    const used = sum((node) => node.used[of]);
    const sellable = sum((node) => node.sellable[of]);
    const show = (value: number) => (of === "vcpus" ? format.number(value) : format.bytes(value));
    return <Meter label={label} used={used} limit={sellable} text={t("used.of", { used: show(used), limit: show(sellable) })} />;
}

function JoinDialog({ close }: { close: () => void }) {
    const t = useT();
    const locations = useAdminLocations().value?.items ?? [];
    const [location, setLocation] = useState<string | null>(null);
    const chosen = location ?? locations[0]?.id ?? null;
    const action = useAction((_, key) => must(api.POST("/v1/admin/join-tokens", { params: { header: { "Idempotency-Key": key } }, body: { location_id: chosen! } })), { stale: ["join-tokens"] });
    if (action.output) {
        const host = window.location.hostname;
        return (
            <Dialog title={t("node.join")} close={close} size="lg">
                <Stack>
                    <Text size="sm">{t("node.join.text")}</Text>
                    <Secret text={`croft-agent join --server ${host}:8443 --token-file - <<'END'\n${action.output.token ?? ""}\nEND`} />
                    <Text size="sm" c="dimmed">
                        {t("node.join.port")}
                    </Text>
                    <Button onClick={close}>{t("done")}</Button>
                </Stack>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t("node.join")} close={close} submit={t("node.join.make")} busy={action.busy} problem={action.problem} disabled={!chosen} onSubmit={() => void action.run(undefined)}>
            <Select data-autofocus label={t("location")} allowDeselect={false} data={locations.map((one) => ({ value: one.id, label: one.title }))} value={chosen} onChange={setLocation} />
        </FormDialog>
    );
}

function LocationDialog({ close }: { close: () => void }) {
    const t = useT();
    const [name, setName] = useState("");
    const [title, setTitle] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/admin/locations", { params: { header: { "Idempotency-Key": key } }, body: { name, title } })), { stale: ["locations"], done: close });
    return (
        <FormDialog title={t("location.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={!name || !title} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} description={t("name.rule")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <TextInput label={t("title")} value={title} error={action.problem?.at("title")} onChange={(e) => setTitle(e.currentTarget.value)} />
        </FormDialog>
    );
}

function JoinTokens() {
    const t = useT();
    const names = useOperatorNames();
    const [leaving, setLeaving] = useState<string | undefined>();
    const list = useList<Schema["JoinToken"]>(["join-tokens", "list"], (cursor) => must(api.GET("/v1/admin/join-tokens", { params: { query: { cursor, limit: 20, sort: "-id" } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/admin/join-tokens/{id}", { params: { path: { id } } })), { stale: ["join-tokens"] });
    const open = list.items?.filter((one) => !one.used_at && Date.parse(one.expires_at) > Date.now());
    if (!open?.length) {
        return null;
    }
    return (
        <Card title={t("node.join.open")}>
            {open.map((one) => (
                <Group key={one.id} justify="space-between">
                    <Text size="sm">
                        {names.location(one.location_id)} · {t("expires")} <Time at={one.expires_at} />
                    </Text>
                    <Button size="compact-xs" variant="default" onClick={() => setLeaving(one.id)}>
                        {t("revoke")}
                    </Button>
                </Group>
            ))}
            {leaving && <ConfirmDialog title={t("node.join.revoke")} text={t("node.join.revoke.text")} submit={t("revoke")} run={() => remove.run(leaving)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />}
        </Card>
    );
}

export default function FleetPage() {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const query = useNodes();
    const [asked, setAsked] = useState<"join" | "location" | undefined>();
    const nodes = query.value?.items;
    const selling = nodes?.filter((one) => one.status !== "retired") ?? [];
    const list = { ...still(nodes ?? []), items: nodes, problem: query.error ?? undefined, retry: () => void query.refetch() };
    return (
        <Page
            title={t("nav.operator.fleet")}
            actions={
                <>
                    <Button variant="default" onClick={() => setAsked("location")}>
                        {t("location.add")}
                    </Button>
                    <Button onClick={() => setAsked("join")}>{t("node.join")}</Button>
                </>
            }
        >
            {selling.length > 0 && (
                <Card title={t("fleet.sold")}>
                    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="xl">
                        <Total nodes={selling} of="vcpus" label={t("vcpus")} />
                        <Total nodes={selling} of="memory_bytes" label={t("memory")} />
                        <Total nodes={selling} of="disk_bytes" label={t("disk")} />
                    </SimpleGrid>
                </Card>
            )}
            <DataTable
                label={t("nav.operator.fleet")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => <Link href={`/operator/fleet/${one.id}`}>{one.name}</Link> },
                    { head: t("state"), cell: (one) => <NodeState node={one} /> },
                    { head: t("location"), cell: (one) => names.location(one.location_id) },
                    { head: t("vps"), cell: (one) => one.used.vps, kind: "number" },
                    { head: t("memory"), cell: (one) => t("used.of", { used: format.bytes(one.used.memory_bytes), limit: format.bytes(one.sellable.memory_bytes) }) },
                    { head: t("disk"), cell: (one) => t("used.of", { used: format.bytes(one.used.disk_bytes), limit: format.bytes(one.sellable.disk_bytes) }) },
                    { head: t("node.load"), cell: (one) => (one.load_milli === null ? "–" : format.number(one.load_milli / 1000, 2)), kind: "number" },
                ]}
                empty={<Empty title={t("fleet.none")} text={t("fleet.none.text")} />}
            />
            <JoinTokens />
            {asked === "join" && <JoinDialog close={() => setAsked(undefined)} />}
            {asked === "location" && <LocationDialog close={() => setAsked(undefined)} />}
        </Page>
    );
}
