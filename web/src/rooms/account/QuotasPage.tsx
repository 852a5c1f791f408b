import { useState } from "react";
import { Link } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useQuotas } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { Dialog } from "../../ui/Dialog";
import { Button, SimpleGrid, Text } from "../../ui/kit";
import { Card, Page } from "../../ui/Page";
import { QuotaMeters, useAmount } from "../../ui/QuotaMeters";
import { Empty, Shown } from "../../ui/States";

type Holder = Schema["QuotaHolder"];

function Holders({ resource, close }: { resource: Schema["Resource"]; close: () => void }) {
    const t = useT();
    const word = useWord();
    const amount = useAmount();
    const list = useList<Holder>(["quotas", "holders", resource], (cursor) => must(api.GET("/v1/quotas/holders", { params: { query: { resource, cursor } } })));
    return (
        <Dialog title={t("quota.holders", { resource: word("resource", resource) })} close={close} size="lg">
            <DataTable
                label={word("resource", resource)}
                list={list}
                id={(one) => `${one.type}/${one.id}`}
                columns={[
                    { head: t("name"), cell: (one) => (one.type === "vps" ? <Link href={`/vps/${one.id}`}>{one.name}</Link> : one.name) },
                    { head: t("kind"), cell: (one) => t(`holder.${one.type}`) },
                    { head: t("amount"), cell: (one) => amount(resource, one.amount), kind: "number" },
                ]}
                empty={<Empty title={t("quota.holders.none")} />}
            />
        </Dialog>
    );
}

export default function QuotasPage() {
    const t = useT();
    const quotas = useQuotas();
    const [shown, setShown] = useState<Schema["Resource"] | undefined>();
    return (
        <Page title={t("nav.quotas")} lead={t("quotas.text")}>
            <Shown of={quotas}>
                {({ items }) => (
                    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
                        {items.map((one) => (
                            <Card key={one.resource}>
                                <QuotaMeters of={[one]} />
                                {one.limit === null && (
                                    <Text size="xs" c="dimmed">
                                        {t("unlimited")}
                                    </Text>
                                )}
                                {one.override && (
                                    <Text size="xs" c="dimmed">
                                        {t("quota.override", { reason: one.override_reason ?? "" })}
                                    </Text>
                                )}
                                {one.used > 0 && (
                                    <Button size="compact-xs" variant="default" onClick={() => setShown(one.resource)}>
                                        {t("quota.what")}
                                    </Button>
                                )}
                            </Card>
                        ))}
                    </SimpleGrid>
                )}
            </Shown>
            {shown && <Holders resource={shown} close={() => setShown(undefined)} />}
        </Page>
    );
}
