// One node: what it can, what it sells, what it complains of, what is left on it that belongs to nobody.
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Alert, Button, SimpleGrid, Stack, Switch, Text, Title } from "../../ui/kit";
import { Card, Facts, Page } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Meter, Status, Time } from "../../ui/Status";
import { CheckReport } from "./CheckReport";
import { useNode, useOperatorNames, type Node } from "./data";
import { NodeForm } from "./NodeForm";
import { NodeState } from "./FleetPage";

function Capacity({ node }: { node: Node }) {
    const t = useT();
    const format = useFormat();
    const rows = [
        ["vcpus", t("vcpus"), format.number],
        ["memory_bytes", t("memory"), format.bytes],
        ["disk_bytes", t("disk"), format.bytes],
    ] as const;
    return (
        <Card title={t("node.capacity")}>
            <Stack>
                {rows.map(([of, label, show]) => (
                    <div key={of}>
                        <Meter label={label} used={node.used[of]} limit={node.sellable[of]} text={t("used.of", { used: show(node.used[of]), limit: show(node.sellable[of]) })} />
                        <Text size="xs" c="dimmed">
                            {t("node.of", { capacity: show(node.capacity[of]), reserve: show(node.reserve[of]) })}
                        </Text>
                    </div>
                ))}
            </Stack>
        </Card>
    );
}

const word = (value: unknown) => (value === true ? "✓" : value === false ? "✗" : typeof value === "object" ? JSON.stringify(value) : String(value));

// What keeps guests apart there, as the agent found it.
function Isolation({ node }: { node: Node }) {
    const t = useT();
    return (
        <Card title={t("node.isolation")}>
            {node.warnings.map((one) => (
                <Alert key={one} color="orange" variant="outline">
                    <Text size="sm">{one}</Text>
                </Alert>
            ))}
            {node.warnings.length === 0 && <Status tone="good">{t("node.isolation.good")}</Status>}
            <Facts rows={Object.entries(node.features).map(([name, value]) => [name.replaceAll("_", " "), word(value)])} />
        </Card>
    );
}

