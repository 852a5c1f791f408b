import { useState } from "react";
import { api, ask, must } from "../../../api/client";
import { useAction, useOne } from "../../../api/hooks";
import { priceOf, usePlans, usePrices, type Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { Choices } from "../../../ui/Choices";
import { Button, Group, Stack, Text } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { ProblemNote, Shown } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";

// What it would cost, and whether it can be at all, before it is ordered.
function useTrial(vps: Vps, plan: string | undefined) {
    const query = useOne(
        ["vps", "resize", vps.id, plan],
        () => ask(api.POST("/v1/vps/{id}/resize", { params: { path: { id: vps.id }, query: { dry_run: true } }, body: { plan_id: plan! } })),
        { enabled: plan !== undefined },
    );
    return { price: query.value && "price" in query.value ? query.value.price : undefined, problem: plan ? (query.error ?? undefined) : undefined };
}

interface Price {
    price_month: string;
    currency: string;
}

function Difference({ from, to }: { from: Price | undefined; to: Price }) {
    const t = useT();
    const format = useFormat();
    const change = from && from.currency === to.currency ? Number(to.price_month) - Number(from.price_month) : undefined;
    return (
        <Text size="sm">
            {t("price.month", { price: format.money(to.price_month, to.currency) })}
            {change !== undefined && change !== 0 && ` (${change > 0 ? "+" : ""}${format.money(change.toFixed(2), to.currency)})`}
        </Text>
    );
}

export function ResizeCard({ vps }: { vps: Vps }) {
    const t = useT();
    const format = useFormat();
    const plans = usePlans();
    const prices = usePrices().value;
    const there = (id: string | undefined) => priceOf(prices, id, vps.location_id);
    const [plan, setPlan] = useState<string | undefined>();
    const { price, problem } = useTrial(vps, plan);
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/resize", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: { plan_id: plan! } })), {
        stale: ["vps", "tasks", "quotas"],
        done: () => {
            setPlan(undefined);
            toast(t("resize.ordered"), "busy");
        },
    });
    return (
        <Card title={t("resize")} text={t("resize.text")}>
            <Shown of={plans}>
                {({ items }) => (
                    <Stack>
                        <Choices
                            label={t("plan")}
                            value={plan}
                            set={setPlan}
                            none={t("resize.none")}
                            of={items
                                .filter((one) => one.active && one.id !== vps.plan_id)
                                .map((one) => {
                                    const { price_month, currency } = there(one.id) ?? one;
                                    return {
                                        value: one.id,
                                        title: one.title,
                                        text: t("size.of", { vcpus: one.vcpus, memory: format.bytes(one.memory_bytes), disk: format.bytes(one.disk_bytes) }),
                                        side: t("price.month", { price: format.money(price_month, currency) }),
                                    };
                                })}
                        />
                        <ProblemNote problem={action.problem ?? problem} />
                        {plan && (
                            <Group justify="space-between">
                                {price ? <Difference from={there(vps.plan_id) ?? items.find((one) => one.id === vps.plan_id)} to={there(plan) ?? price} /> : <span />}
                                <Button size="xs" disabled={!price} loading={action.busy} onClick={() => void action.run(undefined)}>
                                    {t("resize")}
                                </Button>
                            </Group>
                        )}
                    </Stack>
                )}
            </Shown>
        </Card>
    );
}
