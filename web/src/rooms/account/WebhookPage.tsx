// One webhook: whether it works, what was sent to it and what it answered.
import { useState } from "react";
import { useLocation } from "wouter";
import { api, ask, must, type Schema } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, Dialog } from "../../ui/Dialog";
import { Button, Stack, Text, Title } from "../../ui/kit";
import { Card, Facts, Page, Secret } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Status, Time, type Tone } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { WebhookState } from "./WebhooksPage";

type Webhook = Schema["Webhook"];
type Delivery = Schema["WebhookDelivery"];
const tones: Record<Delivery["state"], Tone> = { pending: "busy", delivered: "good", failed: "bad" };
const everyMs = 5_000; // what is being tried again is no event

function Attempts({ delivery, close }: { delivery: Delivery; close: () => void }) {
    const t = useT();
    const format = useFormat();
    return (
        <Dialog title={t("webhook.attempts")} close={close} size="lg">
            <Stack>
                {delivery.log.length === 0 && <Text size="sm">{t("webhook.attempts.none")}</Text>}
                {delivery.log.map((one) => (
                    <Card key={one.at}>
                        <Facts
                            rows={[
                                [t("when"), format.exact(one.at)],
                                [t("answer"), one.status === null ? (one.error ?? "–") : `${one.status} · ${one.duration_ms} ms`],
                            ]}
                        />
                        {one.response && (
                            <pre className="code" tabIndex={0}>
                                {one.response}
                            </pre>
                        )}
                    </Card>
                ))}
            </Stack>
        </Dialog>
    );
}

function Deliveries({ id }: { id: string }) {
    const t = useT();
    const word = useWord();
    const [shown, setShown] = useState<Delivery | undefined>();
    const list = useList<Delivery>(["webhooks", "deliveries", id], (cursor) => must(api.GET("/v1/webhooks/{id}/deliveries", { params: { path: { id }, query: { cursor, limit: 25 } } })), {
        every: (items) => (items?.some((one) => one.state === "pending") ? everyMs : false),
    });
    const again = useAction((delivery: string) => must(api.POST("/v1/webhook-deliveries/{id}/redeliver", { params: { path: { id: delivery } } })), { stale: ["webhooks"] });
    return (
        <>
            <Title order={2}>{t("webhook.deliveries")}</Title>
            <ProblemNote problem={again.problem} />
            <DataTable
                label={t("webhook.deliveries")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("what"), cell: (one) => word("event", one.action) },
                    { head: t("state"), cell: (one) => <Status tone={tones[one.state]}>{t(`delivery.${one.state}`)}</Status> },
                    { head: t("webhook.tries"), cell: (one) => one.attempts, kind: "number" },
                    { head: t("when"), cell: (one) => <Time at={one.created_at} /> },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) => (
                            <>
                                <Button size="compact-xs" variant="default" mr={6} onClick={() => setShown(one)}>
                                    {t("details")}
                                </Button>
                                <Button size="compact-xs" variant="default" disabled={again.busy} onClick={() => void again.run(one.id)}>
                                    {t("webhook.again")}
                                </Button>
                            </>
                        ),
                    },
                ]}
                empty={<Empty title={t("webhook.deliveries.none")} />}
            />
            {shown && <Attempts delivery={shown} close={() => setShown(undefined)} />}
        </>
    );
}

function Actions({ webhook, etag }: { webhook: Webhook; etag: string | undefined }) {
    const t = useT();
    const [, go] = useLocation();
    const [asked, setAsked] = useState<"rotate" | "delete" | undefined>();
    const close = () => setAsked(undefined);
    const path = { id: webhook.id };
    const stale = ["webhooks"];
    const test = useAction((_, key) => must(api.POST("/v1/webhooks/{id}/test", { params: { path, header: { "Idempotency-Key": key } } })), { stale, done: () => toast(t("webhook.tested")) });
    const toggle = useAction(() => must(api.PATCH("/v1/webhooks/{id}", { params: { path, header: { "If-Match": etag! } }, body: { enabled: !webhook.enabled } })), { stale });
    const rotate = useAction(() => must(api.POST("/v1/webhooks/{id}/rotate-secret", { params: { path } })), { stale });
    const remove = useAction(() => must(api.DELETE("/v1/webhooks/{id}", { params: { path } })), { stale, done: () => go("/account/webhooks") });
    return (
        <>
            <ProblemNote problem={test.problem ?? toggle.problem} />
            <Button.Group>
                <Button size="xs" variant="default" loading={test.busy} onClick={() => void test.run(undefined)}>
                    {t("webhook.test")}
                </Button>
                <Button size="xs" variant="default" loading={toggle.busy} onClick={() => void toggle.run(undefined)}>
                    {t(webhook.enabled ? "disable" : "enable")}
                </Button>
                <Button size="xs" variant="default" onClick={() => setAsked("rotate")}>
                    {t("webhook.rotate")}
                </Button>
                <Button size="xs" variant="default" onClick={() => setAsked("delete")}>
                    {t("delete")}
                </Button>
            </Button.Group>
            {rotate.output && (
                <Dialog title={t("webhook.rotate")} close={rotate.reset}>
                    <Stack>
                        <Text size="sm">{t("webhook.secret.text")}</Text>
                        <Secret text={rotate.output.secret ?? ""} />
                    </Stack>
                </Dialog>
            )}
            {asked === "rotate" && <ConfirmDialog title={t("webhook.rotate")} text={t("webhook.rotate.text")} submit={t("webhook.rotate")} run={() => rotate.run(undefined)} busy={rotate.busy} problem={rotate.problem} close={close} />}
            {asked === "delete" && (
                <ConfirmDialog title={t("webhook.delete")} text={t("webhook.delete.text")} submit={t("delete")} run={() => remove.run(undefined)} busy={remove.busy} problem={remove.problem} close={close} />
            )}
        </>
    );
}

export default function WebhookPage({ id }: { id: string }) {
    const t = useT();
    const query = useOne(["webhooks", "one", id], () => ask(api.GET("/v1/webhooks/{id}", { params: { path: { id } } })));
    return (
        <Page title={t("webhook")}>
            <Shown of={query}>
                {(webhook) => (
                    <Card title={webhook.description || t("webhook")}>
                        <Facts
                            rows={[
                                ["URL", <span className="mono">{webhook.url}</span>],
                                [t("webhook.events"), webhook.events.join(", ")],
                                [t("state"), <WebhookState webhook={webhook} />],
                                [t("created"), <Time at={webhook.created_at} />],
                            ]}
                        />
                        <Actions webhook={webhook} etag={query.etag} />
                    </Card>
                )}
            </Shown>
            <Deliveries id={id} />
        </Page>
    );
}
