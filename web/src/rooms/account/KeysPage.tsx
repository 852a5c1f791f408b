// Which SSH keys open what: those that were given to VPS when they were made or later.
import { useState } from "react";
import { Link } from "wouter";
import { api, must } from "../../api/client";
import { useAction } from "../../api/hooks";
import { useVpsList } from "../../api/nouns";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { brief, keysOf, type KnownKey } from "../../ui/keys";
import { Button, Group, Stack, Text } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { toast } from "../../ui/Toasts";

export default function KeysPage() {
    const t = useT();
    const may = useMay();
    const [leaving, setLeaving] = useState<KnownKey | undefined>();
    const list = useVpsList({}, 200);
    const drop = useAction(
        async ({ text, opens }: KnownKey) => {
            for (const { id } of opens) {
                await must(api.POST("/v1/vps/{id}/ssh-keys", { params: { path: { id } }, body: { remove: [text] } }));
            }
        },
        { stale: ["vps", "tasks"], done: () => toast(t("keys.dropped")) },
    );
    return (
        <Page title={t("keys")} lead={t("keys.page")}>
            <DataTable
                label={t("keys")}
                list={{ ...list, items: list.items && keysOf(list.items) }}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("keys"),
                        cell: (one) => (
                            <Stack gap={0}>
                                <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                                    {brief(one.text).comment || "–"}
                                </Text>
                                <span className="mono">{brief(one.text).kind}</span>
                            </Stack>
                        ),
                    },
                    {
                        head: t("keys.opens"),
                        cell: (one) => (
                            <Group gap="xs">
                                {one.opens.map(({ id, name }) => (
                                    <Link key={id} href={`/vps/${id}/settings`}>
                                        {name}
                                    </Link>
                                ))}
                            </Group>
                        ),
                    },
                    ...(may("vps:write")
                        ? [
                              {
                                  head: "",
                                  kind: "actions" as const,
                                  cell: (one: KnownKey) => (
                                      <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                          {t("keys.drop")}
                                      </Button>
                                  ),
                              },
                          ]
                        : []),
                ]}
                empty={<Empty title={t("keys.nobody")} text={t("keys.nobody.text")} />}
            />
            {leaving && (
                <ConfirmDialog
                    title={t("keys.drop")}
                    text={t("keys.drop.text", { name: brief(leaving.text).comment || brief(leaving.text).kind, names: leaving.opens.map((one) => one.name).join(", ") })}
                    submit={t("keys.drop")}
                    run={() => drop.run(leaving)}
                    busy={drop.busy}
                    problem={drop.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </Page>
    );
}
