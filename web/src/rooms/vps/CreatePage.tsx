// One page: what, where, how entered, with what it costs and what is left beside it, and the same order as curl.
import { useState } from "react";
import { useLocation } from "wouter";
import { api, must } from "../../api/client";
import { useDraft } from "../../api/draft";
import { useAction } from "../../api/hooks";
import { priceOf, useImages, useLocations, usePlans, usePrices, useSshKeys, useVpsList } from "../../api/nouns";
import { asProblem, Problem } from "../../api/problem";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { Choices } from "../../ui/Choices";
import { Alert, Button, Checkbox, Grid, SimpleGrid, Stack, Switch, TagsInput, Text, Textarea, TextInput } from "../../ui/kit";
import { brief, keyOf, keysOf, nameOfKey, type KnownKey } from "../../ui/keys";
import { Card, Page } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";
import { CreateSummary } from "./CreateSummary";
import { bodyOf, emptyDraft, keptFields, keysToKeep, labelsOf, linesOf, type Draft } from "./draft";

function Catalogue({ draft, set }: { draft: Draft; set: (part: Partial<Draft>) => void }) {
    const t = useT();
    const format = useFormat();
    const plans = usePlans();
    const images = useImages();
    const locations = useLocations();
    const prices = usePrices().value;
    return (
        <>
            <Card title={t("location")}>
                <Shown of={locations}>
                    {({ items }) => <Choices label={t("location")} value={draft.location} set={(location) => set({ location })} none={t("location.none")} of={items.map((one) => ({ value: one.id, title: one.title }))} />}
                </Shown>
            </Card>
            <Card title={t("image")}>
                <Shown of={images}>
                    {({ items }) => (
                        <Choices
                            label={t("image")}
                            value={draft.image}
                            set={(image) => set({ image })}
                            none={t("image.none")}
                            of={items.filter((one) => one.active && one.state === "ready").map((one) => ({ value: one.id, title: one.title, text: `${one.os} · ${one.arch}${one.tenant_id ? ` · ${t("image.own")}` : ""}` }))}
                        />
                    )}
                </Shown>
            </Card>
            <Card title={t("plan")}>
                <Shown of={plans}>
                    {({ items }) => (
                        <Choices
                            label={t("plan")}
                            value={draft.plan}
                            set={(plan) => set({ plan })}
                            none={t("plan.none")}
                            of={items.filter((one) => one.active).map((one) => {
                                const { price_month, currency } = priceOf(prices, one.id, draft.location) ?? one;
                                return {
                                    value: one.id,
                                    title: one.title,
                                    text: t("size.of", { vcpus: one.vcpus, memory: format.bytes(one.memory_bytes), disk: format.bytes(one.disk_bytes) }),
                                    side: t("price.month", { price: format.money(price_month, currency) }),
                                };
                            })}
                        />
                    )}
                </Shown>
            </Card>
        </>
    );
}

// Keys that are kept or open other VPS already, to be chosen again.
function KnownKeys({ known, keys, set }: { known: KnownKey[]; keys: string; set: (keys: string) => void }) {
    const t = useT();
    const lines = linesOf(keys);
    if (known.length === 0) {
        return null;
    }
    const opens = ({ text, opens }: KnownKey) => (opens.length > 0 ? t("keys.known.of", { key: brief(text).kind, names: opens.slice(0, 3).map((one) => one.name).join(", ") }) : brief(text).kind);
    return (
        <Checkbox.Group label={t("keys.known")} value={known.filter((one) => lines.includes(one.text)).map((one) => one.text)} onChange={(chosen) => set([...lines.filter((one) => !known.some(({ text }) => text === one)), ...chosen].join("\n"))}>
            <Stack gap={6} mt={6}>
                {known.map((one) => (
                    <Checkbox key={one.id} size="xs" value={one.text} label={nameOfKey(one)} description={opens(one)} />
                ))}
            </Stack>
        </Checkbox.Group>
    );
}

// Keeps what was typed, before the VPS is ordered: after it, the page may be gone. A key is kept once at most, so that one which is kept by
// now, by an earlier try, is as good as kept here.
async function keepKeys(texts: string[], taken: string[], failed: string): Promise<void> {
    for (const body of keysToKeep(texts, taken)) {
        await must(api.POST("/v1/ssh-keys", { body })).catch((error: unknown) => {
            const { status, code, detail, fields, retryAfter, request } = asProblem(error);
            if (!(status === 409 && fields.some((one) => one.pointer === "/public_key"))) {
                throw new Problem(status, code, `${failed} ${detail}`.trim(), fields.map((one) => ({ pointer: "/ssh_keys", detail: one.detail })), retryAfter, request);
            }
        });
    }
}

