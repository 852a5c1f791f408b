// What cannot be undone: the name is typed first.
import { useState } from "react";
import { useLocation } from "wouter";
import { api, must } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import { useImages, type Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { useFormat } from "../../../i18n/format";
import { ConfirmDialog } from "../../../ui/Dialog";
import { Button, Group, Select, Text } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { usePlans } from "../../../api/nouns";
import { toast } from "../../../ui/Toasts";

function Reinstall({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const images = useImages().value?.items.filter((one) => one.active && one.state === "ready") ?? [];
    const [image, setImage] = useState(vps.image_id);
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/reinstall", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: { image_id: image } })), {
        stale: ["vps", "tasks"],
        done: () => toast(t("reinstall.ordered"), "busy"),
    });
    return (
        <ConfirmDialog title={t("reinstall")} text={t("reinstall.text")} submit={t("reinstall")} name={vps.name} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={close}>
            <Select label={t("image")} allowDeselect={false} data={images.map((one) => ({ value: one.id, label: one.title }))} value={image} onChange={(value) => setImage(value ?? image)} />
        </ConfirmDialog>
    );
}

function Delete({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const format = useFormat();
    const [, go] = useLocation();
    const hold = usePlans().value?.items.find((one) => one.id === vps.plan_id)?.delete_hold_s ?? 0;
    const action = useAction(() => must(api.DELETE("/v1/vps/{id}", { params: { path: { id: vps.id } } })), {
        stale: ["vps", "tasks", "quotas"],
        done: () => {
            toast(t("vps.deleting", { name: vps.name }), "busy");
            go("/vps");
        },
    });
    return (
        <ConfirmDialog
            title={t("vps.delete")}
            text={hold > 0 ? t("vps.delete.hold", { time: format.duration(hold) }) : t("vps.delete.text")}
            submit={t("vps.delete")}
            name={vps.name}
            run={() => action.run(undefined)}
            busy={action.busy}
            problem={action.problem}
            close={close}
        />
    );
}

export function DangerCard({ vps }: { vps: Vps }) {
    const t = useT();
    const [asked, setAsked] = useState<"reinstall" | "delete" | undefined>();
    const close = () => setAsked(undefined);
    return (
        <Card title={t("danger")}>
            {vps.protection && <Text size="sm">{t("danger.protected")}</Text>}
            <Group>
                <Button variant="default" disabled={vps.protection} onClick={() => setAsked("reinstall")}>
                    {t("reinstall")}
                </Button>
                <Button color="red.8" disabled={vps.protection} onClick={() => setAsked("delete")}>
                    {t("vps.delete")}
                </Button>
            </Group>
            {asked === "reinstall" && <Reinstall vps={vps} close={close} />}
            {asked === "delete" && <Delete vps={vps} close={close} />}
        </Card>
    );
}
