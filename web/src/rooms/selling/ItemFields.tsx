// One item of a list, as a row of fields; and as text.
import type { Problem } from "../../api/problem";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { ActionIcon, Group, Select, TextInput } from "../../ui/kit";
import { useThings } from "./data";
import { fieldsOf, hasPlan, meters, type Draft, type Field } from "./items";

export function useItemText(currency: string) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const { plans, locations } = useThings();
    const plan = (id: string) => plans.find((one) => one.id === id)?.title ?? id;
    const location = (id: string) => locations.find((one) => one.id === id)?.title ?? id;
    return {
        of: ({ meter, plan_id, location_id }: Draft) => [word("meter", meter), plan_id ? plan(plan_id) : hasPlan(meter) ? t("item.anyplan") : undefined, location_id ? location(location_id) : undefined].filter(Boolean).join(" · "),
        price: ({ meter, values }: Draft) =>
            fieldsOf(meter)
                .flatMap((one) => {
                    const value = values[one]?.replace(",", ".");
                    if (!value) {
                        return [];
                    }
                    return one === "percent" ? t("item.percent.of", { percent: format.number(Number(value), 2) }) : one === "included" ? t("item.included.of", { amount: `${format.number(Number(value), 3)} ${word("unit", `${meter}_unit`)}` }) : `${format.money(value, currency)} / ${word("per", one === "price_hour" ? "hour" : one === "price_month" ? (meter === "snapshot" || meter === "disk" ? "gb_month" : "month") : `${meter}_unit`)}`;
                })
                .join(", ") || "–",
    };
}

interface Props {
    item: Draft;
    at: number;
    set: (part: Partial<Draft>) => void;
    remove: () => void;
    problem: Problem | undefined;
}

export function ItemFields({ item, at, set, remove, problem }: Props) {
    const t = useT();
    const word = useWord();
    const { plans, locations } = useThings();
    const clear = { "aria-label": t("clear") };
    const value = (name: Field) => (
        <TextInput
            key={name}
            size="xs"
            w={118}
            inputMode="decimal"
            label={name === "price_unit" || name === "included" ? t(`item.${name}`, { unit: word("unit", `${item.meter}_unit`) }) : t(`item.${name}`)}
            value={item.values[name] ?? ""}
            error={problem?.at(`items/${at}/${name}`)}
            onChange={(e) => set({ values: { ...item.values, [name]: e.currentTarget.value.trim() } })}
        />
    );
    return (
        <Group gap="xs" align="flex-end" role="listitem" aria-label={t("item.at", { number: at + 1 })} className="item">
            <Select size="xs" w={150} label={t("item.meter")} allowDeselect={false} data={meters.map((one) => ({ value: one, label: word("meter", one) }))} value={item.meter} error={problem?.at(`items/${at}`)} onChange={(one) => set({ meter: one as Draft["meter"], values: {}, plan_id: null })} />
            {hasPlan(item.meter) && <Select size="xs" w={150} label={t("plan")} clearable searchable placeholder={t("item.anyplan")} data={plans.map((one) => ({ value: one.id, label: one.title }))} value={item.plan_id} onChange={(plan_id) => set({ plan_id })} clearButtonProps={clear} />}
            <Select size="xs" w={150} label={t("location")} clearable placeholder={t("item.everywhere")} data={locations.map((one) => ({ value: one.id, label: one.title }))} value={item.location_id} onChange={(location_id) => set({ location_id })} clearButtonProps={clear} />
            {fieldsOf(item.meter).map(value)}
            <ActionIcon variant="default" size="30px" aria-label={t("item.remove", { number: at + 1 })} onClick={remove}>
                ✕
            </ActionIcon>
        </Group>
    );
}
