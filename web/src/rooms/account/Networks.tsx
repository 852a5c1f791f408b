import { useState } from "react";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useVpsList } from "../../api/nouns";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Select, Stack, Text, TextInput } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { Empty } from "../../ui/States";

type Network = Schema["Network"];
const stale = ["networks", "vps"];

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [name, setName] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/networks", { params: { header: { "Idempotency-Key": key } }, body: { name } })), { stale, done: close });
    return (
        <FormDialog title={t("network.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
        </FormDialog>
    );
}

function JoinDialog({ network, close }: { network: Network; close: () => void }) {
    const t = useT();
    const [vps, setVps] = useState<string | null>(null);
    const others = (useVpsList({}, 200).items ?? []).filter((one) => !network.members.some((member) => member.vps_id === one.id));
    const action = useAction(
        (_, key) => must(api.POST("/v1/networks/{id}/members", { params: { path: { id: network.id }, header: { "Idempotency-Key": key } }, body: { vps_id: vps! } })),
        { stale, done: close },
    );
    return (
        <FormDialog title={t("network.join", { name: network.name })} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={!vps} onSubmit={() => void action.run(undefined)}>
            <Select data-autofocus searchable label={t("vps")} description={t("network.join.text")} data={others.map((one) => ({ value: one.id, label: one.name }))} value={vps} onChange={setVps} />
        </FormDialog>
    );
}

function Members({ network, mayChange }: { network: Network; mayChange: boolean }) {
    const t = useT();
    const [leaving, setLeaving] = useState<string | undefined>();
    const known = useVpsList({}, 200).items ?? [];
    const leave = useAction((id: string) => must(api.DELETE("/v1/networks/{id}/members", { params: { path: { id: network.id }, query: { vps_id: id } } })), { stale });
    const nameOf = (vps: string) => known.find((one) => one.id === vps)?.name ?? vps;
    return (
        <Stack gap={4}>
            {network.members.length === 0 && "–"}
            {network.members.map((member) => (
                <Group key={member.vps_id} gap={6} wrap="nowrap">
                    <Text size="sm">{nameOf(member.vps_id)}</Text>
                    <span className="mono">{member.ipv4}</span>
                    {mayChange && (
                        <Button size="compact-xs" variant="default" onClick={() => setLeaving(member.vps_id)}>
                            {t("remove")}
                        </Button>
                    )}
                </Group>
            ))}
            {leaving && (
                <ConfirmDialog title={t("network.leave")} text={t("network.leave.text", { vps: nameOf(leaving), name: network.name })} submit={t("remove")} run={() => leave.run(leaving)} busy={leave.busy} problem={leave.problem} close={() => setLeaving(undefined)} />
            )}
        </Stack>
    );
}

export function Networks() {
    const t = useT();
    const mayChange = useMay()("network:write");
    const [adding, setAdding] = useState(false);
    const [joining, setJoining] = useState<Network | undefined>();
    const [leaving, setLeaving] = useState<Network | undefined>();
    const list = useList<Network>(["networks", "list"], (cursor) => must(api.GET("/v1/networks", { params: { query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/networks/{id}", { params: { path: { id } } })), { stale });
    const add = mayChange && (
        <Button size="xs" onClick={() => setAdding(true)}>
            {t("network.add")}
        </Button>
    );
    return (
        <Card title={t("networks")} text={t("networks.text")} actions={add}>
            <DataTable
                label={t("networks")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("range"), cell: (one) => <span className="mono">{one.ipv4}<br />{one.ipv6}</span> },
                    { head: t("members"), cell: (one) => <Members network={one} mayChange={mayChange} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            mayChange ? (
                                <Group gap={6} wrap="nowrap">
                                    <Button size="compact-xs" variant="default" onClick={() => setJoining(one)}>
                                        {t("network.member.add")}
                                    </Button>
                                    <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                        {t("delete")}
                                    </Button>
                                </Group>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("networks.none")} text={t("networks.none.text")} />}
            />
            {adding && <CreateDialog close={() => setAdding(false)} />}
            {joining && <JoinDialog network={joining} close={() => setJoining(undefined)} />}
            {leaving && (
                <ConfirmDialog title={t("network.delete")} text={t("network.delete.text", { name: leaving.name })} submit={t("delete")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />
            )}
        </Card>
    );
}
