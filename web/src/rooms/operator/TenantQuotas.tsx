// The ceilings of a tenant. Empty is unlimited.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { Button, Group, NumberInput, SimpleGrid, Stack } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { useAmount } from "../../ui/QuotaMeters";
import { ProblemNote, Shown } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import type { Tenant } from "./data";

type Quota = Schema["Quota"];
const GiB = 2 ** 30;
const unitOf = (resource: string) => (resource.endsWith("_bytes") ? GiB : 1);

function Editor({ tenant, quotas, etag }: { tenant: Tenant; quotas: Quota[]; etag: string | undefined }) {
    const t = useT();
    const word = useWord();
    const amount = useAmount();
    const was = Object.fromEntries(quotas.map((one) => [one.resource, one.limit]));
    const [draft, setDraft] = useState<Record<string, number | null>>(was);
    const body = Object.fromEntries(Object.entries(draft).filter(([name, value]) => value !== was[name])) as Schema["QuotaLimits"];
    const action = useAction(() => must(api.PUT("/v1/admin/tenants/{id}/quotas", { params: { path: { id: tenant.id }, header: { "If-Match": etag! } }, body })), {
        stale: ["quotas", "tenants"],
        done: () => toast(t("saved")),
    });
    return (
        <form
            noValidate
            onSubmit={(event) => {
                event.preventDefault();
                void action.run(undefined);
            }}
        >
            <Stack>
                <SimpleGrid cols={{ base: 1, xs: 2 }}>
                    {quotas.map((one) => {
                        const value = draft[one.resource];
                        const unit = unitOf(one.resource);
                        return (
                            <NumberInput
                                key={one.resource}
                                label={word("resource", one.resource)}
                                description={t("quota.used", { used: amount(one.resource, one.used) })}
                                placeholder={t("unlimited")}
                                suffix={unit === GiB ? " GiB" : ""}
                                min={0}
                                decimalScale={unit === GiB ? 4 : 0}
                                value={value === null || value === undefined ? "" : value / unit}
                                error={action.problem?.at(one.resource)}
                                onChange={(next) => setDraft({ ...draft, [one.resource]: next === "" ? null : Math.round(Number(next) * unit) })}
                            />
                        );
                    })}
                </SimpleGrid>
                <ProblemNote problem={action.problem} />
                <Group justify="flex-end">
                    <Button size="xs" type="submit" disabled={Object.keys(body).length === 0} loading={action.busy}>
                        {t("save")}
                    </Button>
                </Group>
            </Stack>
        </form>
    );
}

export function TenantQuotas({ tenant }: { tenant: Tenant }) {
    const t = useT();
    const query = useOne(["quotas", "tenant", tenant.id], () => ask(api.GET("/v1/admin/tenants/{id}/quotas", { params: { path: { id: tenant.id } } })));
    return (
        <Card title={t("nav.quotas")} text={t("quota.empty")}>
            <Shown of={query}>{({ items }) => <Editor tenant={tenant} quotas={items} etag={query.etag} />}</Shown>
        </Card>
    );
}
