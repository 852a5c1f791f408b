import { useState } from "react";
import { Link } from "wouter";
import { api, ask, must } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { FormDialog } from "../../ui/Dialog";
import { Button, Stack, Switch, Text, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Status, Time } from "../../ui/Status";
import { useOperatorNames, useUsers, type User } from "./data";

function EditDialog({ user, close }: { user: User; close: () => void }) {
    const t = useT();
    const known = useOne(["users", "one", user.id], () => ask(api.GET("/v1/admin/users/{id}", { params: { path: { id: user.id } } })));
    const [email, setEmail] = useState(user.email);
    const [name, setName] = useState(user.name);
    const [enabled, setEnabled] = useState(user.state === "active");
    const [dropTotp, setDropTotp] = useState(false);
    const body = { email, name, state: enabled ? ("active" as const) : ("disabled" as const), ...(dropTotp && { totp_enabled: false }) };
    const action = useAction(() => must(api.PATCH("/v1/admin/users/{id}", { params: { path: { id: user.id }, header: { "If-Match": known.etag! } }, body })), { stale: ["users"], done: close });
    return (
        <FormDialog title={user.email} close={close} submit={t("save")} busy={action.busy} problem={action.problem ?? known.error ?? undefined} disabled={!known.etag} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus type="email" label={t("email")} value={email} error={action.problem?.at("email")} onChange={(e) => setEmail(e.currentTarget.value)} />
            <TextInput label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <Switch label={t("user.enabled")} description={t("user.enabled.text")} checked={enabled} onChange={(e) => setEnabled(e.currentTarget.checked)} />
            {user.totp_enabled && <Switch label={t("user.totp.drop")} checked={dropTotp} onChange={(e) => setDropTotp(e.currentTarget.checked)} />}
        </FormDialog>
    );
}

export default function UsersPage() {
    const t = useT();
    const names = useOperatorNames();
    const list = useUsers();
    const [editing, setEditing] = useState<User | undefined>();
    return (
        <Page title={t("nav.operator.users")} lead={t("users.text")}>
            <DataTable
                label={t("nav.operator.users")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("person"),
                        cell: (one) => (
                            <div>
                                <Text size="sm" fw={550}>
                                    {one.email}
                                </Text>
                                <Text size="xs" c="dimmed">
                                    {one.name}
                                </Text>
                            </div>
                        ),
                    },
                    {
                        head: t("nav.operator.tenants"),
                        cell: (one) => (
                            <Stack gap={2}>
                                {one.memberships.map((membership) => (
                                    <Text key={membership.tenant_id} size="sm" component="span">
                                        <Link href={`/operator/tenants/${membership.tenant_id}`}>{names.tenant(membership.tenant_id)}</Link> · {t(`role.${membership.role}`)}
                                    </Text>
                                ))}
                            </Stack>
                        ),
                    },
                    { head: t("totp"), cell: (one) => t(one.totp_enabled ? "on" : "off") },
                    { head: t("state"), cell: (one) => <Status tone={one.state === "active" ? "good" : "idle"}>{t(one.state === "active" ? "user.active" : "user.disabled")}</Status> },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" onClick={() => setEditing(one)}>
                                {t("edit")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("members.none")} />}
            />
            {editing && <EditDialog user={editing} close={() => setEditing(undefined)} />}
        </Page>
    );
}
