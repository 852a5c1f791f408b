// How the whole installation is: what waits, what failed, what needs somebody.
import { Link } from "wouter";
import { api, ask, type Schema } from "../../api/client";
import { useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { SimpleGrid, Stack } from "../../ui/kit";
import { Card, Facts, Page } from "../../ui/Page";
import { Shown } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";

type System = Schema["System"];

const everyMs = 10_000; // numbers are no events
const lateMs = 120_000; // that long a task or a mail may wait before somebody should look

const isLate = (at: string | null) => at !== null && Date.now() - Date.parse(at) > lateMs;

interface Check {
    name: string;
    tone: Tone;
    text: string;
    path?: string;
}

function useChecks(): (system: System) => Check[] {
    const t = useT();
    return ({ database, nodes, tasks, vps, mails, webhooks }) => {
        const off = nodes.total - nodes.online;
        const full = database.connections / database.connections_max;
        return [
            { name: t("system.nodes"), tone: off > 0 ? "bad" : nodes.with_alarms > 0 ? "warn" : "good", text: t("system.nodes.text", { online: nodes.online, total: nodes.total, alarms: nodes.with_alarms }), path: "/operator/fleet" },
            { name: t("system.certificates"), tone: nodes.certificates_ending > 0 ? "warn" : "good", text: nodes.certificates_ending > 0 ? t("system.certificates.text", { count: nodes.certificates_ending }) : t("system.certificates.good") },
            { name: t("system.queue"), tone: isLate(tasks.oldest_queued_at) ? "bad" : "good", text: t("system.queue.text", { queued: tasks.queued, running: tasks.running }), path: "/operator/tasks?status=queued" },
            { name: t("system.failed"), tone: tasks.failed_day > 0 ? "warn" : "good", text: t("system.failed.text", { count: tasks.failed_day }), path: "/operator/tasks?status=failed" },
            { name: t("system.vps"), tone: vps.resting > vps.trying_again ? "bad" : vps.resting > 0 ? "warn" : "good", text: t("system.vps.text", { resting: vps.resting, trying: vps.trying_again }), path: "/operator/vps" },
            { name: t("system.mails"), tone: isLate(mails.oldest_queued_at) ? "bad" : mails.failed_day > 0 ? "warn" : "good", text: t("system.mails.text", { queued: mails.queued, failed: mails.failed_day }) },
            { name: t("nav.webhooks"), tone: webhooks.failing > 0 ? "warn" : "good", text: t("system.webhooks.text", { pending: webhooks.pending, failing: webhooks.failing }) },
            { name: t("system.database"), tone: full > 0.9 ? "bad" : full > 0.75 ? "warn" : "good", text: t("system.connections", { used: database.connections, limit: database.connections_max }) },
        ];
    };
}

export default function SystemPage() {
    const t = useT();
    const format = useFormat();
    const checks = useChecks();
    const system = useOne(["system", "now"], () => ask(api.GET("/v1/admin/system")), { every: () => everyMs });
    const meta = useOne(["system", "meta"], () => ask(api.GET("/v1/meta")));
    return (
        <Page title={t("nav.operator.system")} lead={t("system.text")}>
            <Shown of={system}>
                {(now) => (
                    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
                        <Card title={t("system.checks")}>
                            <Stack gap="sm" component="ul" className="plain">
                                {checks(now).map((one) => (
                                    <li key={one.name} className="check">
                                        <Status tone={one.tone}>{one.path ? <Link href={one.path}>{one.name}</Link> : one.name}</Status>
                                        <span className="check-text">{one.text}</span>
                                    </li>
                                ))}
                            </Stack>
                        </Card>
                        <Card title={t("system.parts")}>
                            <Facts
                                rows={[
                                    [t("system.server"), meta.value?.version ?? "…"],
                                    [t("system.clock"), meta.value ? format.exact(meta.value.time) : "…"],
                                    [t("system.database"), `PostgreSQL ${now.database.version}`],
                                    [t("size"), format.bytes(now.database.size_bytes)],
                                    [t("system.since"), <Time at={now.database.started_at} />],
                                ]}
                            />
                        </Card>
                    </SimpleGrid>
                )}
            </Shown>
        </Page>
    );
}
