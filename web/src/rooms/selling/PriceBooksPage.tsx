import { useState } from "react";
import { Link, useLocation } from "wouter";
import { useAction } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { FormDialog } from "../../ui/Dialog";
import { Button, Text, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { addBook, useBooks, useMaySell, type Selling, type Version } from "./data";

function CreateDialog({ selling, close }: { selling: Selling; close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [name, setName] = useState("");
    const [currency, setCurrency] = useState("EUR");
    const action = useAction((_, key) => addBook(selling, { name, currency }, key), { stale: ["prices"], done: (made) => go(`${selling.base}/${made.id}`) });
    return (
        <FormDialog title={t("book.create")} close={close} submit={t("book.create")} busy={action.busy} problem={action.problem} disabled={!name || currency.length !== 3} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("name")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
            <TextInput label={t("plan.currency")} maxLength={3} value={currency} error={action.problem?.at("currency")} onChange={(e) => setCurrency(e.currentTarget.value.toUpperCase())} />
        </FormDialog>
    );
}

export default function PriceBooksPage({ selling }: { selling: Selling }) {
    const t = useT();
    const format = useFormat();
    const [making, setMaking] = useState(false);
    const maySell = useMaySell();
    const list = useBooks(selling);
    const version = (of: Version | null) => (of ? t("book.version.of", { number: of.number, day: format.day(of.valid_from), count: of.items.length }) : "–");
    return (
        <Page title={t("nav.operator.prices")} lead={t("books.text")} actions={maySell(selling) && <Button onClick={() => setMaking(true)}>{t("book.create")}</Button>}>
            <DataTable
                label={t("nav.operator.prices")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => <Link href={`${selling.base}/${one.id}`}>{one.name}</Link> },
                    { head: t("plan.currency"), cell: (one) => one.currency },
                    { head: t("book.now"), cell: (one) => <Text size="sm">{version(one.now)}</Text> },
                    { head: t("book.next"), cell: (one) => <Text size="sm">{version(one.next)}</Text> },
                ]}
                empty={<Empty title={t("books.none")} text={t("books.none.text")} />}
            />
            {making && <CreateDialog selling={selling} close={() => setMaking(false)} />}
        </Page>
    );
}
