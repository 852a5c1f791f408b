// Who is in the tenant, and who is asked to be.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useMembers } from "../../api/nouns";
import { session, type Role } from "../../api/session";
import { useStore } from "../../api/store";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, Select, Text, TextInput, Title } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Time } from "../../ui/Status";
import { toast } from "../../ui/Toasts";

type Member = Schema["Member"];
type Invitation = Schema["Invitation"];
const roles: Role[] = ["owner", "admin", "member", "billing", "viewer"];

function RoleSelect({ value, set }: { value: Role; set: (role: Role) => void }) {
    const t = useT();
    return <Select label={t("role")} description={t(`role.${value}.text`)} allowDeselect={false} data={roles.map((one) => ({ value: one, label: t(`role.${one}`) }))} value={value} onChange={(role) => set(role as Role)} />;
}

function InviteDialog({ close }: { close: () => void }) {
    const t = useT();
    const [email, setEmail] = useState("");
    const [role, setRole] = useState<Role>("member");
    const action = useAction((_, key) => must(api.POST("/v1/invitations", { params: { header: { "Idempotency-Key": key } }, body: { email: email.trim(), role } })), {
        stale: ["invitations"],
        done: () => {
            toast(t("invite.sent", { email }));
            close();
        },
    });
    return (
        <FormDialog title={t("invite")} close={close} submit={t("invite")} busy={action.busy} problem={action.problem} disabled={!email} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus type="email" label={t("email")} value={email} error={action.problem?.at("email")} onChange={(e) => setEmail(e.currentTarget.value)} />
            <RoleSelect value={role} set={setRole} />
        </FormDialog>
    );
}

function RoleDialog({ member, close }: { member: Member; close: () => void }) {
    const t = useT();
    const [role, setRole] = useState<Role>(member.role);
    const known = useOne(["members", "one", member.id], () => ask(api.GET("/v1/members/{id}", { params: { path: { id: member.id } } })));
    const action = useAction(() => must(api.PATCH("/v1/members/{id}", { params: { path: { id: member.id }, header: { "If-Match": known.etag! } }, body: { role } })), { stale: ["members"], done: close });
    return (
        <FormDialog title={t("role.of", { email: member.email })} close={close} submit={t("save")} busy={action.busy} problem={action.problem ?? known.error ?? undefined} disabled={!known.etag || role === member.role} onSubmit={() => void action.run(undefined)}>
            <RoleSelect value={role} set={setRole} />
        </FormDialog>
    );
}

function Invitations() {
    const t = useT();
    const [leaving, setLeaving] = useState<Invitation | undefined>();
    const list = useList<Invitation>(["invitations", "list"], (cursor) => must(api.GET("/v1/invitations", { params: { query: { cursor } } })));
    const remove = useAction((id: string) => must(api.DELETE("/v1/invitations/{id}", { params: { path: { id } } })), { stale: ["invitations"], done: () => toast(t("invitation.withdrawn")) });
    return (
        <>
            <Title order={2}>{t("invitations")}</Title>
            <DataTable
                label={t("invitations")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("email"), cell: (one) => one.email },
                    { head: t("role"), cell: (one) => t(`role.${one.role}`) },
                    { head: t("expires"), cell: (one) => <Time at={one.expires_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                {t("invitation.withdraw")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("invitations.none")} />}
            />
            {leaving && (
                <ConfirmDialog title={t("invitation.withdraw.title")} text={t("invitation.withdraw.text", { email: leaving.email })} submit={t("invitation.withdraw")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />
            )}
        </>
    );
}

export default function MembersPage() {
    const t = useT();
    const may = useMay();
    const me = useStore(session).principal?.user?.id;
    const [inviting, setInviting] = useState(false);
    const [changing, setChanging] = useState<Member | undefined>();
    const [leaving, setLeaving] = useState<Member | undefined>();
    const list = useMembers();
    const remove = useAction((id: string) => must(api.DELETE("/v1/members/{id}", { params: { path: { id } } })), { stale: ["members"] });
    const mayChange = may("members:write");
    return (
        <Page title={t("nav.members")} actions={mayChange && <Button onClick={() => setInviting(true)}>{t("invite")}</Button>}>
            <DataTable
                label={t("nav.members")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("person"),
                        cell: (one) => (
                            <div>
                                <Text size="sm" fw={550}>
                                    {one.name || one.email}
                                </Text>
                                {one.name && (
                                    <Text size="xs" c="dimmed">
                                        {one.email}
                                    </Text>
                                )}
                            </div>
                        ),
                    },
                    { head: t("role"), cell: (one) => t(`role.${one.role}`) },
                    { head: t("totp"), cell: (one) => t(one.totp_enabled ? "on" : "off") },
                    { head: t("since"), cell: (one) => <Time at={one.created_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <Group gap={6} wrap="nowrap">
                                {mayChange && (
                                    <Button size="compact-xs" variant="default" onClick={() => setChanging(one)}>
                                        {t("role.change")}
                                    </Button>
                                )}
                                {(mayChange || one.id === me) && (
                                    <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                        {t(one.id === me ? "leave" : "remove")}
                                    </Button>
                                )}
                            </Group>
                        ),
                    },
                ]}
                empty={<Empty title={t("members.none")} />}
            />
            {may("invitations:read") && <Invitations />}
            {inviting && <InviteDialog close={() => setInviting(false)} />}
            {changing && <RoleDialog member={changing} close={() => setChanging(undefined)} />}
            {leaving && (
                <ConfirmDialog title={t("member.remove")} text={t("member.remove.text", { email: leaving.email })} submit={t("remove")} run={() => remove.run(leaving.id)} busy={remove.busy} problem={remove.problem} close={() => setLeaving(undefined)} />
            )}
        </Page>
    );
}
