// Name, labels, protection, host name.
import { useState } from "react";
import { api, must } from "../../../api/client";
import { useAction } from "../../../api/hooks";
import { useVps, type Vps } from "../../../api/nouns";
import { useT } from "../../../i18n";
import { Button, Group, SimpleGrid, Stack, Switch, TagsInput, TextInput } from "../../../ui/kit";
import { Card } from "../../../ui/Page";
import { ProblemNote } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";
import { labelsOf } from "../draft";

const textsOf = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => (value ? `${name}=${value}` : name));

export function GeneralCard({ vps }: { vps: Vps }) {
    const t = useT();
    const { etag } = useVps(vps.id);
    const [name, setName] = useState(vps.name);
    const [labels, setLabels] = useState(textsOf(vps.labels));
    const [protection, setProtection] = useState(vps.protection);
    const wrong = labels.find((one) => !labelsOf([one]));
    const body = { name, labels: labelsOf(labels) ?? {}, protection };
    const changed = name !== vps.name || protection !== vps.protection || JSON.stringify(body.labels) !== JSON.stringify(vps.labels);
    const action = useAction(() => must(api.PATCH("/v1/vps/{id}", { params: { path: { id: vps.id }, header: { "If-Match": etag! } }, body })), {
        stale: ["vps"],
        done: () => toast(t("saved")),
    });
    return (
        <Card title={t("general")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <SimpleGrid cols={{ base: 1, sm: 2 }}>
                        <TextInput label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
                        <TagsInput label={t("labels")} value={labels} error={wrong ? t("labels.wrong", { label: wrong }) : action.problem?.at("labels")} onChange={setLabels} />
                    </SimpleGrid>
                    <Switch label={t("protection")} description={t("protection.text")} checked={protection} onChange={(e) => setProtection(e.currentTarget.checked)} />
                    <ProblemNote problem={action.problem} />
                    <Group justify="flex-end">
                        <Button size="xs" type="submit" disabled={!changed || wrong !== undefined} loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}
