// Orders for all that are chosen: each is an order of its own, and what one refuses keeps none of the others.
import { useState } from "react";
import { useAction } from "../../api/hooks";
import { orderEach } from "../../api/many";
import type { Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Group, Text } from "../../ui/kit";
import { usePartly } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import { order, powerKeys, powerOf, type Power } from "./power";

const powers: Power[] = ["start", "stop", "reboot"];
export function BulkBar({ vps, clear }: { vps: Vps[]; clear: () => void }) {
    const t = useT();
    const partly = usePartly();
    const [asked, setAsked] = useState<Power | undefined>();
    const fit = (power: Power) => vps.filter((one) => powerOf(one).includes(power));
    const action = useAction(
        async (power: Power) => {
            const wanted = fit(power);
            const problem = partly(wanted.length, await orderEach(wanted, ({ id }) => order(power, id)));
            if (problem) {
                throw problem;
            }
            return wanted.length;
        },
        { stale: ["vps", "tasks"], done: (count) => toast(t("bulk.done", { count })) },
    );
    const open = (power: Power) => {
        action.reset();
        setAsked(power);
    };
    return (
        <Group className="paper" p="xs" px="md" justify="space-between" role="region" aria-label={t("bulk")}>
            <Text size="sm">{t("bulk.chosen", { count: vps.length })}</Text>
            <Group gap="xs">
                {powers.map((power) => (
                    <Button key={power} size="xs" variant="default" disabled={fit(power).length === 0} onClick={() => open(power)}>
                        {t(powerKeys[power])}
                    </Button>
                ))}
                <Button size="xs" variant="subtle" onClick={clear}>
                    {t("bulk.clear")}
                </Button>
            </Group>
            {asked && (
                <ConfirmDialog
                    title={t(powerKeys[asked])}
                    text={t("bulk.ask", { count: fit(asked).length, names: fit(asked).map((one) => one.name).join(", ") })}
                    submit={t(powerKeys[asked])}
                    run={() => action.run(asked)}
                    busy={action.busy}
                    problem={action.problem}
                    close={() => setAsked(undefined)}
                />
            )}
        </Group>
    );
}
