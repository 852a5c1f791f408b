import { useState } from "react";
import { api, ask, must } from "../../../api/client";
import { useAction, useOne } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { Button, Group, Stack, TextInput } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { ProblemNote, Shown } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";

interface EditorProps {
    vps: Vps;
    names: { address: string; name: string }[];
    etag: string | undefined;
    mayChange: boolean;
}

function Editor({ vps, names, etag, mayChange }: EditorProps) {
    const t = useT();
    const addresses = vps.addresses.filter((one) => one.kind === "routed").map((one) => one.address);
    const known = Object.fromEntries(names.map((one) => [one.address, one.name]));
    const [draft, setDraft] = useState<Record<string, string>>(known);
    const changed = addresses.some((one) => (draft[one] ?? "") !== (known[one] ?? ""));
    const body = { names: addresses.filter((one) => draft[one]).map((one) => ({ address: one, name: draft[one]! })) };
    const action = useAction(() => must(api.PUT("/v1/vps/{id}/rdns", { params: { path: { id: vps.id }, header: { "If-Match": etag! } }, body })), {
        stale: ["vps", "rdns"],
        done: () => toast(t("saved")),
    });
    return (
        <form
            noValidate
            onSubmit={(event) => {
                event.preventDefault();
                void action.run(undefined);
            }}
        >
            <Stack gap="sm">
                {addresses.map((address) => (
                    <TextInput key={address} label={address} placeholder="mail.example.org" disabled={!mayChange} value={draft[address] ?? ""} onChange={(e) => setDraft({ ...draft, [address]: e.currentTarget.value.trim() })} />
                ))}
                <ProblemNote problem={action.problem} />
                {mayChange && (
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" disabled={!changed} loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                )}
            </Stack>
        </form>
    );
}

export function ReverseNames({ vps, mayChange }: { vps: Vps; mayChange: boolean }) {
    const t = useT();
    const query = useOne(["rdns", vps.id], () => ask(api.GET("/v1/vps/{id}/rdns", { params: { path: { id: vps.id } } })));
    if (!vps.addresses.some((one) => one.kind === "routed")) {
        return null;
    }
    return (
        <Card title={t("rdns")} text={t("rdns.text")}>
            <Shown of={query}>{(value) => <Editor vps={vps} names={value.names} etag={query.etag} mayChange={mayChange} />}</Shown>
        </Card>
    );
}
