import { Stack, Text } from "@mantine/core";
import type { Schema } from "../api/client";
import { useT, useWord } from "../i18n";
import { useFormat } from "../i18n/format";
import { Meter } from "./Status";

export function useAmount(): (resource: string, value: number | null) => string {
    const t = useT();
    const format = useFormat();
    return (resource, value) => (value === null ? t("unlimited") : resource.endsWith("_bytes") ? format.bytes(value) : format.number(value));
}

export function QuotaMeters({ of }: { of: Schema["Quota"][] }) {
    const t = useT();
    const word = useWord();
    const amount = useAmount();
    return (
        <Stack>
            {of.length === 0 && <Text size="sm">{t("quota.unlimited")}</Text>}
            {of.map((one) => (
                <Meter
                    key={one.resource}
                    label={word("resource", one.resource)}
                    used={one.used}
                    limit={one.limit}
                    text={one.limit === null ? amount(one.resource, one.used) : t("used.of", { used: amount(one.resource, one.used), limit: amount(one.resource, one.limit) })}
                />
            ))}
        </Stack>
    );
}
