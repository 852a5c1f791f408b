import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Group } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { TaskState } from "../../ui/TaskState";
import { Empty, ProblemNote } from "../../ui/States";
import { Time } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { optionsOf, ThingFilter } from "./AllVpsPage";
import { useNodes, useOperatorNames, useTenants } from "./data";

type Task = Schema["Task"];
const statuses = ["queued", "running", "done", "failed", "cancelled"] as const;

// What only its owner can order anew, as what it was made of is not kept.
const personal: string[] = ["vps_snapshot", "vps_snapshot_delete", "vps_publish", "vps_password"];

export default function TasksPage() {
    const t = useT();
    const word = useWord();
    const names = useOperatorNames();
    const [params] = useSearchParams();
    const [leaving, setLeaving] = useState<Task | undefined>();
    const filter = {
        status: statuses.find((one) => one === params.get("status")),
        tenant_id: params.get("tenant") ?? undefined,
        node_id: params.get("node") ?? undefined,
    };
    const list = useList<Task>(["tasks", "admin", filter], (cursor) => must(api.GET("/v1/admin/tasks", { params: { query: { ...filter, limit: 50, cursor } } })));
    const stale = ["tasks", "vps"];
    const cancel = useAction((id: string) => must(api.POST("/v1/admin/tasks/{id}/cancel", { params: { path: { id } } })), { stale, done: () => toast(t("task.cancelled")) });
    const retry = useAction((id: string) => must(api.POST("/v1/admin/tasks/{id}/retry", { params: { path: { id } } })), { stale, done: () => toast(t("task.retried"), "busy") });
    return (
        <Page title={t("nav.operator.tasks")} lead={t("tasks.text")}>
            <Group gap="sm">
                <ThingFilter name="status" label={t("state")} data={statuses.map((one) => ({ value: one, label: t(`status.${one}`) }))} />
                <ThingFilter name="tenant" label={t("holder.tenant")} data={optionsOf(useTenants().value?.items)} />
                <ThingFilter name="node" label={t("node")} data={optionsOf(useNodes().value?.items)} />
            </Group>
            <ProblemNote problem={retry.problem} />
            <DataTable
                label={t("nav.operator.tasks")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("what"), cell: (one) => word("task", one.kind) },
                    { head: t("state"), cell: (one) => <TaskState task={one} /> },
                    { head: t("holder.tenant"), cell: (one) => <Link href={`/operator/tenants/${one.tenant_id}`}>{names.tenant(one.tenant_id)}</Link> },
                    { head: t("node"), cell: (one) => names.node(one.node_id) },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            one.status === "queued" || (one.status === "running" && one.kind === "vps_publish") ? (
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("cancel")}
                                </Button>
                            ) : one.status === "failed" && !personal.includes(one.kind) ? (
                                <Button size="compact-xs" variant="default" onClick={() => void retry.run(one.id)}>
                                    {t("retry")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("tasks.none")} />}
            />
            {leaving && <ConfirmDialog title={t("task.cancel")} text={t("task.cancel.text", { kind: word("task", leaving.kind) })} submit={t("task.cancel")} run={() => cancel.run(leaving.id)} busy={cancel.busy} problem={cancel.problem} close={() => setLeaving(undefined)} />}
        </Page>
    );
}
