import { useState } from "react";
import { useAction } from "../../api/hooks";
import type { Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Menu } from "../../ui/kit";
import { useProblemText } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import { order, powerKeys, powerOf, type Power } from "./power";

const asked: Power[] = ["stop", "reboot", "kill", "unrescue"]; // end what runs in it

export function PowerButtons({ vps }: { vps: Vps }) {
    const t = useT();
    const say = useProblemText();
    const [power, setPower] = useState<Power | undefined>();
    const action = useAction((wanted: Power) => order(wanted, vps.id), { stale: ["vps", "tasks"] });
    const [first, ...others] = powerOf(vps);
    const act = async (wanted: Power) => {
        action.reset();
        if (asked.includes(wanted)) {
            setPower(wanted);
        } else {
            await order(wanted, vps.id).then(
                () => action.reset(),
                (problem) => toast(say(problem).text || say(problem).title, "bad"),
            );
        }
    };
    if (!first) {
        return null;
    }
    return (
        <>
            <Button size="sm" variant={first === "start" ? "filled" : "default"} onClick={() => void act(first)}>
                {t(powerKeys[first])}
            </Button>
            {others.length > 0 && (
                <Menu position="bottom-end">
                    <Menu.Target>
                        <Button size="sm" variant="default" aria-label={t("power.more")}>
                            ⋯
                        </Button>
                    </Menu.Target>
                    <Menu.Dropdown>
                        {others.map((one) => (
                            <Menu.Item key={one} onClick={() => void act(one)}>
                                {t(powerKeys[one])}
                            </Menu.Item>
                        ))}
                    </Menu.Dropdown>
                </Menu>
            )}
            {power && (
                <ConfirmDialog
                    title={t(powerKeys[power])}
                    text={t(power === "kill" ? "power.ask.kill" : "power.ask", { name: vps.name })}
                    submit={t(powerKeys[power])}
                    run={() => action.run(power)}
                    busy={action.busy}
                    problem={action.problem}
                    close={() => setPower(undefined)}
                />
            )}
        </>
    );
}
