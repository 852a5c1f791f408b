// What goes on with a vps, and what went wrong last: above everything else of it.
import { useState } from "react";
import { useTask, useVpsTasks, type Vps } from "../../api/nouns";
import { useAction } from "../../api/hooks";
import { api, must } from "../../api/client";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { ConfirmDialog } from "../../ui/Dialog";
import { Alert, Button, Group, Stack, Text } from "../../ui/kit";
import { Bar } from "../../ui/Status";

function OpenTask({ id }: { id: string }) {
    const t = useT();
    const word = useWord();
    const { value: task } = useTask(id);
    const [asked, setAsked] = useState(false);
    const cancel = useAction(() => must(api.POST("/v1/tasks/{id}/cancel", { params: { path: { id } } })), { stale: ["tasks", "vps"] });
    if (!task || task.ended_at) {
        return null;
    }
    const kind = word("task", task.kind);
    return (
        <div className="paper" role="status" style={{ padding: "10px 14px" }}>
            <Stack gap={8}>
                <Group justify="space-between" gap="xs">
                    <Text size="sm">
                        {kind}
                        {task.step ? ` · ${word("step", task.step)}` : ""}
                    </Text>
                    <Group gap="xs">
                        <Text size="sm" c="dimmed">
                            {task.status === "queued" ? t("task.queued") : `${task.progress} %`}
                        </Text>
                        {task.status === "queued" && (
                            <Button size="compact-xs" variant="default" onClick={() => setAsked(true)}>
                                {t("cancel")}
                            </Button>
                        )}
                    </Group>
                </Group>
                <Bar value={task.progress} label={kind} />
                {asked && <ConfirmDialog title={t("task.cancel")} text={t("task.cancel.text", { kind })} submit={t("task.cancel")} run={() => cancel.run(undefined)} busy={cancel.busy} problem={cancel.problem} close={() => setAsked(false)} />}
            </Stack>
        </div>
    );
}

// The newest task, if it failed and nothing has been ordered since.
function LastFailure({ vps }: { vps: Vps }) {
    const t = useT();
    const word = useWord();
    const last = useVpsTasks(vps.id).items?.[0];
    const error = last?.status === "failed" ? last.error : vps.error;
    if (!error || vps.task_id) {
        return null;
    }
    return (
        <Alert color="red" variant="outline" title={last?.status === "failed" ? t("task.failed", { kind: word("task", last.kind) }) : t("state.failed")} role="alert">
            <Text size="sm">{error.detail}</Text>
            <Text size="sm">{word("advice", error.code) === error.code.replaceAll("_", " ") ? t("advice.other") : word("advice", error.code)}</Text>
        </Alert>
    );
}

export function Notices({ vps }: { vps: Vps }) {
    const t = useT();
    const format = useFormat();
    const notes: string[] = [];
    if (vps.suspended) {
        notes.push(t(vps.suspended === "stop" ? "notice.suspended" : "notice.throttled"));
    }
    if (vps.delete_after) {
        notes.push(t("notice.held", { when: format.ago(vps.delete_after) }));
    }
    if (vps.rescue_image_id) {
        notes.push(t("notice.rescue"));
    }
    if (vps.lost_at) {
        notes.push(t("notice.lost"));
    }
    return (
        <Stack gap="sm" className="notices">
            {vps.task_id && <OpenTask id={vps.task_id} />}
            <LastFailure vps={vps} />
            {notes.map((text) => (
                <Alert key={text} color="orange" variant="outline">
                    <Text size="sm">{text}</Text>
                </Alert>
            ))}
        </Stack>
    );
}
