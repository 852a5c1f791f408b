// Where mailed links lead: their word is behind the #, which no server sees and no log keeps.
import { useState, type ReactNode } from "react";
import { Link } from "wouter";
import { api, must } from "../../api/client";
import { useAction } from "../../api/hooks";
import type { Problem } from "../../api/problem";
import { session } from "../../api/session";
import { useStore } from "../../api/store";
import { useT } from "../../i18n";
import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from "../../ui/kit";
import { Outside } from "../../ui/Outside";
import { ProblemNote } from "../../ui/States";

const linkToken = location.hash.slice(1);

interface FormProps {
    submit: string;
    busy: boolean;
    problem: Problem | undefined;
    ready: boolean;
    run: () => void;
    children?: ReactNode;
}

function Form({ submit, busy, problem, ready, run, children }: FormProps) {
    return (
        <form
            noValidate
            onSubmit={(event) => {
                event.preventDefault();
                run();
            }}
        >
            <Stack>
                {children}
                <ProblemNote problem={problem} />
                <Button type="submit" loading={busy} disabled={!ready}>
                    {submit}
                </Button>
            </Stack>
        </form>
    );
}

function NewPassword({ value, set, problem }: { value: string; set: (text: string) => void; problem: Problem | undefined }) {
    const t = useT();
    return (
        <PasswordInput
            autoComplete="new-password"
            label={t("password.new")}
            description={t("password.rule")}
            value={value}
            error={problem?.at("password")}
            onChange={(event) => set(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t("password.show") }}
        />
    );
}

const Done = ({ text }: { text: string }) => {
    const t = useT();
    return (
        <>
            <Text role="status">{text}</Text>
            <Anchor href="/">{t("signin.go")}</Anchor>
        </>
    );
};

function Ask() {
    const t = useT();
    const [email, setEmail] = useState("");
    const action = useAction(() => must(api.POST("/v1/password-resets", { body: { email: email.trim() } })));
    return (
        <Outside title={t("reset.title")} text={t("reset.text")}>
            {action.output ? (
                <Done text={t("reset.sent")} />
            ) : (
                <Form submit={t("reset.send")} busy={action.busy} problem={action.problem} ready={email !== ""} run={() => void action.run(undefined)}>
                    <TextInput type="email" autoComplete="username" label={t("email")} value={email} onChange={(e) => setEmail(e.currentTarget.value)} />
                </Form>
            )}
            {!action.output && (
                <Anchor component={Link} href="/" size="sm">
                    {t("signin.go")}
                </Anchor>
            )}
        </Outside>
    );
}

function Confirm() {
    const t = useT();
    const [password, setPassword] = useState("");
    const [done, setDone] = useState(false);
    const action = useAction(() => must(api.POST("/v1/password-resets/confirm", { body: { token: linkToken, password } })), { done: () => setDone(true) });
    return (
        <Outside title={t("reset.new")}>
            {done ? (
                <Done text={t("reset.done")} />
            ) : (
                <Form submit={t("reset.set")} busy={action.busy} problem={action.problem} ready={password.length >= 12} run={() => void action.run(undefined)}>
                    <NewPassword value={password} set={setPassword} problem={action.problem} />
                </Form>
            )}
        </Outside>
    );
}

// Signed in, one joins as who one is; else as a new person, with a name and a password.
function Accept() {
    const t = useT();
    const { phase, session: known } = useStore(session);
    const [name, setName] = useState("");
    const [password, setPassword] = useState("");
    const isIn = phase === "in";
    const body = { token: linkToken, ...(!isIn && { password, name: name || undefined }) };
    const action = useAction(() => must(api.POST("/v1/invitations/accept", { body })));
    if (phase === "starting") {
        return null;
    }
    return (
        <Outside title={t("invitation.title")} text={isIn ? t("invitation.as", { email: known?.user.email ?? "" }) : t("invitation.text")}>
            {action.output ? (
                <Done text={t("invitation.done", { tenant: action.output.tenant.name })} />
            ) : (
                <Form submit={t("invitation.accept")} busy={action.busy} problem={action.problem} ready={isIn || password.length >= 12} run={() => void action.run(undefined)}>
                    {!isIn && (
                        <>
                            <TextInput autoComplete="name" label={t("name.person")} value={name} onChange={(e) => setName(e.currentTarget.value)} />
                            <NewPassword value={password} set={setPassword} problem={action.problem} />
                        </>
                    )}
                </Form>
            )}
        </Outside>
    );
}

export default function Links({ at }: { at: string }) {
    if (at === "/invitations") {
        return <Accept />;
    }
    return linkToken ? <Confirm /> : <Ask />;
}
