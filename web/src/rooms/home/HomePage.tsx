// What there is, what goes on, what needs somebody.
import { Link } from "wouter";
import { api, must } from "../../api/client";
import { useList } from "../../api/hooks";
import { useQuotas, useVpsList, type Task, type Vps } from "../../api/nouns";
import { session } from "../../api/session";
import { useStore } from "../../api/store";
import { useT, useWord } from "../../i18n";
import { useMay } from "../../roles";
import { Anchor, Button, Group, SimpleGrid, Stack, Text } from "../../ui/kit";
import { Card, Page } from "../../ui/Page";
import { QuotaMeters } from "../../ui/QuotaMeters";
import { Empty, Loading, ProblemNote, Shown } from "../../ui/States";
import { Bar, Time } from "../../ui/Status";
import { stateOf, VpsState } from "../vps/state";
import { BillingNotices, SpendCard } from "./Spend";

const shown = 200; // VPS that are looked through for what needs somebody

function Counts({ vps, more }: { vps: Vps[]; more: boolean }) {
    const t = useT();
    const running = vps.filter((one) => stateOf(one).tone === "good").length;
    return (
        <SimpleGrid cols={{ base: 2, xs: 3 }}>
            {[
                [t("home.vps"), `${vps.length}${more ? "+" : ""}`],
                [t("home.running"), String(running)],
                [t("home.attention"), String(vps.filter((one) => stateOf(one).tone === "bad").length)],
            ].map(([label, value]) => (
                <div key={label}>
                    <Text fz={28} fw={700} lh={1.1}>
                        {value}
                    </Text>
                    <Text size="sm" c="dimmed">
                        {label}
                    </Text>
                </div>
            ))}
        </SimpleGrid>
    );
}

function Attention({ vps }: { vps: Vps[] }) {
    const t = useT();
    const wrong = vps.filter((one) => ["bad", "warn"].includes(stateOf(one).tone)).slice(0, 8);
    if (wrong.length === 0) {
        return <Text size="sm">{t("home.calm")}</Text>;
    }
    return (
        <Stack gap="xs">
            {wrong.map((one) => (
                <Group key={one.id} justify="space-between" gap="xs">
                    <Anchor component={Link} href={`/vps/${one.id}`} size="sm">
                        {one.name}
                    </Anchor>
                    <VpsState vps={one} />
                </Group>
            ))}
        </Stack>
    );
}

function OpenTasks() {
    const t = useT();
    const word = useWord();
    const list = useList<Task>(["tasks", "open"], async () => {
        const read = (status: "running" | "queued") => must(api.GET("/v1/tasks", { params: { query: { status, limit: 20 } } }));
        const [running, queued] = await Promise.all([read("running"), read("queued")]);
        return { items: [...running.items, ...queued.items], next_cursor: null };
    });
    return (
        <Card title={t("home.tasks")}>
            {list.problem && <ProblemNote problem={list.problem} retry={list.retry} />}
            {!list.items && !list.problem && <Loading rows={2} />}
            {list.items?.length === 0 && (
                <Text size="sm" c="dimmed">
                    {t("home.tasks.none")}
                </Text>
            )}
            {list.items?.map((task) => (
                <Stack key={task.id} gap={4}>
                    <Group justify="space-between" gap="xs">
                        {task.vps_id ? (
                            <Anchor component={Link} href={`/vps/${task.vps_id}/activity`} size="sm">
                                {word("task", task.kind)}
                            </Anchor>
                        ) : (
                            <Text size="sm">{word("task", task.kind)}</Text>
                        )}
                        <Text size="xs" c="dimmed">
                            <Time at={task.created_at} />
                        </Text>
                    </Group>
                    <Bar value={task.progress} label={word("task", task.kind)} />
                </Stack>
            ))}
        </Card>
    );
}

export default function HomePage() {
    const t = useT();
    const may = useMay();
    const { principal } = useStore(session);
    const list = useVpsList({}, shown);
    const quotas = useQuotas();
    const make = may("vps:write") && (
        <Button component={Link} href="/vps/new">
            {t("vps.create")}
        </Button>
    );
    return (
        <Page title={principal?.tenant?.name ?? t("nav.home")} actions={make}>
            <BillingNotices />
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" style={{ alignItems: "start" }}>
                <Stack>
                    <Card title={t("nav.vps")}>
                        {list.problem && <ProblemNote problem={list.problem} retry={list.retry} />}
                        {!list.items && !list.problem && <Loading rows={2} />}
                        {list.items?.length === 0 && <Empty title={t("vps.none")} text={t("vps.none.text")} action={make} />}
                        {list.items && list.items.length > 0 && (
                            <>
                                <Counts vps={list.items} more={list.more !== undefined} />
                                <Attention vps={list.items} />
                            </>
                        )}
                    </Card>
                    <OpenTasks />
                </Stack>
                <Stack>
                    <SpendCard />
                    <Card title={t("nav.quotas")}>
                        <Shown of={quotas}>{({ items }) => <QuotaMeters of={items.filter((one) => one.limit !== null || one.used > 0)} />}</Shown>
                    </Card>
                </Stack>
            </SimpleGrid>
        </Page>
    );
}
