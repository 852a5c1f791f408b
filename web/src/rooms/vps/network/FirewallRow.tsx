import { useT } from "../../../i18n";
import { Button, Group, MultiSelect, Select, Text, TextInput } from "../../../ui/kit";
import { hasPorts, type DraftRule } from "./rules";

interface Props {
    rule: DraftRule;
    number: number;
    sets: { value: string; label: string }[];
    disabled: boolean;
    wrong: string | undefined;
    put: (part: Partial<DraftRule>) => void;
    up: (() => void) | undefined;
    down: (() => void) | undefined;
    remove: () => void;
}

const protocols = ["any", "tcp", "udp", "icmp", "icmpv6"];

function Moves({ number, up, down, remove }: Pick<Props, "number" | "up" | "down" | "remove">) {
    const t = useT();
    const small = { size: "compact-xs", variant: "default" } as const;
    return (
        <Group gap={4} wrap="nowrap">
            <Button {...small} disabled={!up} onClick={up} aria-label={t("firewall.up", { number })}>
                ↑
            </Button>
            <Button {...small} disabled={!down} onClick={down} aria-label={t("firewall.down", { number })}>
                ↓
            </Button>
            <Button {...small} onClick={remove} aria-label={t("firewall.remove", { number })}>
                ✕
            </Button>
        </Group>
    );
}

export function FirewallRow({ rule, number, sets, disabled, wrong, put, ...moves }: Props) {
    const t = useT();
    const common = { size: "xs", disabled } as const;
    return (
        <li className="paper" style={{ padding: 10 }} aria-label={t("firewall.rule", { number })}>
            <Group gap="xs" align="flex-end">
                <Select {...common} w={90} allowDeselect={false} label={t("direction")} data={["in", "out"].map((one) => ({ value: one, label: t(`firewall.${one}` as "firewall.in") }))} value={rule.direction} onChange={(value) => put({ direction: value as "in" })} />
                <Select {...common} w={110} allowDeselect={false} label={t("action")} data={["accept", "drop"].map((one) => ({ value: one, label: t(`firewall.${one}` as "firewall.accept") }))} value={rule.action} onChange={(value) => put({ action: value as "accept" })} />
                <Select {...common} w={100} allowDeselect={false} label={t("protocol")} data={protocols} value={rule.protocol} onChange={(value) => put({ protocol: value as "any" })} />
                <TextInput {...common} w={130} label={t("ports")} placeholder={t("any")} disabled={disabled || !hasPorts(rule.protocol)} value={hasPorts(rule.protocol) ? rule.ports : ""} onChange={(e) => put({ ports: e.currentTarget.value })} />
                <TextInput {...common} flex="1 1 160px" label={t(rule.direction === "in" ? "firewall.from" : "firewall.to")} placeholder={t("firewall.anybody")} value={rule.from} onChange={(e) => put({ from: e.currentTarget.value })} />
                {sets.length > 0 && <MultiSelect {...common} flex="1 1 140px" label={t("sets")} data={sets} value={rule.sets} onChange={(value) => put({ sets: value })} />}
                <TextInput {...common} flex="1 1 120px" label={t("note")} value={rule.note} onChange={(e) => put({ note: e.currentTarget.value })} />
                {!disabled && <Moves number={number} {...moves} />}
            </Group>
            {wrong && (
                <Text size="xs" c="var(--mantine-color-error)" mt={4}>
                    {wrong}
                </Text>
            )}
        </li>
    );
}
