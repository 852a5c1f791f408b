// The second factor: a secret for the phone, a code that shows it is there, codes for the day it is lost.
import { useState } from "react";
import { api, must, type Schema } from "../../api/client";
import { useAction } from "../../api/hooks";
import { useT } from "../../i18n";
import { Dialog, FormDialog } from "../../ui/Dialog";
import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from "../../ui/kit";
import { Card, Secret } from "../../ui/Page";
import { Status } from "../../ui/Status";

const stale = ["profile", "members"];

function CodeField({ value, set, error }: { value: string; set: (text: string) => void; error: string | undefined }) {
    const t = useT();
    return <TextInput data-autofocus inputMode="numeric" autoComplete="one-time-code" label={t("totp.code")} value={value} error={error} onChange={(e) => set(e.currentTarget.value.trim())} />;
}

// Password, then secret and code, then the recovery codes.
function EnableDialog({ close }: { close: () => void }) {
    const t = useT();
    const [password, setPassword] = useState("");
    const [code, setCode] = useState("");
    const begin = useAction(() => must(api.POST("/v1/profile/totp", { body: { password } })));
    const confirm = useAction(() => must(api.POST("/v1/profile/totp/confirm", { body: { code } })), { stale });
    if (confirm.output) {
        return (
            <Dialog title={t("totp.recovery")} close={close}>
                <Stack>
                    <Text size="sm">{t("totp.recovery.text")}</Text>
                    <Secret text={confirm.output.recovery_codes.join("\n")} />
                    <Button onClick={close}>{t("done")}</Button>
                </Stack>
            </Dialog>
        );
    }
    if (begin.output) {
        return (
            <FormDialog title={t("totp.enable")} close={close} submit={t("totp.confirm")} busy={confirm.busy} problem={confirm.problem} disabled={code.length < 6} onSubmit={() => void confirm.run(undefined)}>
                <Text size="sm">
                    {t("totp.secret.text")} <Anchor href={begin.output.uri}>{t("totp.open")}</Anchor>
                </Text>
                <Secret text={begin.output.secret} />
                <CodeField value={code} set={setCode} error={confirm.problem?.at("code")} />
            </FormDialog>
        );
    }
    return (
        <FormDialog title={t("totp.enable")} close={close} submit={t("next")} busy={begin.busy} problem={begin.problem} disabled={!password} onSubmit={() => void begin.run(undefined)}>
            <PasswordInput data-autofocus autoComplete="current-password" label={t("password.now")} value={password} error={begin.problem?.at("password")} onChange={(e) => setPassword(e.currentTarget.value)} visibilityToggleButtonProps={{ "aria-label": t("password.show") }} />
        </FormDialog>
    );
}

function DisableDialog({ close }: { close: () => void }) {
    const t = useT();
    const [code, setCode] = useState("");
    const action = useAction(() => must(api.DELETE("/v1/profile/totp", { params: { header: { "Croft-Code": code } } })), { stale, done: close });
    return (
        <FormDialog title={t("totp.disable")} close={close} submit={t("totp.disable")} danger busy={action.busy} problem={action.problem} disabled={code.length < 6} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("totp.disable.text")}</Text>
            <CodeField value={code} set={setCode} error={action.problem?.at("code")} />
        </FormDialog>
    );
}

export function TotpCard({ profile }: { profile: Schema["Profile"] }) {
    const t = useT();
    const [asked, setAsked] = useState<"enable" | "disable" | undefined>();
    const on = profile.totp_enabled;
    return (
        <Card
            title={t("totp")}
            text={t("totp.text")}
            actions={
                <Button size="xs" variant="default" onClick={() => setAsked(on ? "disable" : "enable")}>
                    {t(on ? "totp.disable" : "totp.enable")}
                </Button>
            }
        >
            <Status tone={on ? "good" : "idle"}>{t(on ? "on" : "off")}</Status>
            {on && <Text size="sm">{t("totp.left", { count: profile.recovery_codes_left })}</Text>}
            {asked === "enable" && <EnableDialog close={() => setAsked(undefined)} />}
            {asked === "disable" && <DisableDialog close={() => setAsked(undefined)} />}
        </Card>
    );
}
