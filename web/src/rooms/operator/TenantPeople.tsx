// Who is in a tenant; staff may act as one of them, for a reason that the customer sees.
import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction } from "../../api/hooks";
import { actAs, type Role } from "../../api/session";
import { useT } from "../../i18n";
import { FormDialog } from "../../ui/Dialog";
import { Button, Group, PasswordInput, Select, Stack, Text, Textarea, TextInput } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { Loading, ProblemNote } from "../../ui/States";
import { useUsers, type Tenant, type User } from "./data";

const roles: Role[] = ["owner", "admin", "member", "billing", "viewer"];

function ActDialog({ tenant, user, close }: { tenant: Tenant; user: User; close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [reason, setReason] = useState("");
    const action = useAction(async (_, key) => {
        const made: Schema["Impersonation"] = await must(
            api.POST("/v1/admin/impersonations", { params: { header: { "Idempotency-Key": key } }, body: { tenant_id: tenant.id, user_id: user.id, reason } }),
        );
        await actAs(made);
        go("/");
    });
    return (
        <FormDialog title={t("act.as", { email: user.email })} close={close} submit={t("act")} busy={action.busy} problem={action.problem} disabled={reason.length < 3} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("act.text")}</Text>
            <Textarea data-autofocus label={t("reason")} description={t("reason.shown")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
        </FormDialog>
    );
}

function AddDialog({ tenant, close }: { tenant: Tenant; close: () => void }) {
    const t = useT();
    const [email, setEmail] = useState("");
    const [password, setPassword] = useState("");
    const [role, setRole] = useState<Role>("owner");
    const body = { email: email.trim(), password, tenant_id: tenant.id, role };
    const action = useAction((_, key) => must(api.POST("/v1/admin/users", { params: { header: { "Idempotency-Key": key } }, body })), { stale: ["users"], done: close });
    return (
        <FormDialog title={t("user.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={!email || password.length < 8} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus type="email" label={t("email")} value={email} error={action.problem?.at("email")} onChange={(e) => setEmail(e.currentTarget.value)} />
            <PasswordInput autoComplete="new-password" label={t("password")} value={password} error={action.problem?.at("password")} onChange={(e) => setPassword(e.currentTarget.value)} visibilityToggleButtonProps={{ "aria-label": t("password.show") }} />
            <Select label={t("role")} allowDeselect={false} data={roles.map((one) => ({ value: one, label: t(`role.${one}`) }))} value={role} onChange={(value) => setRole(value as Role)} />
        </FormDialog>
    );
}

export function TenantPeople({ tenant }: { tenant: Tenant }) {
    const t = useT();
    const [acting, setActing] = useState<User | undefined>();
    const [adding, setAdding] = useState(false);
    const list = useUsers();
    // Users are listed for all tenants, page after page: who is here may be on the last one.
    const reading = !list.problem && (list.items === undefined || list.more !== undefined);
    useEffect(() => {
        if (!list.problem && !list.loadingMore) {
            list.more?.();
        }
    }, [list.items?.length, list.loadingMore, list.problem]);
    const people = list.items?.flatMap((user) => user.memberships.filter((one) => one.tenant_id === tenant.id).map(({ role }) => ({ user, role })));
    return (
        <Card
            title={t("nav.members")}
            actions={
                <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                    {t("user.add")}
                </Button>
            }
        >
            <ProblemNote problem={list.problem} retry={list.retry} />
            <Stack gap="xs">
                {!reading && people?.length === 0 && <Text size="sm">{t("members.none")}</Text>}
                {people?.map(({ user, role }) => (
                    <Group key={user.id} justify="space-between" wrap="nowrap" gap="xs">
                        <div style={{ minWidth: 0, overflowWrap: "anywhere" }}>
                            <Text size="sm">{user.email}</Text>
                            <Text size="xs" c="dimmed">
                                {t(`role.${role}`)}
                                {user.state === "disabled" ? ` · ${t("user.disabled")}` : ""}
                            </Text>
                        </div>
                        {tenant.kind !== "operator" && (
                            <Button size="compact-xs" variant="default" style={{ flex: "none" }} onClick={() => setActing(user)} aria-label={t("act.as", { email: user.email })}>
                                {t("act")}
                            </Button>
                        )}
                    </Group>
                ))}
                {reading && <Loading rows={1} />}
            </Stack>
            {acting && <ActDialog tenant={tenant} user={acting} close={() => setActing(undefined)} />}
            {adding && <AddDialog tenant={tenant} close={() => setAdding(false)} />}
        </Card>
    );
}
