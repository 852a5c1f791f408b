import { useState } from "react";
import { Link } from "wouter";
import { useAction } from "../../api/hooks";
import { session, signIn, signOut } from "../../api/session";
import { useT } from "../../i18n";
import { Dialog } from "../../ui/Dialog";
import { Anchor, Button, Group, PasswordInput, Stack, Text, TextInput } from "../../ui/kit";
import { Outside } from "../../ui/Outside";
import { ProblemNote } from "../../ui/States";

// E-mail and password; a code once the server asks for one.
function Credentials({ email: known }: { email?: string }) {
    const t = useT();
    const [email, setEmail] = useState(known ?? "");
    const [password, setPassword] = useState("");
    const [code, setCode] = useState("");
    const [asked, setAsked] = useState(false);
    const action = useAction(async () => {
        try {
            await signIn({ email: email.trim(), password, ...(asked && code && { code: code.replace(/\s/g, "") }) });
        } catch (error) {
            if (!asked && (error as { code?: string }).code === "totp_required") {
                setAsked(true);
                return;
            }
            throw error;
        }
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
                <TextInput type="email" name="email" autoComplete="username" label={t("email")} value={email} readOnly={known !== undefined} onChange={(e) => setEmail(e.currentTarget.value)} autoFocus={!known} />
                <PasswordInput name="password" autoComplete="current-password" label={t("password")} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoFocus={known !== undefined} visibilityToggleButtonProps={{ "aria-label": t("password.show") }} />
                {asked && (
                    <TextInput
                        name="code"
                        inputMode="numeric"
                        autoComplete="one-time-code"
                        label={t("totp.code")}
                        description={t("totp.code.text")}
                        value={code}
                        onChange={(e) => setCode(e.currentTarget.value)}
                        autoFocus
                    />
                )}
                <ProblemNote problem={action.problem} />
                <Button type="submit" loading={action.busy} disabled={!email || !password || (asked && !code)} fullWidth>
                    {t("signin")}
                </Button>
            </Stack>
        </form>
    );
}

export function SignIn() {
    const t = useT();
    return (
        <Outside title={t("signin.title")}>
            <Credentials />
            <Anchor component={Link} href="/password-resets" size="sm">
                {t("reset.forgot")}
            </Anchor>
        </Outside>
    );
}

// Over the page, which waits with all that was typed.
export function SignInAgain() {
    const t = useT();
    return (
        <Dialog title={t("signin.again")} close={() => undefined}>
            <Stack>
                <Text size="sm">{t("signin.again.text")}</Text>
                <Credentials email={session.get().session?.user.email} />
                <Group>
                    <Button variant="subtle" size="compact-sm" onClick={() => void signOut()}>
                        {t("signin.other")}
                    </Button>
                </Group>
            </Stack>
        </Dialog>
    );
}
