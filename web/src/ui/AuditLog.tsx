// The log as a list: who did what, from where; what was before and after, when asked for.
import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { useSearchParams } from "wouter";
import type { Schema } from "../api/client";
import type { List } from "../api/hooks";
import { useT, useWord } from "../i18n";
import { useFormat } from "../i18n/format";
import { DataTable } from "./DataTable";
import { Dialog } from "./Dialog";
import { Facts } from "./Page";
import { Empty } from "./States";
import { Time } from "./Status";

type Event = Schema["Event"];

const action = /^[a-z_]+\.[a-z_]+$/;

export function useAuditFilter() {
    const [params, setParams] = useSearchParams();
    const text = params.get("action") ?? "";
    const set = (value: string) => setParams(value ? { action: value } : {}, { replace: true });
    return { text, set, values: action.test(text) ? { action: text } : {} };
}

function Details({ event, actor, close }: { event: Event; actor: string; close: () => void }) {
    const t = useT();
    const format = useFormat();
    return (
        <Dialog title={event.action} close={close} size="lg">
            <Stack>
                <Facts
                    rows={[
                        [t("when"), format.exact(event.ts)],
                        [t("who"), actor],
                        [t("from"), event.peer ?? "–"],
                        [t("about"), `${event.subject_type ?? "–"} ${event.subject_id ?? ""}`],
                        [t("request"), event.request_id ?? "–"],
                    ]}
                />
                <pre className="code" tabIndex={0}>
                    {JSON.stringify({ actor: event.actor, data: event.data }, null, 2)}
                </pre>
            </Stack>
        </Dialog>
    );
}

interface Props {
    list: List<Event>;
    filter: ReturnType<typeof useAuditFilter>;
    actor: (actor: Record<string, unknown>) => string;
}

export function AuditLog({ list, filter, actor }: Props) {
    const t = useT();
    const word = useWord();
    const [shown, setShown] = useState<Event | undefined>();
    const [text, setText] = useState(filter.text);
    useEffect(() => {
        const timer = setTimeout(() => text !== filter.text && filter.set(text), 300);
        return () => clearTimeout(timer);
    }, [text, filter]);
    return (
        <Stack>
            <Group align="flex-end" gap="xs">
                <TextInput size="xs" label={t("audit.action")} placeholder="vps.created" value={text} onChange={(e) => setText(e.currentTarget.value.trim())} error={text && !action.test(text) ? t("audit.action.rule") : undefined} />
            </Group>
            <DataTable
                label={t("nav.audit")}
                list={list}
                id={(event) => String(event.id)}
                columns={[
                    {
                        head: t("what"),
                        cell: (event) => (
                            <div>
                                <Text size="sm">{word("event", event.action)}</Text>
                                <span className="mono">{event.action}</span>
                            </div>
                        ),
                    },
                    { head: t("who"), cell: (event) => actor(event.actor) },
                    { head: t("from"), cell: (event) => <span className="mono">{event.peer ?? "–"}</span> },
                    { head: t("when"), cell: (event) => <Time at={event.ts} />, kind: "fit" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (event) => (
                            <Button size="compact-xs" variant="default" onClick={() => setShown(event)}>
                                {t("details")}
                            </Button>
                        ),
                    },
                ]}
                empty={<Empty title={t("events.none")} />}
            />
            {shown && <Details event={shown} actor={actor(shown.actor)} close={() => setShown(undefined)} />}
        </Stack>
    );
}
