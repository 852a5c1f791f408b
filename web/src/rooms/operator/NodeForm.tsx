import { useState } from "react";
import { api, must } from "../../api/client";
import { useAction } from "../../api/hooks";
import { useT } from "../../i18n";
import { Bytes } from "../../ui/Bytes";
import { Button, Group, NumberInput, Select, SimpleGrid, Stack, Switch, TagsInput } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { ProblemNote } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import type { Node } from "./data";

const draftOf = (node: Node) => ({
    state: node.state as "active" | "draining" | "maintenance",
    overcommit_vcpu_percent: node.overcommit_vcpu_percent,
    overcommit_memory_percent: node.overcommit_memory_percent,
    overcommit_disk_percent: node.overcommit_disk_percent,
    reserve_vcpus: node.reserve.vcpus,
    reserve_memory_bytes: node.reserve.memory_bytes,
    reserve_disk_bytes: node.reserve.disk_bytes,
    high_water_percent: node.high_water_percent,
    line_rate_mbit: node.line_rate_mbit ?? undefined,
    tags: node.tags,
    dedicated: node.dedicated,
});

type Draft = ReturnType<typeof draftOf>;

// Only what was changed is sent.
function changesOf(draft: Draft, node: Node): Partial<Draft> {
    const was = draftOf(node);
    return Object.fromEntries(Object.entries(draft).filter(([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(was[name as keyof Draft])));
}

export function NodeForm({ node, etag }: { node: Node; etag: string | undefined }) {
    const t = useT();
    const [draft, setDraft] = useState(() => draftOf(node));
    const set = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
    const body = changesOf(draft, node);
    const action = useAction(() => must(api.PATCH("/v1/admin/nodes/{id}", { params: { path: { id: node.id }, header: { "If-Match": etag! } }, body })), { stale: ["nodes"], done: () => toast(t("saved")) });
    const percent = (name: "overcommit_vcpu_percent" | "overcommit_memory_percent" | "overcommit_disk_percent" | "high_water_percent") => (
        <NumberInput label={t(`node.${name}`)} suffix=" %" min={1} max={10000} allowDecimal={false} value={draft[name]} error={action.problem?.at(name)} onChange={(value) => set({ [name]: Number(value) || 1 })} />
    );
    return (
        <Card title={t("tab.settings")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <Select label={t("state")} description={t(`node.state.${draft.state}.text`)} allowDeselect={false} data={(["active", "draining", "maintenance"] as const).map((one) => ({ value: one, label: t(`node.state.${one}`) }))} value={draft.state} onChange={(value) => set({ state: value as Draft["state"] })} />
                    <SimpleGrid cols={{ base: 1, xs: 2 }}>
                        {percent("overcommit_vcpu_percent")}
                        <NumberInput label={t("node.reserve_vcpus")} min={0} allowDecimal={false} value={draft.reserve_vcpus} error={action.problem?.at("reserve_vcpus")} onChange={(value) => set({ reserve_vcpus: Number(value) || 0 })} />
                        {percent("overcommit_memory_percent")}
                        <Bytes label={t("node.reserve_memory_bytes")} value={draft.reserve_memory_bytes} error={action.problem?.at("reserve_memory_bytes")} set={(value) => set({ reserve_memory_bytes: value })} />
                        {percent("overcommit_disk_percent")}
                        <Bytes label={t("node.reserve_disk_bytes")} value={draft.reserve_disk_bytes} error={action.problem?.at("reserve_disk_bytes")} set={(value) => set({ reserve_disk_bytes: value })} />
                        {percent("high_water_percent")}
                        <NumberInput label={t("node.line_rate_mbit")} description={t("node.line_rate_mbit.text")} suffix=" Mbit/s" min={1} max={100_000_000} allowDecimal={false} value={draft.line_rate_mbit ?? ""} error={action.problem?.at("line_rate_mbit")} onChange={(value) => set({ line_rate_mbit: value === "" ? undefined : Number(value) })} />
                        <TagsInput label={t("node.tags")} value={draft.tags} error={action.problem?.at("tags")} onChange={(value) => set({ tags: value })} />
                    </SimpleGrid>
                    <Switch label={t("node.dedicated")} description={t("node.dedicated.text")} checked={draft.dedicated} onChange={(e) => set({ dedicated: e.currentTarget.checked })} />
                    <ProblemNote problem={action.problem} />
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" disabled={Object.keys(body).length === 0} loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}
