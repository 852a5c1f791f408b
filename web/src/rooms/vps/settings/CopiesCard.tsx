// Others like it: a clone, or an image to make more of. Both of the disk as it is now; it may go on running.
import { useState } from "react";
import { useLocation } from "wouter";
import { api, must } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { useMay } from "../../../roles";
import { FormDialog } from "../../../ui/Dialog";
import { Button, Group, Text, TextInput } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { toast } from "../../../ui/Toasts";

function Clone({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [name, setName] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/clone", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: { name } })), {
        stale: ["vps", "tasks", "quotas"],
        done: (made) => go(`/vps/${made.vps.id}`),
    });
    return (
        <FormDialog title={t("clone")} close={close} submit={t("clone")} busy={action.busy} problem={action.problem} disabled={!name} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("clone.text")}</Text>
            <TextInput data-autofocus label={t("name")} description={t("name.rule")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value.toLowerCase())} autoComplete="off" spellCheck={false} />
        </FormDialog>
    );
}

function Publish({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const [name, setName] = useState("");
    const [title, setTitle] = useState("");
    const body = { name, ...(title.trim() && { title: title.trim() }) };
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/publish", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body })), {
        stale: ["vps", "tasks", "images", "quotas"],
        done: () => {
            toast(t("publish.ordered"), "busy");
            close();
        },
    });
    return (
        <FormDialog title={t("publish")} close={close} submit={t("publish")} busy={action.busy} problem={action.problem} disabled={!name} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("publish.text")}</Text>
            <TextInput data-autofocus label={t("name")} description={t("name.rule")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value.toLowerCase())} autoComplete="off" spellCheck={false} />
            <TextInput label={t("title")} description={t("publish.title.text")} value={title} error={action.problem?.at("title")} onChange={(e) => setTitle(e.currentTarget.value)} />
        </FormDialog>
    );
}

export function CopiesCard({ vps }: { vps: Vps }) {
    const t = useT();
    const may = useMay();
    const [asked, setAsked] = useState<"clone" | "publish" | undefined>();
    const close = () => setAsked(undefined);
    return (
        <Card title={t("copies")} text={t("copies.text")}>
            <Group>
                <Button size="xs" variant="default" onClick={() => setAsked("clone")}>
                    {t("clone")}
                </Button>
                {may("images:write") && (
                    <Button size="xs" variant="default" onClick={() => setAsked("publish")}>
                        {t("publish")}
                    </Button>
                )}
            </Group>
            {asked === "clone" && <Clone vps={vps} close={close} />}
            {asked === "publish" && <Publish vps={vps} close={close} />}
        </Card>
    );
}
