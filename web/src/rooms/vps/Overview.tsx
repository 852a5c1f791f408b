// What it has, and how near it is to what its plan allows.
import { api, ask, type Schema } from "../../api/client";
import { useOne } from "../../api/hooks";
import { useNames, type Vps } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { CopyButton } from "../../ui/Copy";
import { Group, SimpleGrid, Stack, Text } from "../../ui/kit";
import { Card, Facts } from "../../ui/Page";
import { Shown } from "../../ui/States";
import { Labels, Meter, Time } from "../../ui/Status";

const everyMs = 30_000; // limits are no events; the node reports each minute
const soonMs = 5_000; // until its first report

function Limit({ of }: { of: Schema["Limit"] }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const used = format.measure(of.used, of.unit);
    const text = of.limit === null ? used : t("used.of", { used, limit: format.measure(of.limit, of.unit) });
    return (
        <Stack gap={2}>
            <Meter label={word("limit", of.name)} used={of.used} limit={of.limit} text={text} />
            {of.hits ? (
                <Text size="xs" c="var(--mantine-color-error)">
                    {t("limit.hits", { count: of.hits })}
                </Text>
            ) : null}
        </Stack>
    );
}

function Stalls({ of }: { of: NonNullable<Schema["Limits"]["pressure"]> }) {
    const t = useT();
    const format = useFormat();
    const rows = (["cpu", "memory", "io"] as const).map((one): [string, string] => [t(`pressure.${one}`), of[one].some ? `${format.number(of[one].some.avg60, 1)} %` : "–"]);
    return (
        <Stack gap="xs">
            <Text size="sm" fw={600}>
                {t("pressure")}
            </Text>
            <Facts rows={rows} />
        </Stack>
    );
}

function LimitsCard({ vps }: { vps: Vps }) {
    const t = useT();
    const format = useFormat();
    const query = useOne(["limits", vps.id], () => ask(api.GET("/v1/vps/{id}/limits", { params: { path: { id: vps.id } } })), { every: (limits) => (limits?.ts ? everyMs : soonMs) });
    return (
        <Card title={t("limits")}>
            <Shown of={query}>
                {(limits) =>
                    limits.ts === null ? (
                        <Text size="sm" c="dimmed">
                            {t("limits.none")}
                        </Text>
                    ) : (
                        <Stack>
                            <SimpleGrid cols={{ base: 1, sm: 2 }} verticalSpacing="md" spacing="xl">
                                {limits.limits.map((one) => (
                                    <Limit key={one.name} of={one} />
                                ))}
                            </SimpleGrid>
                            {limits.cpu && limits.cpu.throttled_ns > 0 && (
                                <Text size="sm">{t("throttled", { time: format.duration(limits.cpu.throttled_ns / 1e9) })}</Text>
                            )}
                            {limits.pressure && <Stalls of={limits.pressure} />}
                            {limits.last_oom_kills.map((one) => (
                                <Text key={`${one.ts} ${one.pid}`} size="sm" c="var(--mantine-color-error)">
                                    {t(one.cause === "node" ? "oom.node" : "oom.limit", { process: one.process, memory: format.bytes(one.memory_bytes), when: format.ago(one.ts) })}
                                </Text>
                            ))}
                            <Text size="xs" c="dimmed">
                                {t("as.of")} <Time at={limits.ts} />
                            </Text>
                        </Stack>
                    )
                }
            </Shown>
        </Card>
    );
}

function Addresses({ vps }: { vps: Vps }) {
    const t = useT();
    const four = vps.addresses.find((one) => one.kind === "routed") ?? vps.addresses[0];
    const line = four && `ssh root@${four.address}`;
    return (
        <Card title={t("reach")}>
            {vps.addresses.length === 0 && <Text size="sm">{t("address.none")}</Text>}
            {vps.addresses.map((one) => (
                <Group key={one.address} justify="space-between" wrap="nowrap" gap="xs">
                    <span className="mono">{one.address}</span>
                    <CopyButton text={one.address} />
                </Group>
            ))}
            {line && (
                <Group justify="space-between" wrap="nowrap" gap="xs">
                    <code className="mono">{line}</code>
                    <CopyButton text={line} />
                </Group>
            )}
        </Card>
    );
}

export function Overview({ vps }: { vps: Vps }) {
    const t = useT();
    const format = useFormat();
    const names = useNames();
    return (
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md" style={{ alignItems: "start" }}>
            <Stack>
                <Card title={t("tab.overview")}>
                    <Facts
                        rows={[
                            [t("plan"), names.plan(vps.plan_id)],
                            [t("vcpus"), format.number(vps.vcpus)],
                            [t("memory"), format.bytes(vps.memory_bytes)],
                            [t("disk"), format.bytes(vps.disk_bytes)],
                            [t("image"), names.image(vps.image_id)],
                            [t("hostname"), vps.hostname],
                            [t("labels"), Object.keys(vps.labels).length > 0 ? <Labels of={vps.labels} /> : "–"],
                            [t("protection"), t(vps.protection ? "on" : "off")],
                            [t("created"), <Time at={vps.created_at} />],
                            [t("id"), <span className="mono">{vps.id}</span>],
                        ]}
                    />
                </Card>
                <Addresses vps={vps} />
            </Stack>
            <LimitsCard vps={vps} />
        </SimpleGrid>
    );
}
