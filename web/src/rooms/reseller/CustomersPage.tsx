// The tenants below a reseller.
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { FormDialog } from "../../ui/Dialog";
import { Button, Stack, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Labels, Status, Time, type Tone } from "../../ui/Status";

type Tenant = Schema["Tenant"];
const tones: Record<Tenant["state"], Tone> = { active: "good", suspended: "warn", closing: "bad", closed: "idle" };

export function CustomerState({ tenant }: { tenant: Tenant }) {
    const t = useT();
    return <Status tone={tones[tenant.effective_state]}>{t(`tenantstate.${tenant.effective_state}`)}</Status>;
}

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [name, setName] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/tenants", { params: { header: { "Idempotency-Key": key } }, body: { name } })), { stale: ["tenants"], done: (made) => go(`/reselling/customers/${made.id}`) });
    return (
        <FormDialog title={t("customer.create")} close={close} submit={t("customer.create")} busy={action.busy} problem={action.problem} disabled={!name} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
        </FormDialog>
    );
}

export default function CustomersPage() {
    const t = useT();
    const may = useMay();
    const [making, setMaking] = useState(false);
    const list = useList<Tenant>(["tenants", "below"], (cursor) => must(api.GET("/v1/tenants", { params: { query: { limit: 50, cursor } } })));
    return (
        <Page title={t("nav.customers")} lead={t("customers.text")} actions={may("tenants:write") && <Button onClick={() => setMaking(true)}>{t("customer.create")}</Button>}>
            <DataTable
                label={t("nav.customers")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("name"),
                        cell: (one) => (
                            <Stack gap={2}>
                                <Link href={`/reselling/customers/${one.id}`}>{one.name}</Link>
                                <Labels of={one.labels} />
                            </Stack>
                        ),
                    },
                    { head: t("state"), cell: (one) => <CustomerState tenant={one} /> },
                    { head: t("external.ref"), cell: (one) => one.external_ref ?? "–" },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} />, kind: "fit" },
                ]}
                empty={<Empty title={t("customers.none")} text={t("customers.none.text")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
        </Page>
    );
}
