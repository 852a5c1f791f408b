// One number that matters, and what it is.
import { Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Figure({ value, label, note }: { value: ReactNode; label: string; note?: ReactNode }) {
    return (
        <div style={{ minWidth: 0 }}>
            <Text fz={24} fw={700} lh={1.15} style={{ fontVariantNumeric: "tabular-nums", overflowWrap: "anywhere" }} component="div">
                {value}
            </Text>
            <Text size="sm" c="dimmed">
                {label}
            </Text>
            {note && (
                <Text size="xs" c="dimmed" component="div">
                    {note}
                </Text>
            )}
        </div>
    );
}
