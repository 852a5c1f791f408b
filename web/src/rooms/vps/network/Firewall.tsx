// Rules are read from the top; the first that fits decides; below the last the policy does. Nothing changes until it is saved, whole.
import { useState } from "react";
import { api, ask, must, type Schema } from "../../../api/client";
import { useAction, useList, useOne } from "../../../api/hooks";
import type { Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { Button, Group, Select, Stack, Text } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { ProblemNote, Shown } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";
import { FirewallRow } from "./FirewallRow";
import { draftOf, newRule, rowOf, ruleOf, sameRules, type DraftRule } from "./rules";

type Policy = "accept" | "drop";

function move<V>(of: V[], from: number, to: number): V[] {
    const next = [...of];
    next.splice(to, 0, ...next.splice(from, 1));
    return next;
}

function useSets() {
    const list = useList<Schema["AddressSet"]>(["address-sets", "all"], (cursor) => must(api.GET("/v1/address-sets", { params: { query: { limit: 200, cursor } } })));
    return (list.items ?? []).map((one) => ({ value: one.id, label: one.name }));
}

function Policies({ policyIn, policyOut, set, disabled }: { policyIn: Policy; policyOut: Policy; set: (part: { policyIn?: Policy; policyOut?: Policy }) => void; disabled: boolean }) {
    const t = useT();
    const data = [
        { value: "accept", label: t("firewall.accept") },
        { value: "drop", label: t("firewall.drop") },
    ];
    return (
        <Group gap="sm">
            <Select size="xs" w={150} allowDeselect={false} label={t("firewall.policy.in")} data={data} value={policyIn} disabled={disabled} onChange={(value) => set({ policyIn: value as Policy })} />
            <Select size="xs" w={150} allowDeselect={false} label={t("firewall.policy.out")} data={data} value={policyOut} disabled={disabled} onChange={(value) => set({ policyOut: value as Policy })} />
        </Group>
    );
}

function Editor({ vps, firewall, etag, mayChange }: { vps: Vps; firewall: Schema["Firewall"]; etag: string | undefined; mayChange: boolean }) {
    const t = useT();
    const sets = useSets();
    const [rules, setRules] = useState<DraftRule[]>(() => firewall.rules.map(draftOf));
    const [policy, setPolicy] = useState({ policyIn: firewall.policy_in, policyOut: firewall.policy_out });
    const [saved, setSaved] = useState({ rules, policy });
    const changed = !sameRules(rules, saved.rules) || policy.policyIn !== saved.policy.policyIn || policy.policyOut !== saved.policy.policyOut;
    const action = useAction(
        () =>
            must(
                api.PUT("/v1/vps/{id}/firewall", {
                    params: { path: { id: vps.id }, header: { "If-Match": etag! } },
                    body: { policy_in: policy.policyIn, policy_out: policy.policyOut, rules: rules.map(ruleOf) },
                }),
            ),
        {
            stale: ["firewall", "vps"],
            done: () => {
                setSaved({ rules, policy });
                toast(t("firewall.saved"));
            },
        },
    );
    const wrong = action.problem?.fields.map((one) => ({ row: rowOf(one.pointer), text: one.detail })) ?? [];
    const put = (key: number, part: Partial<DraftRule>) => setRules(rules.map((one) => (one.key === key ? { ...one, ...part } : one)));
    return (
        <form
            noValidate
            onSubmit={(event) => {
                event.preventDefault();
                void action.run(undefined);
            }}
        >
            <Stack>
                <Policies {...policy} disabled={!mayChange} set={(part) => setPolicy({ ...policy, ...part })} />
                {rules.length === 0 && (
                    <Text size="sm" c="dimmed">
                        {t("firewall.none")}
                    </Text>
                )}
                <Stack gap="xs" component="ol" style={{ listStyle: "none", margin: 0, padding: 0 }}>
                    {rules.map((rule, index) => (
                        <FirewallRow
                            key={rule.key}
                            rule={rule}
                            number={index + 1}
                            sets={sets}
                            disabled={!mayChange}
                            wrong={wrong.find((one) => one.row === index)?.text}
                            put={(part) => put(rule.key, part)}
                            up={index > 0 ? () => setRules(move(rules, index, index - 1)) : undefined}
                            down={index < rules.length - 1 ? () => setRules(move(rules, index, index + 1)) : undefined}
                            remove={() => setRules(rules.filter((one) => one !== rule))}
                        />
                    ))}
                </Stack>
                <ProblemNote problem={action.problem} />
                {mayChange && (
                    <Group justify="space-between">
                        <Button size="xs" variant="default" onClick={() => setRules([...rules, newRule()])} disabled={rules.length >= 100}>
                            {t("firewall.add")}
                        </Button>
                        <Group gap="xs">
                            {changed && (
                                <Button size="xs" variant="subtle" onClick={() => (setRules(saved.rules), setPolicy(saved.policy))}>
                                    {t("discard")}
                                </Button>
                            )}
                            <Button size="xs" type="submit" disabled={!changed} loading={action.busy}>
                                {t("save")}
                            </Button>
                        </Group>
                    </Group>
                )}
            </Stack>
        </form>
    );
}

export function Firewall({ vps, mayChange }: { vps: Vps; mayChange: boolean }) {
    const t = useT();
    const query = useOne(["firewall", vps.id], () => ask(api.GET("/v1/vps/{id}/firewall", { params: { path: { id: vps.id } } })));
    return (
        <Card title={t("firewall")} text={t("firewall.text")}>
            <Shown of={query}>{(firewall) => <Editor vps={vps} firewall={firewall} etag={query.etag} mayChange={mayChange} />}</Shown>
        </Card>
    );
}
