// What was ordered of it and what became of it; below, the log, for whom it is.
import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useActor, useVpsTasks, type Vps } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { Stack, Title } from "../../ui/kit";
import { Empty } from "../../ui/States";
import { TaskState } from "../../ui/TaskState";
import { Time } from "../../ui/Status";

function Log({ vps }: { vps: Vps }) {
    const t = useT();
    const actor = useActor();
    const word = useWord();
    const list = useList<Schema["Event"]>(["events", "vps", vps.id], (cursor) => must(api.GET("/v1/events", { params: { query: { subject_id: vps.id, limit: 25, cursor } } })));
    return (
        <DataTable
            label={t("nav.audit")}
            list={list}
            id={(event) => String(event.id)}
            columns={[
                { head: t("what"), cell: (event) => word("event", event.action) },
                { head: t("who"), cell: (event) => actor(event.actor) },
                { head: t("from"), cell: (event) => <span className="mono">{event.peer ?? "–"}</span> },
                { head: t("when"), cell: (event) => <Time at={event.ts} />, kind: "fit" },
            ]}
            empty={<Empty title={t("events.none")} />}
        />
    );
}

export function Activity({ vps }: { vps: Vps }) {
    const t = useT();
    const may = useMay();
    const word = useWord();
    const list = useVpsTasks(vps.id);
    return (
        <Stack>
            <Title order={2}>{t("tasks")}</Title>
            <DataTable
                label={t("tasks")}
                list={list}
                id={(task) => task.id}
                columns={[
                    { head: t("what"), cell: (task) => word("task", task.kind) },
                    { head: t("state"), cell: (task) => <TaskState task={task} /> },
                    { head: t("when"), cell: (task) => <Time at={task.created_at} />, kind: "fit" },
                ]}
                empty={<Empty title={t("tasks.none")} />}
            />
            {may("events:read") && (
                <>
                    <Title order={2}>{t("nav.audit")}</Title>
                    <Log vps={vps} />
                </>
            )}
        </Stack>
    );
}
