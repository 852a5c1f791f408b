// What `croft-agent check` measured on a node, as it was last handed in: the verdict first, then what it was come to from.
import { useRef, type ReactNode } from "react";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { Problem } from "../../api/problem";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable, still, type Column } from "../../ui/DataTable";
import { Button, FileButton, SimpleGrid, Stack, Text, Title } from "../../ui/kit";
import { Card, Facts } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";
import { toast } from "../../ui/Toasts";

type Report = Schema["CheckReport"];
type Row = { name: string };

const command = "croft-agent check --image FILE --json report.json";

// As agent/check/judge.c decides.
const margin = 1e-9;

function useResult() {
    const t = useT();
    return (good: boolean, measured: boolean, lost?: string) => {
        const [tone, text]: [Tone, string] = lost ? ["bad", lost] : !good ? ["warn", t("check.missed")] : measured ? ["good", t("check.met")] : ["idle", t("check.unmeasured")];
        return <Status tone={tone}>{text}</Status>;
    };
}

function usePercent() {
    const format = useFormat();
    return (share: number) => `${format.number(Math.round(share * 1000) / 10 || 0, 1)} %`; // no -0
}

function Measured<R extends Row>({ title, rows, columns }: { title: string; rows: R[] | undefined; columns: Column<R>[] }) {
    const t = useT();
    if (!rows || rows.length === 0) {
        return null;
    }
    return (
        <Stack gap="xs">
            <Title order={3}>{title}</Title>
            <DataTable label={title} list={still(rows)} id={(one) => one.name} columns={[{ head: t("name"), cell: (one) => one.name }, ...columns]} empty={null} />
        </Stack>
    );
}

function Figures({ of }: { of: Report }) {
    const t = useT();
    const format = useFormat();
    const percent = usePercent();
    const result = useResult();
    const amount = (value: number, unit: string) => (unit === "bytes" ? format.bytes(value) : unit === "bit/s" ? format.measure(value, "bits_per_second") : format.number(value, 2));
    return (
        <>
            <Measured
                title={t("check.efficiency")}
                rows={of.efficiency}
                columns={[
                    { head: t("check.median"), kind: "number", cell: (one) => (one.measured ? percent(one.ratio) : "–") },
                    { head: t("check.spread"), kind: "number", cell: (one) => (one.measured ? percent(one.spread) : "–") },
                    { head: t("check.least"), kind: "number", cell: (one) => percent(one.wanted) },
                    { head: t("check.result"), cell: (one) => result(!one.measured || one.ratio >= one.wanted, one.measured) },
                ]}
            />
            <Measured
                title={t("check.limits")}
                rows={of.limits}
                columns={[
                    { head: t("check.limit"), kind: "number", cell: (one) => amount(one.limit, one.unit) },
                    { head: t("check.got"), kind: "number", cell: (one) => amount(one.got, one.unit) },
                    { head: t("check.over"), kind: "number", cell: (one) => percent(one.overshoot) },
                    { head: t("check.most"), kind: "number", cell: (one) => percent(one.wanted) },
                    { head: t("check.result"), cell: (one) => result(one.overshoot <= one.wanted + margin, one.measured) },
                ]}
            />
            <Measured
                title={t("check.machine")}
                rows={of.machine}
                columns={[
                    { head: t("check.loss"), kind: "number", cell: (one) => (one.measured ? percent(one.loss) : "–") },
                    { head: t("check.spread"), kind: "number", cell: (one) => (one.measured ? percent(one.spread) : "–") },
                ]}
            />
            <Measured
                title={t("check.neighbour")}
                rows={of.neighbour}
                columns={[
                    { head: t("check.of"), cell: (one) => one.unit },
                    { head: t("check.loss"), kind: "number", cell: (one) => (one.measured ? percent(one.loss) : "–") },
                    { head: t("check.spread"), kind: "number", cell: (one) => (one.measured ? percent(one.spread) : "–") },
                    { head: t("check.uncharged"), kind: "number", cell: (one) => (one.measured ? format.number(one.uncharged, 2) : "–") },
                    { head: t("check.most"), kind: "number", cell: (one) => percent(one.wanted) },
                    { head: t("check.result"), cell: (one) => result(!one.measured || one.loss <= one.wanted, one.measured, one.alive ? undefined : t("check.dead")) },
                ]}
            />
        </>
    );
}

