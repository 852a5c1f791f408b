// One list of prices: what holds, what will, and the next one beside what it changes.
import { useState } from "react";
import { Link } from "wouter";
import { useAction } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable, still } from "../../ui/DataTable";
import { ConfirmDialog } from "../../ui/Dialog";
import { Button, Group, Stack, Text, TextInput, Title } from "../../ui/kit";
import { Card, Page } from "../../ui/Page";
import { Empty, ProblemNote, Shown } from "../../ui/States";
import { Status, type Tone } from "../../ui/Status";
import { toast } from "../../ui/Toasts";
import { addVersion, dropVersion, useBook, useMaySell, useThings, useVersions, type Book, type Selling, type Version } from "./data";
import { ItemFields, useItemText } from "./ItemFields";
import { changesOf, draftOf, itemOf, type Change, type Draft } from "./items";

const tones: Record<Change["kind"], Tone> = { added: "good", changed: "warn", removed: "bad" };

function Changes({ of, currency }: { of: Change[]; currency: string }) {
    const t = useT();
    const text = useItemText(currency);
    return (
        <DataTable
            label={t("book.changes")}
            list={still(of)}
            id={(one) => one.id}
            columns={[
                { head: t("state"), cell: (one) => <Status tone={tones[one.kind]}>{t(`change.${one.kind}`)}</Status> },
                { head: t("invoice.what"), cell: (one) => text.of((one.after ?? one.before)!) },
                { head: t("change.before"), cell: (one) => (one.before ? text.price(one.before) : "–") },
                { head: t("change.after"), cell: (one) => (one.after ? text.price(one.after) : "–") },
            ]}
            empty={<Empty title={t("book.nochange")} />}
        />
    );
}

function Editor({ selling, book, close }: { selling: Selling; book: Book; close: () => void }) {
    const t = useT();
    const now = (book.now?.items ?? []).map(draftOf);
    const { problem } = useThings(); // without them there is nothing to choose from
    const [items, setItems] = useState<Draft[]>((book.next ?? book.now)?.items.map(draftOf) ?? []);
    const [from, setFrom] = useState("");
    const body = { items: items.map(itemOf), ...(from && { valid_from: `${from}T00:00:00Z` }) };
    const action = useAction((_, key) => addVersion(selling, book.id, body, key), {
        stale: ["prices", "plans"],
        done: () => {
            toast(t("book.made"));
            close();
        },
    });
    const set = (at: number, part: Partial<Draft>) => setItems(items.map((one, index) => (index === at ? { ...one, ...part } : one)));
    return (
        <Card title={t("book.version.add")} text={t("book.version.text")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void action.run(undefined);
                }}
            >
                <Stack>
                    <TextInput type="date" size="xs" maw={220} label={t("plan.valid")} description={t("book.from.text")} value={from} error={action.problem?.at("valid_from")} onChange={(e) => setFrom(e.currentTarget.value)} />
                    <Stack gap="xs" role="list">
                        {items.map((one, at) => (
                            <ItemFields key={at} item={one} at={at} set={(part) => set(at, part)} remove={() => setItems(items.filter((_, index) => index !== at))} problem={action.problem} />
                        ))}
                    </Stack>
                    <Group>
                        <Button size="xs" variant="default" onClick={() => setItems([...items, { meter: "plan", plan_id: null, location_id: null, values: {} }])}>
                            {t("item.add")}
                        </Button>
                    </Group>
                    <Text size="sm" fw={600}>
                        {t("book.changes")}
                    </Text>
                    <Changes of={changesOf(now, items)} currency={book.currency} />
                    <ProblemNote problem={action.problem ?? problem} />
                    <Group justify="flex-end">
                        <Button size="xs" variant="default" onClick={close}>
                            {t("cancel")}
                        </Button>
                        <Button size="xs" type="submit" loading={action.busy}>
                            {t("book.version.save")}
                        </Button>
                    </Group>
                </Stack>
            </form>
        </Card>
    );
}

function Items({ of, currency }: { of: Version; currency: string }) {
    const t = useT();
    const text = useItemText(currency);
    return (
        <DataTable
            label={t("book.items")}
            list={still(of.items.map(draftOf))}
            id={(one) => `${one.meter}/${one.plan_id}/${one.location_id}`}
            columns={[
                { head: t("invoice.what"), cell: (one) => text.of(one) },
                { head: t("price"), cell: (one) => text.price(one) },
            ]}
            empty={<Empty title={t("book.empty")} />}
        />
    );
}

export default function PriceBookPage({ selling, id }: { selling: Selling; id: string }) {
    const t = useT();
    const format = useFormat();
    const [editing, setEditing] = useState(false);
    const [leaving, setLeaving] = useState<Version | undefined>();
    const mayChange = useMaySell()(selling);
    const query = useBook(selling, id);
    const versions = useVersions(selling, id);
    const drop = useAction((version: string) => dropVersion(selling, version), { stale: ["prices"] });
    return (
        <Shown of={query} title={t("nav.operator.prices")}>
            {(book) => (
                <Page title={`${book.name} · ${book.currency}`} lead={<Link href={selling.base}>{t("nav.operator.prices")}</Link>} actions={mayChange && !editing && <Button onClick={() => setEditing(true)}>{t("book.version.add")}</Button>}>
                    {editing && <Editor selling={selling} book={book} close={() => setEditing(false)} />}
                    {!editing && (
                        <>
                            <Title order={2}>{t("book.now")}</Title>
                            {book.now ? <Items of={book.now} currency={book.currency} /> : <Text size="sm">{t("book.nothing")}</Text>}
                            {book.next && (
                                <>
                                    <Title order={2}>{t("book.from", { day: format.day(book.next.valid_from) })}</Title>
                                    <Changes of={changesOf((book.now?.items ?? []).map(draftOf), book.next.items.map(draftOf))} currency={book.currency} />
                                </>
                            )}
                        </>
                    )}
                    <Title order={2}>{t("plan.versions")}</Title>
                    <DataTable
                        label={t("plan.versions")}
                        list={versions}
                        id={(one) => one.id}
                        columns={[
                            { head: t("plan.version"), cell: (one) => one.number },
                            { head: t("plan.valid"), cell: (one) => format.day(one.valid_from) },
                            { head: t("book.items"), cell: (one) => format.number(one.items.length), kind: "number" },
                            {
                                head: "",
                                kind: "actions",
                                cell: (one) =>
                                    mayChange && Date.parse(one.valid_from) > Date.now() ? (
                                        <Button size="compact-xs" variant="default" onClick={() => setLeaving(one)}>
                                            {t("delete")}
                                        </Button>
                                    ) : null,
                            },
                        ]}
                        empty={<Empty title={t("book.nothing")} text={t("book.nothing.text")} />}
                    />
                    {leaving && <ConfirmDialog title={t("book.version.delete")} text={t("book.version.delete.text", { number: leaving.number, day: format.day(leaving.valid_from) })} submit={t("delete")} run={() => drop.run(leaving.id)} busy={drop.busy} problem={drop.problem} close={() => setLeaving(undefined)} />}
                </Page>
            )}
        </Shown>
    );
}
