// One tenant: its state, its quotas, its people, and the way in as one of them.
import { useState } from "react";
import { Link } from "wouter";
import { api, ask, must } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Alert, Button, Group, NumberInput, Select, SimpleGrid, Stack, Text, Textarea } from "../../ui/kit";
import { Card, Facts, Page } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";
import { Labels, Time } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { useOperatorNames, type Tenant } from "./data";
import { TenantPeople } from "./TenantPeople";
import { TenantQuotas } from "./TenantQuotas";
import { TenantState } from "./TenantsPage";

const dayS = 86_400;
const stale = ["tenants", "vps"];

function SuspendDialog({ tenant, close }: { tenant: Tenant; close: () => void }) {
    const t = useT();
    const [reason, setReason] = useState("");
    const [policy, setPolicy] = useState<"stop" | "throttle">("stop");
    const action = useAction(() => must(api.POST("/v1/admin/tenants/{id}/suspend", { params: { path: { id: tenant.id } }, body: { reason, policy } })), { stale, done: close });
    return (
        <FormDialog title={t("tenant.suspend")} close={close} submit={t("tenant.suspend")} danger busy={action.busy} problem={action.problem} disabled={!reason} onSubmit={() => void action.run(undefined)}>
            <Textarea data-autofocus label={t("reason")} description={t("reason.shown")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
            <Select label={t("tenant.policy")} allowDeselect={false} data={(["stop", "throttle"] as const).map((one) => ({ value: one, label: t(`tenant.policy.${one}`) }))} value={policy} onChange={(value) => setPolicy(value as "stop")} />
        </FormDialog>
    );
}

function CloseDialog({ tenant, close }: { tenant: Tenant; close: () => void }) {
    const t = useT();
    const [reason, setReason] = useState("");
    const [days, setDays] = useState(30);
    const action = useAction(() => must(api.POST("/v1/admin/tenants/{id}/close", { params: { path: { id: tenant.id } }, body: { reason, grace_s: days * dayS } })), { stale });
    return (
        <ConfirmDialog title={t("tenant.close")} text={t("tenant.close.text")} submit={t("tenant.close")} name={tenant.name} ready={reason !== ""} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={close}>
            <Textarea data-autofocus label={t("reason")} description={t("reason.shown")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
            <NumberInput label={t("tenant.grace")} min={0} max={365} allowDecimal={false} value={days} error={action.problem?.at("grace_s")} onChange={(value) => setDays(Number(value) || 0)} />
        </ConfirmDialog>
    );
}

function Actions({ tenant }: { tenant: Tenant }) {
    const t = useT();
    const [asked, setAsked] = useState<"suspend" | "close" | undefined>();
    const resume = useAction(() => must(api.POST("/v1/admin/tenants/{id}/resume", { params: { path: { id: tenant.id } } })), { stale, done: () => toast(t("tenant.resumed")) });
    if (tenant.kind === "operator" || tenant.state === "closed") {
        return null;
    }
    return (
        <>
            {tenant.state !== "active" && (
                <Button loading={resume.busy} onClick={() => void resume.run(undefined)}>
                    {t("tenant.resume")}
                </Button>
            )}
            {tenant.state === "active" && (
                <Button variant="default" onClick={() => setAsked("suspend")}>
                    {t("tenant.suspend")}
                </Button>
            )}
            {tenant.state !== "closing" && (
                <Button variant="default" onClick={() => setAsked("close")}>
                    {t("tenant.close")}
                </Button>
            )}
            <ProblemNote problem={resume.problem} />
            {asked === "suspend" && <SuspendDialog tenant={tenant} close={() => setAsked(undefined)} />}
            {asked === "close" && <CloseDialog tenant={tenant} close={() => setAsked(undefined)} />}
        </>
    );
}

// UTC, as invoices count.
function monthBegin(): string {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())).toISOString();
}

function Usage({ tenant }: { tenant: Tenant }) {
    const t = useT();
    const format = useFormat();
    const query = useOne(["usage", "tenant", tenant.id], () => ask(api.GET("/v1/admin/tenants/{id}/usage", { params: { path: { id: tenant.id }, query: { from: monthBegin() } } })));
    return (
        <Card title={t("usage")}>
            <Shown of={query}>
                {(usage) => (
                    <Facts
                        rows={[
                            [t("from"), format.exact(usage.from)],
                            [t("vps"), format.number(usage.vps)],
                            [t("usage.cpu"), format.duration(usage.cpu_ns / 1e9)],
                            [t("usage.in"), format.bytes(usage.net_rx_bytes)],
                            [t("usage.out"), format.bytes(usage.net_tx_bytes)],
                        ]}
                    />
                )}
            </Shown>
        </Card>
    );
}

export default function TenantPage({ id }: { id: string }) {
    const t = useT();
    const format = useFormat();
    const names = useOperatorNames();
    const query = useOne(["tenants", "one", id], () => ask(api.GET("/v1/admin/tenants/{id}", { params: { path: { id } } })));
    return (
        <Shown of={query} title={t("holder.tenant")}>
            {(tenant) => (
                <Page title={tenant.name} lead={<TenantState tenant={tenant} />} actions={<Actions tenant={tenant} />}>
                    {tenant.suspended_reason && (
                        <Alert color="orange" variant="outline">
                            <Text size="sm">{tenant.suspended_reason}</Text>
                        </Alert>
                    )}
                    {tenant.grace_until && (
                        <Alert color="red" variant="outline">
                            <Text size="sm">{t("tenant.closing", { when: format.ago(tenant.grace_until) })}</Text>
                        </Alert>
                    )}
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Stack>
                            <Card title={t("nav.home")}>
                                <Facts
                                    rows={[
                                        [t("kind"), t(`tenantkind.${tenant.kind}`)],
                                        [t("tenant.parent"), names.tenant(tenant.parent_id)],
                                        [t("labels"), Object.keys(tenant.labels).length > 0 ? <Labels of={tenant.labels} /> : "–"],
                                        [t("external.ref"), tenant.external_ref ?? "–"],
                                        [t("created"), <Time at={tenant.created_at} />],
                                        [t("id"), <span className="mono">{tenant.id}</span>],
                                    ]}
                                />
                                <Group gap="sm">
                                    <Link href={`/operator/vps?tenant=${id}`}>{t("tenant.vps")}</Link>
                                    <Link href={`/operator/tasks?tenant=${id}`}>{t("tasks")}</Link>
                                    {tenant.kind !== "operator" && <Link href={`/operator/tenants/${id}/billing`}>{t("nav.billing")}</Link>}
                                </Group>
                            </Card>
                            <TenantPeople tenant={tenant} />
                            <Usage tenant={tenant} />
                        </Stack>
                        {tenant.kind !== "operator" && <TenantQuotas tenant={tenant} />}
                    </SimpleGrid>
                </Page>
            )}
        </Shown>
    );
}
