// One plan: what holds now, what will, what did; who it is sold to.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import type { Plan } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Stack, Switch, TagsInput, Text, TextInput, Title } from "../../ui/kit";
import { Card, Page } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import { PlanFields, type Terms } from "./PlanFields";

type Version = Schema["PlanVersion"];

function Settings({ plan, etag }: { plan: Plan; etag: string | undefined }) {
    const t = useT();
    const [draft, setDraft] = useState({ title: plan.title, active: plan.active, public: plan.public, node_tags: plan.node_tags });
    const action = useAction(() => must(api.PATCH("/v1/admin/plans/{id}", { params: { path: { id: plan.id }, header: { "If-Match": etag! } }, body: draft })), { stale: ["plans"], done: () => toast(t("saved")) });
    return (
        <Card title={t("general")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <TextInput label={t("title")} value={draft.title} error={action.problem?.at("title")} onChange={(e) => setDraft({ ...draft, title: e.currentTarget.value })} />
                    <TagsInput label={t("plan.tags")} value={draft.node_tags} error={action.problem?.at("node_tags")} onChange={(node_tags) => setDraft({ ...draft, node_tags })} />
                    <Switch label={t("plan.active")} checked={draft.active} onChange={(e) => setDraft({ ...draft, active: e.currentTarget.checked })} />
                    <Switch label={t("plan.public")} checked={draft.public} onChange={(e) => setDraft({ ...draft, public: e.currentTarget.checked })} />
                    <ProblemNote problem={action.problem} />
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}

// Without a day it holds from now on.
function VersionDialog({ plan, close }: { plan: Plan; close: () => void }) {
    const t = useT();
    const [terms, setTerms] = useState<Terms>(plan);
    const [from, setFrom] = useState("");
    const { vcpus, memory_bytes, swap_bytes, disk_bytes, pids, traffic_bytes, ipv4_count, ipv6_count, net_rate_bps, io_bps, iops, tun, fuse, nesting, delete_hold_s, price_month, price_hour, currency } = terms;
    const body = {
        ...{ vcpus, memory_bytes, swap_bytes, disk_bytes, pids, traffic_bytes, ipv4_count, ipv6_count, net_rate_bps, io_bps, iops, tun, fuse, nesting, delete_hold_s, price_month, price_hour, currency },
        ...(from && { valid_from: new Date(`${from}T00:00:00Z`).toISOString().replace(".000Z", "Z") }),
    };
    const action = useAction((_, key) => must(api.POST("/v1/admin/plans/{id}/versions", { params: { path: { id: plan.id }, header: { "Idempotency-Key": key } }, body })), { stale: ["plans"], done: close });
    return (
        <FormDialog title={t("plan.version.add")} close={close} size="lg" submit={t("plan.version.add")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("plan.version.text")}</Text>
            <PlanFields value={terms} set={(part) => setTerms({ ...terms, ...part })} problem={action.problem} />
            <TextInput type="date" label={t("plan.valid")} description={t("plan.valid.text")} value={from} error={action.problem?.at("valid_from")} onChange={(e) => setFrom(e.currentTarget.value)} />
        </FormDialog>
    );
}

function Versions({ plan }: { plan: Plan }) {
    const t = useT();
    const format = useFormat();
    const [adding, setAdding] = useState(false);
    const [leaving, setLeaving] = useState<Version | undefined>();
    const list = useList<Version>(["plans", "versions", plan.id], (cursor) => must(api.GET("/v1/admin/plans/{id}/versions", { params: { path: { id: plan.id }, query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/admin/plan-versions/{id}", { params: { path: { id } } })), { stale: ["plans"] });
    return (
        <>
            <Group justify="space-between">
                <Title order={2}>{t("plan.versions")}</Title>
                <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                    {t("plan.version.add")}
                </Button>
            </Group>
            <DataTable
                label={t("plan.versions")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("plan.version"), cell: (one) => one.number },
                    { head: t("plan.valid"), cell: (one) => format.day(one.valid_from) },
                    { head: t("size"), cell: (one) => t("size.of", { vcpus: one.vcpus, memory: format.bytes(one.memory_bytes), disk: format.bytes(one.disk_bytes) }) },
                    { head: t("price"), cell: (one) => t("price.month", { price: format.money(one.price_month, one.currency) }) },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            Date.parse(one.valid_from) > Date.now() ? (
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("delete")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("plans.none")} />}
            />
            {adding && <VersionDialog plan={plan} close={() => setAdding(false)} />}
            {leaving && (
                <ConfirmDialog
                    title={t("plan.version.delete")}
                    text={t("plan.version.delete.text", { number: leaving.number, day: format.day(leaving.valid_from) })}
                    submit={t("delete")}
                    run={() => remove.run(leaving.id)}
                    busy={remove.busy}
                    problem={remove.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </>
    );
}

export default function PlanPage({ id }: { id: string }) {
    const t = useT();
    const query = useOne(["plans", "one", id], () => ask(api.GET("/v1/admin/plans/{id}", { params: { path: { id } } })));
    return (
        <Shown of={query} title={t("plan")}>
            {(plan) => (
                <Page title={plan.title} lead={<span className="mono">{plan.name}</span>}>
                    <Settings plan={plan} etag={query.etag} />
                    <Versions plan={plan} />
                </Page>
            )}
        </Shown>
    );
}
