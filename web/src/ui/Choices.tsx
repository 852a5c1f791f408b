// One of a few things that are worth a card each: radio buttons, for keyboards and screen readers as well.
import { Group, SimpleGrid, Text } from "@mantine/core";
import { useId } from "react";

interface Props {
    label: string;
    of: { value: string; title: string; text?: string; side?: string }[];
    value: string | undefined;
    set: (value: string) => void;
    none: string;
}

export function Choices({ label, of, value, set, none }: Props) {
    const name = useId();
    if (of.length === 0) {
        return (
            <Text size="sm" c="dimmed">
                {none}
            </Text>
        );
    }
    return (
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" role="radiogroup" aria-label={label}>
            {of.map((one) => (
                <label key={one.value} className="choice">
                    <input type="radio" name={name} value={one.value} checked={one.value === value} onChange={() => set(one.value)} />
                    <Group justify="space-between" wrap="nowrap" gap="xs">
                        <Text fw={600} size="sm" style={{ overflowWrap: "anywhere" }}>
                            {one.title}
                        </Text>
                        {one.side && (
                            <Text size="sm" style={{ whiteSpace: "nowrap" }}>
                                {one.side}
                            </Text>
                        )}
                    </Group>
                    {one.text && (
                        <Text size="sm" c="dimmed">
                            {one.text}
                        </Text>
                    )}
                </label>
            ))}
        </SimpleGrid>
    );
}
