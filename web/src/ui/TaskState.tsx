import { Stack, Text } from "@mantine/core";
import type { Schema } from "../api/client";
import { useT } from "../i18n";
import { Status, type Tone } from "./Status";

type Task = Schema["Task"];

const tones: Record<Task["status"], Tone> = { queued: "idle", running: "busy", done: "good", failed: "bad", cancelled: "idle" };

export function TaskState({ task }: { task: Task }) {
    const t = useT();
    return (
        <Stack gap={2}>
            <Status tone={tones[task.status]}>{task.status === "running" ? `${t("status.running")} ${task.progress} %` : t(`status.${task.status}`)}</Status>
            {task.error && <Text size="sm">{task.error.detail}</Text>}
        </Stack>
    );
}
