import { useState } from "react";
import { useAction } from "../../api/hooks";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { ConfirmDialog, FormDialog } from "../../ui/Dialog";
import { Button, Select, SimpleGrid, Text, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { addRule, dropRule, useMaySell, useRules, type Selling, type TaxRule } from "./data";
import { meters, type Meter } from "./items";

function AddDialog({ selling, close }: { selling: Selling; close: () => void }) {
    const t = useT();
    const word = useWord();
    const [name, setName] = useState("");
    const [rate, setRate] = useState("");
    const [country, setCountry] = useState("");
    const [region, setRegion] = useState("");
    const [meter, setMeter] = useState<Meter | null>(null);
    const [from, setFrom] = useState("");
    const body = { name, rate: rate.replace(",", "."), ...(country && { country }), ...(region && { region }), ...(meter && { meter }), ...(from && { valid_from: `${from}T00:00:00Z` }) };
    const action = useAction((_, key) => addRule(selling, body, key), { stale: ["taxes", "prices"], done: close });
    return (
        <FormDialog title={t("tax.add")} close={close} submit={t("tax.add")} busy={action.busy} problem={action.problem} disabled={!name || !/^\d+([.,]\d+)?$/.test(rate)} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("tax.text")}</Text>
            <SimpleGrid cols={2}>
                <TextInput data-autofocus label={t("name")} placeholder="VAT" value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
                <TextInput label={t("tax.rate")} inputMode="decimal" value={rate} error={action.problem?.at("rate")} onChange={(e) => setRate(e.currentTarget.value.trim())} />
                <TextInput label={t("buyer.country")} description={t("tax.any")} maxLength={2} value={country} error={action.problem?.at("country")} onChange={(e) => setCountry(e.currentTarget.value.toUpperCase())} />
                <TextInput label={t("buyer.region")} description={t("tax.any")} value={region} error={action.problem?.at("region")} onChange={(e) => setRegion(e.currentTarget.value)} />
                <Select label={t("item.meter")} clearable placeholder={t("any")} data={meters.map((one) => ({ value: one, label: word("meter", one) }))} value={meter} onChange={(value) => setMeter(value as Meter | null)} clearButtonProps={{ "aria-label": t("clear") }} />
                <TextInput type="date" label={t("plan.valid")} value={from} error={action.problem?.at("valid_from")} onChange={(e) => setFrom(e.currentTarget.value)} />
            </SimpleGrid>
        </FormDialog>
    );
}

export default function TaxesPage({ selling }: { selling: Selling }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const [adding, setAdding] = useState(false);
    const [leaving, setLeaving] = useState<TaxRule | undefined>();
    const mayChange = useMaySell()(selling);
    const list = useRules(selling);
    const drop = useAction((id: string) => dropRule(selling, id), { stale: ["taxes", "prices"] });
    return (
        <Page title={t("nav.operator.taxes")} lead={t("taxes.text")} actions={mayChange && <Button onClick={() => setAdding(true)}>{t("tax.add")}</Button>}>
            <DataTable
                label={t("nav.operator.taxes")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => one.name },
                    { head: t("tax.rate"), cell: (one) => `${format.number(Number(one.rate), 3)} %`, kind: "number" },
                    { head: t("buyer.country"), cell: (one) => [one.country, one.region].filter(Boolean).join(" · ") || t("any") },
                    { head: t("item.meter"), cell: (one) => (one.meter ? word("meter", one.meter) : t("any")) },
                    { head: t("plan.valid"), cell: (one) => format.day(one.valid_from) },
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
                empty={<Empty title={t("taxes.none")} text={t("taxes.none.text")} />}
            />
            {adding && <AddDialog selling={selling} close={() => setAdding(false)} />}
            {leaving && <ConfirmDialog title={t("tax.delete")} text={t("tax.delete.text", { name: leaving.name })} submit={t("delete")} run={() => drop.run(leaving.id)} busy={drop.busy} problem={drop.problem} close={() => setLeaving(undefined)} />}
        </Page>
    );
}