function Leftovers({ node }: { node: Node }) {
    const t = useT();
    const params = (cursor: string | undefined) => ({ path: { id: node.id }, query: { cursor } });
    const orphans = useList<Schema["Orphan"]>(["nodes", "orphans", node.id], (cursor) => must(api.GET("/v1/admin/nodes/{id}/orphans", { params: params(cursor) })));
    const drift = useList<Schema["Drift"]>(["nodes", "drift", node.id], (cursor) => must(api.GET("/v1/admin/nodes/{id}/drift", { params: params(cursor) })));
    const path = { id: node.id };
    const [leaving, setLeaving] = useState<string | undefined>();
    const [cleaning, setCleaning] = useState<Schema["Drift"] | undefined>();
    const adopt = useAction((vps_id: string) => must(api.POST("/v1/admin/nodes/{id}/orphans/adopt", { params: { path }, body: { vps_id } })), { stale: ["nodes", "vps"] });
    const remove = useAction((vps_id: string) => must(api.POST("/v1/admin/nodes/{id}/orphans/delete", { params: { path }, body: { vps_id } })), { stale: ["nodes", "tasks"] });
    const clean = useAction((one: { kind: string; name: string }) => must(api.POST("/v1/admin/nodes/{id}/drift/clean", { params: { path }, body: { kind: one.kind, name: one.name } })), { stale: ["nodes"] });
    return (
        <>
            <Title order={2}>{t("orphans")}</Title>
            <ProblemNote problem={adopt.problem} />
            <DataTable
                label={t("orphans")}
                list={orphans}
                id={(one) => one.vps_id}
                columns={[
                    { head: t("vps"), cell: (one) => <span className="mono">{one.vps_id}</span> },
                    { head: t("state"), cell: (one) => t(`observed.${one.observed}`) },
                    { head: t("since"), cell: (one) => <Time at={one.first_seen_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <>
                                <Button size="compact-xs" variant="default" mr={6} disabled={!one.adoptable} onClick={() => void adopt.run(one.vps_id)}>
                                    {t("orphan.adopt")}
                                </Button>
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one.vps_id)}>
                                    {t("delete")}
                                </Button>
                            </>
                        ),
                    },
                ]}
                empty={<Empty title={t("orphans.none")} text={t("orphans.text")} />}
            />
            {leaving && <ConfirmDialog title={t("orphan.delete")} text={t("orphan.delete.text", { node: node.name })} submit={t("delete")} name={leaving} run={() => remove.run(leaving)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />}
            <Title order={2}>{t("drift")}</Title>
            <DataTable
                label={t("drift")}
                list={drift}
                id={(one) => `${one.kind}/${one.name}`}
                columns={[
                    { head: t("kind"), cell: (one) => one.kind },
                    { head: t("name"), cell: (one) => <span className="mono">{one.name}</span> },
                    { head: t("details"), cell: (one) => one.error ?? one.detail },
                    { head: t("since"), cell: (one) => <Time at={one.first_seen_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" disabled={one.clean_ordered_at !== null} onClick={() => setCleaning(one)}>
                                {t("drift.clean")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("drift.none")} text={t("drift.text")} />}
            />
            {cleaning && <ConfirmDialog title={t("drift.clean")} text={t("drift.clean.text", { name: cleaning.name, node: node.name })} submit={t("drift.clean")} name={cleaning.name} run={() => clean.run(cleaning)} busy={clean.busy} problem={clean.problem} close={() => setCleaning(undefined)} />}
        </>
    );
}

function Danger({ node }: { node: Node }) {
    const t = useT();
    const [, go] = useLocation();
    const [asked, setAsked] = useState<"revoke" | "retire" | undefined>();
    const [lose, setLose] = useState(false);
    const path = { id: node.id };
    const revoke = useAction(() => must(api.POST("/v1/admin/nodes/{id}/revoke", { params: { path } })), { stale: ["nodes"] });
    const retire = useAction(() => must(api.POST("/v1/admin/nodes/{id}/retire", { params: { path }, body: { lose_vps: lose } })), { stale: ["nodes", "vps"], done: () => go("/operator/fleet") });
    const close = () => setAsked(undefined);
    return (
        <Card title={t("danger")}>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
                <Button variant="default" onClick={() => setAsked("revoke")}>
                    {t("node.revoke")}
                </Button>
                <Button color="red.8" onClick={() => setAsked("retire")}>
                    {t("node.retire")}
                </Button>
            </SimpleGrid>
            {asked === "revoke" && <ConfirmDialog title={t("node.revoke")} text={t("node.revoke.text")} submit={t("node.revoke")} name={node.name} run={() => revoke.run(undefined)} busy={revoke.busy} problem={revoke.problem} close={close} />}
            {asked === "retire" && (
                <ConfirmDialog title={t("node.retire")} text={t("node.retire.text")} submit={t("node.retire")} name={node.name} run={() => retire.run(undefined)} busy={retire.busy} problem={retire.problem} close={close}>
                    <Switch label={t("node.retire.lose")} checked={lose} onChange={(e) => setLose(e.currentTarget.checked)} />
                </ConfirmDialog>
            )}
        </Card>
    );
}

function What({ node }: { node: Node }) {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const known = (value: number | null, show: (value: number) => string) => (value === null ? "–" : show(value));
    return (
        <Card title={t("node.what")}>
            <Facts
                rows={[
                    [t("state"), <NodeState node={node} />],
                    [t("location"), names.location(node.location_id)],
                    [t("vps"), <Link href={`/operator/vps?node=${node.id}`}>{format.number(node.used.vps)}</Link>],
                    [t("node.seen"), <Time at={node.last_seen_at} />],
                    [t("node.load"), known(node.load_milli, (value) => format.number(value / 1000, 2))],
                    [t("node.memory.free"), known(node.memory_free_bytes, format.bytes)],
                    [t("node.disk.free"), known(node.disk_free_bytes, format.bytes)],
                    [t("node.agent"), node.agent_version ?? "–"],
                    [t("node.kernel"), node.kernel ?? "–"],
                    [t("node.certificate"), <Time at={node.certificate_expires_at} />],
                ]}
            />
        </Card>
    );
}

export default function NodePage({ id }: { id: string }) {
    const t = useT();
    const query = useNode(id);
    const kinds = useWord();
    return (
        <Shown of={query} title={t("node")}>
            {(node) => (
                <Page title={node.name} lead={kinds("node", node.status)}>
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Stack>
                            <What node={node} />
                            <Isolation node={node} />
                        </Stack>
                        <Stack>
                            <Capacity node={node} />
                            {node.state !== "retired" && <NodeForm node={node} etag={query.etag} />}
                        </Stack>
                    </SimpleGrid>
                    <CheckReport node={node.id} mayChange={node.state !== "retired"} />
                    <Leftovers node={node} />
                    {node.state !== "retired" && <Danger node={node} />}
                    <Text size="xs" c="dimmed">
                        {t("id")} {node.id}
                    </Text>
                </Page>
            )}
        </Shown>
    );
}
