// The terms of a plan, as fields; for a new plan and for a new version of one.
import { useT } from "../../i18n";
import type { Problem } from "../../api/problem";
import type { Schema } from "../../api/client";
import { Bytes } from "../../ui/Bytes";
import { Group, NumberInput, SimpleGrid, Stack, Switch, TextInput } from "../../ui/kit";

export type Terms = Pick<Schema["PlanTerms"], "vcpus" | "memory_bytes" | "swap_bytes" | "disk_bytes" | "pids" | "traffic_bytes" | "ipv4_count" | "ipv6_count" | "net_rate_bps" | "io_bps" | "iops" | "tun" | "fuse" | "nesting" | "delete_hold_s" | "price_month" | "price_hour" | "currency">;

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const Mbit = 1e6;
const dayS = 86_400;

export const newTerms: Terms = {
    vcpus: 1,
    memory_bytes: GiB,
    swap_bytes: 0,
    disk_bytes: 20 * GiB,
    pids: 4096,
    traffic_bytes: 0,
    ipv4_count: 1,
    ipv6_count: 1,
    net_rate_bps: null,
    io_bps: null,
    iops: null,
    tun: false,
    fuse: false,
    nesting: false,
    delete_hold_s: 0,
    price_month: "5.00",
    price_hour: "0.0074",
    currency: "EUR",
};

interface Props {
    value: Terms;
    set: (part: Partial<Terms>) => void;
    problem: Problem | undefined;
}

export function PlanFields({ value, set, problem }: Props) {
    const t = useT();
    const count = (name: "vcpus" | "pids" | "ipv4_count" | "ipv6_count", label: string, min = 0) => (
        <NumberInput label={label} min={min} allowDecimal={false} value={value[name]} error={problem?.at(name)} onChange={(next) => set({ [name]: Number(next) || 0 })} />
    );
    const size = (name: "memory_bytes" | "swap_bytes" | "disk_bytes" | "traffic_bytes", label: string) => (
        <Bytes label={label} value={value[name]} error={problem?.at(name)} set={(next) => set({ [name]: next })} />
    );
    const rate = (name: "net_rate_bps" | "io_bps" | "iops", label: string, unit: number, suffix: string) => (
        <NumberInput
            label={label}
            placeholder={t("unlimited")}
            suffix={suffix}
            min={0}
            decimalScale={unit === 1 ? 0 : 3}
            value={value[name] === null ? "" : value[name] / unit}
            error={problem?.at(name)}
            onChange={(next) => set({ [name]: next === "" ? null : Math.round(Number(next) * unit) })}
        />
    );
    const right = (name: "tun" | "fuse" | "nesting") => <Switch label={t(`plan.${name}`)} checked={value[name]} onChange={(e) => set({ [name]: e.currentTarget.checked })} />;
    const text = (name: "price_month" | "price_hour" | "currency", label: string) => (
        <TextInput label={label} value={value[name]} error={problem?.at(name)} onChange={(e) => set({ [name]: e.currentTarget.value.trim() })} />
    );
    return (
        <Stack>
            <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }}>
                {count("vcpus", t("vcpus"), 1)}
                {size("memory_bytes", t("memory"))}
                {size("disk_bytes", t("disk"))}
                {size("swap_bytes", t("limit.swap"))}
                {count("pids", t("limit.processes"), 16)}
                {size("traffic_bytes", t("plan.traffic"))}
                {count("ipv4_count", t("resource.ipv4"))}
                {count("ipv6_count", t("resource.ipv6"))}
                <NumberInput label={t("plan.hold")} min={0} max={365} value={value.delete_hold_s / dayS} error={problem?.at("delete_hold_s")} onChange={(next) => set({ delete_hold_s: Math.round(Number(next) * dayS) })} />
                {rate("net_rate_bps", t("plan.rate"), Mbit, " Mbit/s")}
                {rate("io_bps", t("limit.io"), MiB, " MiB/s")}
                {rate("iops", t("limit.iops"), 1, " /s")}
                {text("price_month", t("plan.month"))}
                {text("price_hour", t("plan.hour"))}
                {text("currency", t("plan.currency"))}
            </SimpleGrid>
            <Group gap="lg">
                {right("tun")}
                {right("fuse")}
                {right("nesting")}
            </Group>
        </Stack>
    );
}
