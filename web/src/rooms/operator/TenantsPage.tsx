import { useEffect, useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import { api, must } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { FormDialog } from "../../ui/Dialog";
import { Button, Group, Select, Stack, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Labels, Status, Time, type Tone } from "../../ui/Status";
import { ThingFilter } from "./AllVpsPage";
import { useOperatorNames, useTenants, type Tenant } from "./data";

const tones: Record<Tenant["state"], Tone> = { active: "good", suspended: "warn", closing: "bad", closed: "idle" };
const states = ["active", "suspended", "closing", "closed"] as const;
const kinds = ["operator", "reseller", "tenant"] as const;

export function TenantState({ tenant }: { tenant: Tenant }) {
    const t = useT();
    return <Status tone={tones[tenant.effective_state]}>{t(`tenantstate.${tenant.effective_state}`)}</Status>;
}

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [name, setName] = useState("");
    const [kind, setKind] = useState<"tenant" | "reseller">("tenant");
    const [parent, setParent] = useState<string | null>(null);
    const resellers = (useTenants().value?.items ?? []).filter((one) => one.kind === "reseller");
    const action = useAction((_, key) => must(api.POST("/v1/admin/tenants", { params: { header: { "Idempotency-Key": key } }, body: { name, kind, ...(parent && { parent_id: parent }) } })), {
        stale: ["tenants"],
        done: (made) => go(`/operator/tenants/${made.id}`),
    });
    return (
        <FormDialog title={t("tenant.create")} close={close} submit={t("tenant.create")} busy={action.busy} problem={action.problem} disabled={!name} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <Select label={t("kind")} allowDeselect={false} data={(["tenant", "reseller"] as const).map((one) => ({ value: one, label: t(`tenantkind.${one}`) }))} value={kind} onChange={(value) => setKind(value as "tenant")} />
            {resellers.length > 0 && <Select label={t("tenant.parent")} clearable placeholder={t("tenantkind.operator")} data={resellers.map((one) => ({ value: one.id, label: one.name }))} value={parent} onChange={setParent} clearButtonProps={{ "aria-label": t("clear") }} />}
        </FormDialog>
    );
}

export default function TenantsPage() {
    const t = useT();
    const names = useOperatorNames();
    const [params, setParams] = useSearchParams();
    const [making, setMaking] = useState(false);
    const [text, setText] = useState(params.get("name") ?? "");
    const filter = {
        name: params.get("name") ?? undefined,
        state: states.find((one) => one === params.get("state")),
        kind: kinds.find((one) => one === params.get("kind")),
    };
    useEffect(() => {
        const timer = setTimeout(
            () =>
                (params.get("name") ?? "") !== text &&
                setParams(
                    (before) => {
                        const next = new URLSearchParams(before);
                        text ? next.set("name", text) : next.delete("name");
                        return next;
                    },
                    { replace: true },
                ),
            300,
        );
        return () => clearTimeout(timer);
    }, [text, params, setParams]);
    const list = useList<Tenant>(["tenants", "list", filter], (cursor) => must(api.GET("/v1/admin/tenants", { params: { query: { ...filter, limit: 50, cursor, sort: "name" } } })));
    return (
        <Page title={t("nav.operator.tenants")} actions={<Button onClick={() => setMaking(true)}>{t("tenant.create")}</Button>}>
            <Group gap="sm" align="flex-end">
                <TextInput size="xs" label={t("name")} value={text} onChange={(e) => setText(e.currentTarget.value)} />
                <ThingFilter name="state" label={t("state")} data={states.map((one) => ({ value: one, label: t(`tenantstate.${one}`) }))} />
                <ThingFilter name="kind" label={t("kind")} data={kinds.map((one) => ({ value: one, label: t(`tenantkind.${one}`) }))} />
            </Group>
            <DataTable
                label={t("nav.operator.tenants")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("name"),
                        cell: (one) => (
                            <Stack gap={2}>
                                <Link href={`/operator/tenants/${one.id}`}>{one.name}</Link>
                                <Labels of={one.labels} />
                            </Stack>
                        ),
                    },
                    { head: t("kind"), cell: (one) => t(`tenantkind.${one.kind}`) },
                    { head: t("tenant.parent"), cell: (one) => names.tenant(one.parent_id) },
                    { head: t("state"), cell: (one) => <TenantState tenant={one} /> },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} /> },
                ]}
                empty={<Empty title={t("tenants.none")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
        </Page>
    );
}
