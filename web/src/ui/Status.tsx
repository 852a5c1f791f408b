// A state is a dot and a word: never a colour alone.
import { Group, Progress, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useFormat } from "../i18n/format";

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

export const Dot = ({ tone }: { tone: Tone }) => <span className={`dot dot-${tone}`} aria-hidden="true" />;

export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
    return (
        <Group gap={8} wrap="nowrap" component="span" display="inline-flex">
            <Dot tone={tone} />
            <Text size="sm" component="span">
                {children}
            </Text>
        </Group>
    );
}

export const Label = ({ name, value }: { name: string; value: string }) => <span className="label">{value ? `${name}=${value}` : name}</span>;

export function Labels({ of }: { of: Record<string, string> }) {
    return (
        <Group gap={4} component="span" display="inline-flex">
            {Object.entries(of).map(([name, value]) => (
                <Label key={name} name={name} value={value} />
            ))}
        </Group>
    );
}

// What is used of what there is; without a ceiling only what is used.
export function Meter({ label, used, limit, text }: { label: string; used: number; limit: number | null; text: string }) {
    const share = limit ? Math.min((used / limit) * 100, 100) : 0;
    const tone = share >= 95 ? "meter-bad" : share >= 80 ? "meter-warn" : "";
    return (
        <Stack gap={5}>
            <Group justify="space-between" gap="xs">
                <Text size="sm">{label}</Text>
                <Text size="sm" c="dimmed" style={{ fontVariantNumeric: "tabular-nums" }}>
                    {text}
                </Text>
            </Group>
            <div className="meter" role="meter" aria-label={label} aria-valuenow={Math.round(share)} aria-valuemin={0} aria-valuemax={100} aria-valuetext={text}>
                <div className={tone} style={{ width: `${share}%` }} />
            </div>
        </Stack>
    );
}

export const Bar = ({ value, label }: { value: number; label: string }) => (
    <Progress value={Math.max(value, 4)} size="sm" animated striped aria-label={label} />
);

export function Time({ at }: { at: string | null }) {
    const format = useFormat();
    return at ? (
        <time dateTime={at} title={format.exact(at)}>
            {format.ago(at)}
        </time>
    ) : (
        <>–</>
    );
}
