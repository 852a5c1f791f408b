import { useState } from "react";
import { api, must } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import type { Image } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Text } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";

const tones: Record<Image["state"], Tone> = { creating: "busy", ready: "good", failed: "bad" };

export default function ImagesPage() {
    const t = useT();
    const may = useMay();
    const format = useFormat();
    const [leaving, setLeaving] = useState<Image | undefined>();
    const list = useList<Image>(["images", "list"], (cursor) => must(api.GET("/v1/images", { params: { query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/images/{id}", { params: { path: { id } } })), { stale: ["images", "quotas"] });
    return (
        <Page title={t("nav.images")} lead={t("images.text")}>
            <DataTable
                label={t("nav.images")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => <Text fw={550} size="sm">{one.title}</Text> },
                    { head: t("system"), cell: (one) => `${one.os} · ${one.arch}` },
                    { head: t("owner"), cell: (one) => t(one.tenant_id ? "image.own" : "image.catalogue") },
                    { head: t("state"), cell: (one) => <Status tone={tones[one.state]}>{one.error?.detail ?? t(`imagestate.${one.state}`)}</Status> },
                    { head: t("size"), cell: (one) => (one.size === null ? "–" : format.bytes(one.size)), kind: "number" },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            one.tenant_id && may("images:write") ? (
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("delete")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("image.none")} />}
            />
            {leaving && (
                <ConfirmDialog
                    title={t("image.delete")}
                    text={t("image.delete.text", { name: leaving.title })}
                    submit={t("delete")}
                    name={leaving.name}
                    run={() => remove.run(leaving.id)}
                    busy={remove.busy}
                    problem={remove.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </Page>
    );
}