const tones: Record<Report["verdict"], Tone> = { good: "good", missed: "warn", broken: "bad" };

function Verdict({ of, received }: { of: Report; received: string }) {
    const t = useT();
    const count = (all: number, held: number) => t("used.of", { used: held, limit: all });
    const missing = of.features.filter((one) => !one.present);
    const rows: [string, ReactNode][] = [
        [t("check.verdict"), <Status tone={tones[of.verdict]}>{t(`check.${of.verdict}`)}</Status>],
        [t("check.at"), <Time at={of.at} />],
        [t("check.received"), <Time at={received} />],
        [t("check.form"), t(`check.form.${of.form}`)],
        [t("node.agent"), of.version],
        [t("node.kernel"), of.host.kernel ?? "–"],
        [t("check.escapes"), count(of.escapes.length, of.escapes.filter((one) => one.refused).length)],
        [t("check.fidelity"), count(of.fidelity.length, of.fidelity.filter((one) => one.passed).length)],
    ];
    return (
        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
            <Facts rows={rows} />
            <Stack gap="xs">
                {of.reasons.length > 0 && (
                    <div>
                        <Title order={3}>{t("check.reasons")}</Title>
                        <ul className="reasons">
                            {of.reasons.map((one) => (
                                <li key={one}>{one}</li>
                            ))}
                        </ul>
                    </div>
                )}
                <Title order={3}>{t("check.features")}</Title>
                {missing.length > 0 ? <Facts rows={missing.map((one) => [one.name, one.consequence])} /> : <Text size="sm">{t("node.isolation.good")}</Text>}
            </Stack>
        </SimpleGrid>
    );
}

function None() {
    const t = useT();
    return (
        <Stack gap="xs">
            <Text size="sm">{t("check.none")}</Text>
            <pre className="code" tabIndex={0}>
                {command}
            </pre>
            <Text size="sm" c="dimmed">
                {t("check.none.text")}
            </Text>
        </Stack>
    );
}

export function CheckReport({ node, mayChange }: { node: string; mayChange: boolean }) {
    const t = useT();
    const params = { path: { id: node } };
    const query = useOne(["nodes", "check", node], () => ask(api.GET("/v1/admin/nodes/{id}/check-report", { params })));
    const action = useAction(
        async (file: File) => {
            const body = await file.text().then((text) => JSON.parse(text) as Report).catch(() => {
                throw new Problem(422, "invalid_value", t("check.file.wrong"));
            });
            return must(api.PUT("/v1/admin/nodes/{id}/check-report", { params: { ...params, header: { "If-Match": query.etag } }, body }));
        },
        { stale: ["nodes"], done: () => toast(t("saved")) },
    );
    const again = useRef<() => void>(null); // the same file, once it is mended
    const hand = mayChange && (
        <FileButton resetRef={again} accept="application/json,.json" onChange={(file) => file && void action.run(file).finally(() => again.current?.())} inputProps={{ "aria-label": t("check.file") }}>
            {(props) => (
                <Button size="xs" variant="default" loading={action.busy} disabled={!query.etag} {...props}>
                    {t("check.file")}
                </Button>
            )}
        </FileButton>
    );
    return (
        <Card title={t("check")} text={t("check.text")} actions={hand}>
            <ProblemNote problem={action.problem} />
            {action.problem?.fields.map(({ pointer }) => (
                <span key={pointer} className="mono">
                    {pointer}
                </span>
            ))}
            <Shown of={query}>
                {({ report, received_at }) =>
                    report ? (
                        <>
                            <Verdict of={report} received={received_at!} />
                            <Figures of={report} />
                        </>
                    ) : (
                        <None />
                    )
                }
            </Shown>
        </Card>
    );
}
