// How one gets in: SSH keys, the root password, the host name.
import { useState } from "react";
import { api, must } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { ConfirmDialog, Dialog, FormDialog } from "../../../ui/Dialog";
import { Button, Group, PasswordInput, Stack, Text, Textarea, TextInput } from "../../../ui/kit";
import { Card, Secret } from "../../../ui/Page";
import { brief } from "../../../ui/keys";
import { ProblemNote } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";
import { linesOf } from "../draft";

function Keys({ vps }: { vps: Vps }) {
    const t = useT();
    const [text, setText] = useState("");
    const [leaving, setLeaving] = useState<string | undefined>();
    const change = useAction((body: { add: string[] }, key) => must(api.POST("/v1/vps/{id}/ssh-keys", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body })), { stale: ["vps", "tasks"] });
    const remove = useAction((key: string, once) => must(api.POST("/v1/vps/{id}/ssh-keys", { params: { path: { id: vps.id }, header: { "Idempotency-Key": once } }, body: { remove: [key] } })), { stale: ["vps", "tasks"] });
    const add = async () => {
        if (await change.run({ add: linesOf(text) })) {
            setText("");
        }
    };
    return (
        <Stack gap="xs">
            <Text size="sm" fw={600}>
                {t("keys")}
            </Text>
            {vps.ssh_keys.length === 0 && (
                <Text size="sm" c="dimmed">
                    {t("keys.none")}
                </Text>
            )}
            {vps.ssh_keys.map((key) => (
                <Group key={key} justify="space-between" wrap="nowrap" gap="xs">
                    <div style={{ minWidth: 0, overflowWrap: "anywhere" }}>
                        <Text size="sm">{brief(key).comment || "–"}</Text>
                        <span className="mono">{brief(key).kind}</span>
                    </div>
                    <Button size="compact-xs" variant="default" style={{ flex: "none" }} onClick={() => setLeaving(key)} aria-label={t("keys.remove", { name: brief(key).comment })}>
                        {t("remove")}
                    </Button>
                </Group>
            ))}
            <Textarea aria-label={t("keys.add")} placeholder="ssh-ed25519 AAAA… you@laptop" autosize minRows={2} maxRows={6} value={text} error={change.problem?.at("add")} onChange={(e) => setText(e.currentTarget.value)} spellCheck={false} />
            <ProblemNote problem={change.problem} />
            <Group justify="flex-end">
                <Button size="xs" variant="default" disabled={linesOf(text).length === 0} loading={change.busy} onClick={() => void add()}>
                    {t("keys.add")}
                </Button>
            </Group>
            {leaving !== undefined && (
                <ConfirmDialog
                    title={t("keys.remove.title")}
                    text={t("keys.remove.text", { key: brief(leaving).comment || brief(leaving).kind, name: vps.name })}
                    submit={t("remove")}
                    run={() => remove.run(leaving)}
                    busy={remove.busy}
                    problem={remove.problem}
                    close={() => setLeaving(undefined)}
                />
            )}
        </Stack>
    );
}

function PasswordDialog({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const [password, setPassword] = useState("");
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/password", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: password ? { password } : {} })), { stale: ["vps", "tasks"] });
    const made = action.output?.password;
    if (action.output) {
        return (
            <Dialog title={t("rootpw")} close={close}>
                <Stack>
                    <Text size="sm">{t(made ? "rootpw.made" : "rootpw.set")}</Text>
                    {made && <Secret text={made} />}
                    <Button onClick={close}>{t("done")}</Button>
                </Stack>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t("rootpw")} close={close} submit={t("rootpw.change")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <PasswordInput data-autofocus autoComplete="new-password" label={t("password.new")} description={t("rootpw.text")} value={password} error={action.problem?.at("password")} onChange={(e) => setPassword(e.currentTarget.value)} visibilityToggleButtonProps={{ "aria-label": t("password.show") }} />
        </FormDialog>
    );
}

function Hostname({ vps }: { vps: Vps }) {
    const t = useT();
    const [hostname, setHostname] = useState(vps.hostname);
    const action = useAction((_, key) => must(api.POST("/v1/vps/{id}/hostname", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: { hostname } })), { stale: ["vps", "tasks"], done: () => toast(t("saved")) });
    return (
        <form
            noValidate
            onSubmit={(event) => {
                event.preventDefault();
                void action.run(undefined);
            }}
        >
            <Stack gap="xs">
                <Group align="flex-end" gap="xs">
                    <TextInput flex={1} label={t("hostname")} value={hostname} error={action.problem?.at("hostname")} onChange={(e) => setHostname(e.currentTarget.value)} />
                    <Button type="submit" variant="default" disabled={hostname === vps.hostname || !hostname} loading={action.busy}>
                        {t("save")}
                    </Button>
                </Group>
                <ProblemNote problem={action.problem} />
            </Stack>
        </form>
    );
}

export function AccessCard({ vps }: { vps: Vps }) {
    const t = useT();
    const [asking, setAsking] = useState(false);
    return (
        <Card
            title={t("access")}
            actions={
                <Button size="xs" variant="default" onClick={() => setAsking(true)}>
                    {t("rootpw.change")}
                </Button>
            }
        >
            <Keys vps={vps} />
            <Hostname vps={vps} />
            {asking && <PasswordDialog vps={vps} close={() => setAsking(false)} />}
        </Card>
    );
}
