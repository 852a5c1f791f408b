import { useState } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import type { Vps } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Group, NumberInput, SimpleGrid, Stack, Text, TextInput } from "../../ui/kit";
import { Card } from "../../ui/Page";
import { Empty, ProblemNote } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";
import { toast } from "../../ui/Toasts";

type Snapshot = Schema["Snapshot"];
const tones: Record<Snapshot["state"], Tone> = { creating: "busy", ready: "good", deleting: "busy", failed: "bad" };

function CreateDialog({ vps, close }: { vps: Vps; close: () => void }) {
    const t = useT();
    const [name, setName] = useState("");
    const action = useAction(
        (_, key) => must(api.POST("/v1/vps/{id}/snapshots", { params: { path: { id: vps.id }, header: { "Idempotency-Key": key } }, body: name ? { name } : {} })),
        { stale: ["snapshots", "vps", "quotas"], done: close },
    );
    return (
        <FormDialog title={t("snapshot.create")} close={close} submit={t("snapshot.create")} busy={action.busy} problem={action.problem} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} description={t("snapshot.name.text")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
        </FormDialog>
    );
}

function Actions({ snapshot, vps }: { snapshot: Snapshot; vps: Vps }) {
    const t = useT();
    const [asked, setAsked] = useState<"restore" | "delete" | undefined>();
    const params = { path: { id: snapshot.id } };
    const restore = useAction(() => must(api.POST("/v1/snapshots/{id}/restore", { params })), { stale: ["vps", "tasks"], done: () => toast(t("snapshot.restoring"), "busy") });
    const remove = useAction(() => must(api.DELETE("/v1/snapshots/{id}", { params })), { stale: ["snapshots", "quotas"] });
    const close = () => setAsked(undefined);
    return (
        <Group gap={6} wrap="nowrap">
            <Button size="compact-xs" variant="default" disabled={snapshot.state !== "ready"} onClick={() => setAsked("restore")}>
                {t("snapshot.restore")}
            </Button>
            <Button size="compact-xs" variant="default" disabled={snapshot.state === "creating" || snapshot.state === "deleting"} onClick={() => setAsked("delete")}>
                {t("delete")}
            </Button>
            {asked === "restore" && (
                <ConfirmDialog title={t("snapshot.restore")} text={t("snapshot.restore.text", { name: snapshot.name })} submit={t("snapshot.restore")} name={vps.name} run={() => restore.run(undefined)} busy={restore.busy} problem={restore.problem} close={close} />
            )}
            {asked === "delete" && (
                <ConfirmDialog title={t("snapshot.delete")} text={t("snapshot.delete.text", { name: snapshot.name })} submit={t("delete")} name={snapshot.name} run={() => remove.run(undefined)} busy={remove.busy} problem={remove.problem} close={close} />
            )}
        </Group>
    );
}

const periods = ["hourly", "daily", "weekly"] as const;
type Kept = Record<(typeof periods)[number], number>;

// How many of each are kept. None is no schedule.
function ScheduleForm({ vps, kept, etag, next }: { vps: Vps; kept: Kept; etag: string | undefined; next: string | undefined }) {
    const t = useT();
    const may = useMay();
    const format = useFormat();
    const [draft, setDraft] = useState(kept);
    const none = periods.every((one) => draft[one] === 0);
    const changed = periods.some((one) => draft[one] !== kept[one]);
    const fewer = !none && periods.some((one) => draft[one] < kept[one]); // without a schedule, what it made stays
    const [asked, setAsked] = useState(false);
    const path = { id: vps.id };
    const action = useAction(
        async () =>
            none
                ? void (await must(api.DELETE("/v1/vps/{id}/snapshot-schedule", { params: { path } })))
                : void (await must(api.PUT("/v1/vps/{id}/snapshot-schedule", { params: { path, header: { "If-Match": etag } }, body: draft }))),
        { stale: ["snapshots"], done: () => toast(t("saved")) },
    );
    return (
        <>
            <form
                onSubmit={(event) => {
                    event.preventDefault();
                    fewer ? setAsked(true) : void action.run(undefined);
                }}
            >
                <Stack>
                    <SimpleGrid cols={{ base: 1, xs: 3 }}>
                        {periods.map((one) => (
                            <NumberInput key={one} label={t(`schedule.${one}`)} min={0} max={50} clampBehavior="strict" allowDecimal={false} value={draft[one]} error={action.problem?.at(one)} onChange={(value) => setDraft({ ...draft, [one]: Number(value) || 0 })} />
                        ))}
                    </SimpleGrid>
                    <ProblemNote problem={asked ? undefined : action.problem} />
                    <Group justify="space-between">
                        <Text size="sm" c="dimmed">
                            {next ? t("schedule.next", { when: format.ago(next) }) : t("schedule.none")}
                        </Text>
                        <Button type="submit" size="xs" disabled={!changed || !may("snapshots:write")} loading={action.busy}>
                            {t("save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
            {asked && <ConfirmDialog title={t("schedule")} text={t("schedule.fewer")} submit={t("save")} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={() => setAsked(false)} />}
        </>
    );
}

function Schedule({ vps }: { vps: Vps }) {
    const t = useT();
    const query = useOne(["snapshots", "schedule", vps.id], () => ask(api.GET("/v1/vps/{id}/snapshot-schedule", { params: { path: { id: vps.id } } })));
    const none = query.error?.status === 404;
    const of = none ? undefined : query.value;
    return (
        <Card title={t("schedule")} text={t("schedule.text")}>
            {query.error && !none ? <ProblemNote problem={query.error} retry={() => void query.refetch()} /> : null}
            {(of || none) && <ScheduleForm key={`${of?.updated_at}`} vps={vps} kept={{ hourly: of?.hourly ?? 0, daily: of?.daily ?? 0, weekly: of?.weekly ?? 0 }} etag={of ? query.etag : undefined} next={of?.next_at} />}
        </Card>
    );
}

export default function SnapshotsTab({ vps }: { vps: Vps }) {
    const t = useT();
    const may = useMay();
    const format = useFormat();
    const [making, setMaking] = useState(false);
    const list = useList<Snapshot>(["snapshots", "list", vps.id], (cursor) => must(api.GET("/v1/vps/{id}/snapshots", { params: { path: { id: vps.id }, query: { cursor } } })));
    const make = may("snapshots:write") && (
        <Button size="xs" onClick={() => setMaking(true)}>
            {t("snapshot.create")}
        </Button>
    );
    return (
        <Stack>
            <Group justify="flex-end">{make}</Group>
            <DataTable
                label={t("tab.snapshots")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("state"), cell: (one) => <Status tone={tones[one.state]}>{t(`snapshot.${one.state}`)}</Status> },
                    { head: t("kind"), cell: (one) => (one.period ? t(`schedule.${one.period}`) : t("snapshot.manual")) },
                    { head: t("size"), cell: (one) => (one.size_bytes === null ? "–" : format.bytes(one.size_bytes)), kind: "number" },
                    { head: t("created"), cell: (one) => <Time at={one.created_at} /> },
                    ...(may("snapshots:write") ? [{ head: "", cell: (one: Snapshot) => <Actions snapshot={one} vps={vps} />, kind: "actions" as const }] : []),
                ]}
                empty={<Empty title={t("snapshots.none")} text={t("snapshots.none.text")} />}
            />
            <Schedule vps={vps} />
            {making && <CreateDialog vps={vps} close={() => setMaking(false)} />}
        </Stack>
    );
}
