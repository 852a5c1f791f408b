import { Link, useSearchParams } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { Group } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { TaskState } from "../../ui/TaskState";
import { Time } from "../../ui/Status";
import { optionsOf, ThingFilter } from "./AllVpsPage";
import { useNodes, useOperatorNames, useTenants } from "./data";

type Task = Schema["Task"];
const statuses = ["queued", "running", "done", "failed", "cancelled"] as const;

export default function TasksPage() {
    const t = useT();
    const word = useWord();
    const names = useOperatorNames();
    const [params] = useSearchParams();
    const filter = {
        status: statuses.find((one) => one === params.get("status")),
        tenant_id: params.get("tenant") ?? undefined,
        node_id: params.get("node") ?? undefined,
    };
    const list = useList<Task>(["tasks", "admin", filter], (cursor) => must(api.GET("/v1/admin/tasks", { params: { query: { ...filter, limit: 50, cursor } } })));
    return (
        <Page title={t("nav.operator.tasks")}>
            <Group gap="sm">
                <ThingFilter name="status" label={t("state")} data={statuses.map((one) => ({ value: one, label: t(`status.${one}`) }))} />
                <ThingFilter name="tenant" label={t("holder.tenant")} data={optionsOf(useTenants().value?.items)} />
                <ThingFilter name="node" label={t("node")} data={optionsOf(useNodes().value?.items)} />
            </Group>
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
                ]}
                empty={<Empty title={t("tasks.none")} />}
            />
        </Page>
    );
}
