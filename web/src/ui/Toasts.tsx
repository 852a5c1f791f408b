// Short words about what was done, read out by screen readers. What went wrong in a form is said there, not here.
import { CloseButton, Group, Paper, Text } from "@mantine/core";
import { store, useStore } from "../api/store";
import { useT } from "../i18n";
import { Dot, type Tone } from "./Status";

interface Toast {
    id: number;
    text: string;
    tone: Tone;
}

const toasts = store<Toast[]>([]);
let last = 0;
const leave = (id: number) => toasts.set(toasts.get().filter((one) => one.id !== id));

export function toast(text: string, tone: Tone = "good"): void {
    const id = ++last;
    toasts.set([...toasts.get().slice(-3), { id, text, tone }]);
    setTimeout(() => leave(id), tone === "bad" ? 12_000 : 5_000);
}

export function Toasts() {
    const t = useT();
    return (
        <div className="toasts" role="status" aria-live="polite">
            {useStore(toasts).map((one) => (
                <Paper key={one.id} className="paper" shadow="md" p="sm">
                    <Group wrap="nowrap" gap="sm" align="center">
                        <Dot tone={one.tone} />
                        <Text size="sm" flex={1} style={{ overflowWrap: "anywhere" }}>
                            {one.text}
                        </Text>
                        <CloseButton aria-label={t("close")} size="sm" onClick={() => leave(one.id)} />
                    </Group>
                </Paper>
            ))}
        </div>
    );
}