export default function CreatePage() {
    const t = useT();
    const [, go] = useLocation();
    const { draft, set, back, drop, anew } = useDraft<Draft>("vps", emptyDraft, keptFields);
    const [keep, setKeep] = useState(false);
    const body = bodyOf(draft);
    const kept = useSshKeys().items ?? [];
    const known = keysOf(useVpsList({}, 200).items ?? [], kept);
    const fresh = linesOf(draft.keys).filter((one) => !known.some((other) => other.kept && other.id === keyOf(one)));
    const action = useAction(
        async (_, key) => {
            await keepKeys(keep ? fresh : [], kept.map((one) => one.name), t("keys.keep.failed"));
            return must(api.POST("/v1/vps", { params: { header: { "Idempotency-Key": key } }, body: body! }));
        },
        {
            stale: ["vps", "tasks", "quotas", "ssh-keys"],
            done: (made) => {
                drop();
                "vps" in made && go(`/vps/${made.vps.id}`);
            },
        },
    );
    const wrongLabel = draft.labels.find((one) => labelsOf([one]) === undefined);
    return (
        <Page title={t("vps.create")}>
            {back && (
                <Alert color="blue" variant="outline" role="status">
                    <Text size="sm">{t(back.left ? "draft.back.part" : "draft.back")}</Text>
                    <Button size="compact-xs" variant="default" mt="xs" onClick={anew}>
                        {t("draft.anew")}
                    </Button>
                </Alert>
            )}
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Grid gap="lg">
                    <Grid.Col span={{ base: 12, md: 8 }}>
                        <Stack>
                            <Card title={t("name")}>
                                <SimpleGrid cols={{ base: 1, xs: 2 }}>
                                    <TextInput label={t("name")} description={t("name.rule")} value={draft.name} error={action.problem?.at("name")} onChange={(e) => set({ name: e.currentTarget.value.toLowerCase() })} autoComplete="off" spellCheck={false} />
                                    <TagsInput label={t("labels")} description={t("labels.rule")} value={draft.labels} error={wrongLabel ? t("labels.wrong", { label: wrongLabel }) : action.problem?.at("labels")} onChange={(labels) => set({ labels })} />
                                </SimpleGrid>
                            </Card>
                            <Catalogue draft={draft} set={set} />
                            <Card title={t("access")}>
                                <KnownKeys known={known} keys={draft.keys} set={(keys) => set({ keys })} />
                                <Textarea label={t("keys")} description={t("keys.rule")} placeholder="ssh-ed25519 AAAA… you@laptop" autosize minRows={2} maxRows={8} value={draft.keys} error={action.problem?.at("ssh_keys")} onChange={(e) => set({ keys: e.currentTarget.value })} spellCheck={false} styles={{ input: { fontFamily: "monospace" } }} />
                                {fresh.length > 0 && <Checkbox size="xs" label={t("keys.keep.these")} checked={keep} onChange={(e) => setKeep(e.currentTarget.checked)} />}
                                <Textarea label={t("userdata")} description={t("userdata.rule")} placeholder={"#!/bin/sh"} autosize minRows={2} maxRows={14} value={draft.userData} error={action.problem?.at("user_data")} onChange={(e) => set({ userData: e.currentTarget.value })} spellCheck={false} styles={{ input: { fontFamily: "monospace" } }} />
                            </Card>
                            <Card title={t("options")}>
                                <Switch label={t("start.now")} checked={draft.start} onChange={(e) => set({ start: e.currentTarget.checked })} />
                                <Switch label={t("protection")} description={t("protection.text")} checked={draft.protection} onChange={(e) => set({ protection: e.currentTarget.checked })} />
                            </Card>
                        </Stack>
                    </Grid.Col>
                    <Grid.Col span={{ base: 12, md: 4 }}>
                        <Stack pos="sticky" top={70}>
                            <CreateSummary body={body} />
                            <ProblemNote problem={action.problem} />
                            <Button type="submit" size="md" loading={action.busy} disabled={!body || wrongLabel !== undefined}>
                                {t("vps.create")}
                            </Button>
                        </Stack>
                    </Grid.Col>
                </Grid>
            </form>
        </Page>
    );
}
