import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Group, PasswordInput, SimpleGrid, Stack, Text, TextInput } from "../../ui/kit";
import { Card, Page } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Time } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { TotpCard } from "./TotpCard";

type Profile = Schema["Profile"];
type SessionInfo = Schema["SessionInfo"];

const everyMs = 10_000; // a sign-in belongs to a person: no tenant's log tells of it

function NameCard({ profile, etag }: { profile: Profile; etag: string | undefined }) {
    const t = useT();
    const [name, setName] = useState(profile.name);
    const action = useAction(() => must(api.PATCH("/v1/profile", { params: { header: { "If-Match": etag! } }, body: { name } })), { stale: ["profile", "members"], done: () => toast(t("saved")) });
    return (
        <Card title={t("person")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <TextInput label={t("email")} value={profile.email} readOnly />
                    <TextInput label={t("name.person")} autoComplete="name" value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
                    <ProblemNote problem={action.problem} />
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" disabled={name === profile.name} loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}

function PasswordCard({ email }: { email: string }) {
    const t = useT();
    const [password, setPassword] = useState("");
    const [next, setNext] = useState("");
    const action = useAction(() => must(api.POST("/v1/profile/password", { body: { password, new_password: next } })), {
        stale: ["sessions", "profile"],
        done: () => {
            setPassword("");
            setNext("");
            toast(t("password.changed"));
        },
    });
    const show = { "aria-label": t("password.show") };
    return (
        <Card title={t("password")} text={t("password.text")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <input type="hidden" autoComplete="username" value={email} readOnly />
                    <PasswordInput label={t("password.now")} autoComplete="current-password" value={password} error={action.problem?.at("password")} onChange={(e) => setPassword(e.currentTarget.value)} visibilityToggleButtonProps={show} />
                    <PasswordInput label={t("password.new")} description={t("password.rule")} autoComplete="new-password" value={next} error={action.problem?.at("new_password")} onChange={(e) => setNext(e.currentTarget.value)} visibilityToggleButtonProps={show} />
                    <ProblemNote problem={action.problem} />
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" disabled={!password || next.length < 12} loading={action.busy}>
                            {t("password.change")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}

// "Firefox on Linux", as far as that can be told; else what the browser calls itself.
function browserOf(agent: string | null): string {
    const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(agent ?? "")?.[1]?.replace("Edg", "Edge").replace("OPR", "Opera");
    const system = /(Windows|Mac OS X|Android|iPhone|Linux)/.exec(agent ?? "")?.[1];
    return browser && system ? `${browser} · ${system}` : (agent ?? "–");
}

function Sessions() {
    const t = useT();
    const list = useList<SessionInfo>(["sessions", "list"], (cursor) => must(api.GET("/v1/sessions", { params: { query: { cursor } } })), { every: () => everyMs });
    const [leaving, setLeaving] = useState<SessionInfo | undefined>();
    const end = useAction((id: string) => must(api.DELETE("/v1/sessions/{id}", { params: { path: { id } } })), { stale: ["sessions"] });
    return (
        <Card title={t("sessions")} text={t("sessions.text")}>
            <DataTable
                label={t("sessions")}
                list={list}
                id={(one) => one.id}
                columns={[
                    {
                        head: t("browser"),
                        cell: (one) => (
                            <div>
                                <Text size="sm">{browserOf(one.user_agent)}</Text>
                                {one.current && (
                                    <Text size="xs" c="dimmed">
                                        {t("session.this")}
                                    </Text>
                                )}
                                {one.impersonator && <Text size="xs">{t("session.staff", { reason: one.impersonator.reason })}</Text>}
                            </div>
                        ),
                    },
                    { head: t("from"), cell: (one) => <span className="mono">{one.peer ?? "–"}</span> },
                    { head: t("used"), cell: (one) => <Time at={one.refreshed_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            one.current ? null : (
                                <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                    {t("session.end")}
                                </Button>
                            ),
                    },
                ]}
                empty={<Empty title={t("sessions.none")} />}
            />
            {leaving && (
                <ConfirmDialog title={t("session.end.title")} text={t("session.end.text", { browser: browserOf(leaving.user_agent), from: leaving.peer ?? "–" })} submit={t("session.end")} run={() => end.run(leaving.id)} busy={end.busy} problem={end.problem} close={() => setLeaving(undefined)} />
            )}
        </Card>
    );
}

export default function ProfilePage() {
    const t = useT();
    const query = useOne(["profile"], () => ask(api.GET("/v1/profile")));
    return (
        <Page title={t("nav.profile")}>
            <Shown of={query}>
                {(profile) => (
                    <Stack>
                        <SimpleGrid cols={{ base: 1, md: 2 }}>
                            <NameCard profile={profile} etag={query.etag} />
                            <PasswordCard email={profile.email} />
                        </SimpleGrid>
                        <TotpCard profile={profile} />
                        <Sessions />
                    </Stack>
                )}
            </Shown>
        </Page>
    );
}
