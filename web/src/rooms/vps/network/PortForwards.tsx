import { useState } from "react";
import { api, must, type Schema } from "../../../api/client";
import { useAction, useList } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { DataTable } from "../../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../../ui/Dialog";
import { Button, NumberInput, Select } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { Empty } from "../../../ui/States";

type Forward = Schema["PortForward"];

function CreateDialog({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const [draft, setDraft] = useState<Schema["PortForwardCreate"]>({ protocol: "tcp", port: 22 });
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/port-forwards", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: draft })), { stale: ["port-forwards", "vps"], done: close });
    return (
        <FormDialog title={t("forward.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <Select label={t("protocol")} allowDeselect={false} data={["tcp", "udp"]} value={draft.protocol} onChange={(value) => setDraft({ ...draft, protocol: value as "tcp" })} />
            <NumberInput label={t("forward.port")} min={1} max={65535} allowDecimal={false} value={draft.port} error={action.problem?.at("port")} onChange={(value) => setDraft({ ...draft, port: Number(value) })} />
            <NumberInput
                label={t("forward.host")}
                description={t("forward.host.text")}
                min={1}
                max={65535}
                allowDecimal={false}
                value={draft.host_port ?? ""}
                error={action.problem?.at("host_port")}
                onChange={(value) => setDraft({ ...draft, host_port: value === "" ? undefined : Number(value) })}
            />
        </FormDialog>
    );
}

export function PortForwards({ vps, mayChange }: { vps: Vps; mayChange: boolean }) {
    const t = useT();
    const [adding, setAdding] = useState(false);
    const [leaving, setLeaving] = useState<Forward | undefined>();
    const list = useList<Forward>(["port-forwards", vps.id], (cursor) => must(api.GET("/v1/vps/{id}/port-forwards", { params: { path: { id: vps.id }, query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/port-forwards/{id}", { params: { path: { id } } })), { stale: ["port-forwards", "vps"] });
    const hasPrivate = vps.addresses.some((one) => one.kind === "private");
    if (!hasPrivate && !list.items?.length) {
        return null; // a routed address needs none
    }
    return (
        <Card
            title={t("forwards")}
            text={t("forwards.text")}
            actions={
                mayChange && (
                    <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                        {t("forward.add")}
                    </Button>
                )
            }
        >
            <DataTable
                label={t("forwards")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("forward.host"), cell: (one) => `${one.host_port}/${one.protocol}` },
                    { head: t("forward.port"), cell: (one) => one.port },
                    ...(mayChange
                        ? [
                              {
                                  head: "",
                                  kind: "actions" as const,
                                  cell: (one: Forward) => (
                                      <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                          {t("remove")}
                                      </Button>
                                  ),
                              },
                          ]
                        : []),
                ]}
                empty={<Empty title={t("forwards.none")} />}
            />
            {adding && <CreateDialog vps={vps} close={() => setAdding(false)} />}
            {leaving && (
                <ConfirmDialog
                    title={t("forward.remove")}
                    text={t("forward.remove.text", { port: leaving.host_port })}
                    submit={t("remove")}
                    run={() => remove.run(leaving.id)}
                    busy={remove.busy}
                    problem={remove.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </Card>
    );
}
