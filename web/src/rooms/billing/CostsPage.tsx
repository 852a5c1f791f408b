// The costs of a month, from the sum down to the lines of a vps; from there each line leads on to what it was measured from.
import { Link, useSearchParams } from "wouter";
import { api, ask, must, type Schema } from "../../api/client";
import { useList, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { CostFigures, CostLines, CostMeters, CostVps, monthsBack, TrafficCard } from "../../ui/Costs";
import { Button, Group, Select, SimpleGrid, Stack, Text, Title } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";

const everyMs = 60_000; // what is used is no event

function OfVps({ month, vps, charged }: { month: string; vps: string; charged: boolean }) {
    const t = useT();
    const costs = useOne(["billing", "costs", month, vps], () => ask(api.GET("/v1/billing/costs", { params: { query: { month, vps_id: vps } } })));
    const charges = useList<Schema["Charge"]>(["billing", "charges", month, vps], (cursor) => must(api.GET("/v1/charges", { params: { query: { month, vps_id: vps, limit: 200, cursor } } })), { enabled: charged });
    const name = costs.value?.vps.find((one) => one.vps_id === vps)?.name;
    return (
        <Stack>
            <Group justify="space-between">
                <Title order={2}>{t("costs.of", { name: name ?? "…" })}</Title>
                <Group gap="xs">
                    <Button size="xs" variant="default" component={Link} href={`/vps/${vps}/graphs?range=30d`}>
                        {t("costs.graphs")}
                    </Button>
                    <Button size="xs" variant="default" component={Link} href={`/billing?month=${month}`}>
                        {t("costs.all")}
                    </Button>
                </Group>
            </Group>
            <ProblemNote problem={charges.problem} />
            {charged && charges.items ? (
                <CostLines of={charges.items} link={(line) => ("id" in line ? `/billing/charges/${line.id}` : undefined)} />
            ) : (
                <Shown of={costs}>{({ lines }) => <CostLines of={lines} />}</Shown>
            )}
            {!charged && (
                <Text size="xs" c="dimmed">
                    {t("costs.lines.text")}
                </Text>
            )}
        </Stack>
    );
}

export default function CostsPage() {
    const t = useT();
    const format = useFormat();
    const months = monthsBack(24);
    const [params, setParams] = useSearchParams();
    const month = months.find((one) => one === params.get("month")) ?? months[0]!;
    const vps = params.get("vps") ?? undefined;
    const query = useOne(["billing", "costs", month], () => ask(api.GET("/v1/billing/costs", { params: { query: { month } } })), { every: () => (month === months[0] ? everyMs : false), keep: true });
    return (
        <Page
            title={t("nav.costs")}
            lead={t("costs.text")}
            actions={<Select size="xs" aria-label={t("month")} allowDeselect={false} data={months.map((one) => ({ value: one, label: format.month(one) }))} value={month} onChange={(value) => setParams({ month: value! }, { replace: true })} />}
        >
            <Shown of={query}>
                {(costs) => (
                    <Stack className={query.isPlaceholderData ? "faded" : undefined}>
                        <CostFigures of={costs} />
                        {vps ? (
                            <OfVps key={`${month}/${vps}`} month={month} vps={vps} charged={costs.charged} />
                        ) : (
                            <>
                                <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                                    <CostMeters of={costs} />
                                    <TrafficCard of={costs.traffic} />
                                </SimpleGrid>
                                <CostVps of={costs} link={(id) => `/billing?month=${month}&vps=${id}`} />
                            </>
                        )}
                    </Stack>
                )}
            </Shown>
        </Page>
    );
}
