import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, must, type Schema } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { DataTable } from "../../ui/DataTable";
import { Dialog, FormDialog } from "../../ui/Dialog";
import { Button, Stack, TagsInput, Text, TextInput } from "../../ui/kit";
import { Page, Secret } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Status } from "../../ui/Status";

type Webhook = Schema["Webhook"];

export function WebhookState({ webhook }: { webhook: Webhook }) {
    const t = useT();
    if (!webhook.enabled) {
        return <Status tone="bad">{webhook.disabled_reason ?? t("off")}</Status>;
    }
    return webhook.failing_since ? <Status tone="warn">{t("webhook.failing")}</Status> : <Status tone="good">{t("on")}</Status>;
}

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [url, setUrl] = useState("https://");
    const [description, setDescription] = useState("");
    const [events, setEvents] = useState(["*"]);
    const body = { url, events, ...(description && { description }) };
    const action = useAction((_, key) => must(api.POST("/v1/webhooks", { params: { header: { "Idempotency-Key": key } }, body })), { stale: ["webhooks"] });
    if (action.output) {
        const made = action.output;
        return (
            <Dialog title={t("webhook.made")} close={() => go(`/account/webhooks/${made.id}`)}>
                <Stack>
                    <Text size="sm">{t("webhook.secret.text")}</Text>
                    <Secret text={made.secret ?? ""} />
                    <Button onClick={() => go(`/account/webhooks/${made.id}`)}>{t("done")}</Button>
                </Stack>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t("webhook.create")} close={close} submit={t("webhook.create")} busy={action.busy} problem={action.problem} disabled={events.length === 0} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus type="url" label="URL" value={url} error={action.problem?.at("url")} onChange={(e) => setUrl(e.currentTarget.value.trim())} />
            <TextInput label={t("description")} value={description} error={action.problem?.at("description")} onChange={(e) => setDescription(e.currentTarget.value)} />
            <TagsInput label={t("webhook.events")} description={t("webhook.events.text")} value={events} data={["*", "vps.*", "task.*", "task.failed", "snapshot.*", "image.*"]} error={action.problem?.at("events")} onChange={setEvents} />
        </FormDialog>
    );
}

export default function WebhooksPage() {
    const t = useT();
    const [making, setMaking] = useState(false);
    const list = useList<Webhook>(["webhooks", "list"], (cursor) => must(api.GET("/v1/webhooks", { params: { query: { cursor } } })));
    return (
        <Page title={t("nav.webhooks")} lead={t("webhooks.text")} actions={<Button onClick={() => setMaking(true)}>{t("webhook.create")}</Button>}>
            <DataTable
                label={t("nav.webhooks")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: "URL", cell: (one) => <Link href={`/account/webhooks/${one.id}`}>{one.url}</Link> },
                    { head: t("description"), cell: (one) => one.description || "–" },
                    { head: t("webhook.events"), cell: (one) => one.events.join(", ") },
                    { head: t("state"), cell: (one) => <WebhookState webhook={one} /> },
                ]}
                empty={<Empty title={t("webhooks.none")} text={t("webhooks.none.text")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
        </Page>
    );
}
