import { useState } from "react";
import { api, must, type Schema } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { CopyButton } from "../../../ui/Copy";
import { DataTable, still } from "../../../ui/DataTable";
import { ConfirmDialog } from "../../../ui/Dialog";
import { Button, Group, Menu } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { Empty, ProblemNote } from "../../../ui/States";

type Address = Schema["Address"];
const kinds: Schema["VpsAddressAdd"][] = [
    { family: 4, kind: "routed" },
    { family: 6, kind: "routed" },
    { family: 4, kind: "private" },
    { family: 6, kind: "private" },
];

export function Addresses({ vps, mayChange }: { vps: Vps; mayChange: boolean }) {
    const t = useT();
    const [leaving, setLeaving] = useState<Address | undefined>();
    const path = { id: vps.id };
    const add = useAction((body: Schema["VpsAddressAdd"], key) => must(api.POST("/v1/vps/{id}/addresses", { params: { path, header: { "Idempotency-Key": key } }, body })), { stale: ["vps", "quotas", "tasks"] });
    const remove = useAction((address: string) => must(api.DELETE("/v1/vps/{id}/addresses", { params: { path, query: { address } } })), { stale: ["vps", "quotas", "tasks"] });
    const adder = mayChange && (
        <Menu position="bottom-end">
            <Menu.Target>
                <Button size="xs" variant="default" loading={add.busy}>
                    {t("address.add")}
                </Button>
            </Menu.Target>
            <Menu.Dropdown>
                {kinds.map((one) => (
                    <Menu.Item key={`${one.family}${one.kind}`} onClick={() => void add.run(one)}>
                        {`IPv${one.family} · ${t(`address.${one.kind ?? "routed"}`)}`}
                    </Menu.Item>
                ))}
            </Menu.Dropdown>
        </Menu>
    );
    return (
        <Card title={t("addresses")} actions={adder}>
            <ProblemNote problem={add.problem} />
            <DataTable
                label={t("addresses")}
                list={still(vps.addresses)}
                id={(one) => one.address}
                columns={[
                    { head: t("address"), cell: (one) => <span className="mono">{`${one.address}/${one.prefix_length}`}</span> },
                    { head: t("kind"), cell: (one) => t(`address.${one.kind}`) },
                    { head: t("gateway"), cell: (one) => <span className="mono">{one.gateway}</span> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Group gap={6} wrap="nowrap">
                                <CopyButton text={one.address} />
                                {mayChange && (
                                    <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                        {t("remove")}
                                    </Button>
                                )}
                            </Group>
                        ),
                    },
                ]}
                empty={<Empty title={t("address.none")} />}
            />
            {leaving && (
                <ConfirmDialog
                    title={t("address.remove")}
                    text={t("address.remove.text", { address: leaving.address })}
                    submit={t("remove")}
                    run={() => remove.run(leaving.address)}
                    busy={remove.busy}
                    problem={remove.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </Card>
    );
}
