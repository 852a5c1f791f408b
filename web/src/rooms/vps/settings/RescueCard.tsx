import { useState } from "react";
import { api, must } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { ConfirmDialog } from "../../../ui/Dialog";
import { Button } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { order } from "../power";

export function RescueCard({ vps }: { vps: Vps }) {
    const t = useT();
    const [asked, setAsked] = useState(false);
    const inRescue = vps.rescue_image_id !== null;
    const action = useAction(async (_, key) => void (inRescue ? await order("unrescue", vps.id) : await must(api.POST("/v1/vps/{id}/rescue", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: {} }))), { stale: ["vps", "tasks"] });
    const title = t(inRescue ? "power.unrescue" : "rescue");
    return (
        <Card
            title={t("rescue")}
            text={t("rescue.text")}
            actions={
                <Button size="xs" variant="default" onClick={() => setAsked(true)}>
                    {title}
                </Button>
            }
        >
            {asked && <ConfirmDialog title={title} text={t("power.ask", { name: vps.name })} submit={title} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={() => setAsked(false)} />}
        </Card>
    );
}
