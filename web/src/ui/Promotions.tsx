// Codes that a seller gives away, the operator's or a reseller's: each becomes a credit of who redeems it.
import { useState } from "react";
import type { Schema } from "../api/client";
import { useAction, type List } from "../api/hooks";
import { useT } from "../i18n";
import { useFormat } from "../i18n/format";
import { amountOf, isAmount } from "./amount";
import { DataTable } from "./DataTable";
import { FormDialog } from "./Dialog";
import { Button, Group, NumberInput, SimpleGrid, Switch, TextInput, Title } from "./kit";
import { Empty, ProblemNote } from "./States";

export type Promotion = Schema["Promotion"];
type Add = (body: Schema["PromotionCreate"], key: string) => Promise<unknown>;
const stale = ["selling"];

function PromotionDialog({ add, close }: { add: Add; close: () => void }) {
    const t = useT();
    const [code, setCode] = useState("");
    const [sum, setSum] = useState("");
    const [currency, setCurrency] = useState("EUR");
    const [until, setUntil] = useState("");
    const [days, setDays] = useState<number | "">("");
    const [uses, setUses] = useState<number | "">("");
    const body = { code, amount: amountOf(sum), currency, ...(until && { expires_at: `${until}T00:00:00Z` }), ...(days !== "" && { credit_days: days }), ...(uses !== "" && { max_uses: uses }) };
    const action = useAction((_, key) => add(body, key), { stale, done: close });
    const count = (value: string | number) => (value === "" ? "" : Number(value));
    return (
        <FormDialog title={t("promotion.add")} close={close} submit={t("add")} busy={action.busy} problem={action.problem} disabled={code.length < 4 || !isAmount(sum)} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("credit.code")} description={t("promotion.rule")} value={code} error={action.problem?.at("code")} onChange={(e) => setCode(e.currentTarget.value.toUpperCase())} />
            <SimpleGrid cols={2}>
                <TextInput label={t("amount")} inputMode="decimal" value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
                <TextInput label={t("plan.currency")} maxLength={3} value={currency} error={action.problem?.at("currency")} onChange={(e) => setCurrency(e.currentTarget.value.toUpperCase())} />
                <NumberInput label={t("promotion.uses")} min={1} allowDecimal={false} value={uses} error={action.problem?.at("max_uses")} onChange={(value) => setUses(count(value))} />
                <NumberInput label={t("promotion.days")} min={1} allowDecimal={false} value={days} error={action.problem?.at("credit_days")} onChange={(value) => setDays(count(value))} />
            </SimpleGrid>
            <TextInput type="date" label={t("promotion.until")} value={until} error={action.problem?.at("expires_at")} onChange={(e) => setUntil(e.currentTarget.value)} />
        </FormDialog>
    );
}

interface Props {
    list: List<Promotion>;
    add?: Add; // none: one may only look
    change: (one: Promotion) => Promise<unknown>;
}

export function Promotions({ list, add, change }: Props) {
    const t = useT();
    const format = useFormat();
    const [adding, setAdding] = useState(false);
    const action = useAction(change, { stale });
    return (
        <>
            <Group justify="space-between">
                <Title order={2}>{t("promotions")}</Title>
                {add && (
                    <Button size="xs" variant="default" onClick={() => setAdding(true)}>
                        {t("promotion.add")}
                    </Button>
                )}
            </Group>
            <ProblemNote problem={action.problem} />
            <DataTable
                label={t("promotions")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("credit.code"), cell: (one) => <span className="mono">{one.code}</span> },
                    { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
                    { head: t("promotion.used"), cell: (one) => (one.max_uses === null ? format.number(one.uses) : t("used.of", { used: format.number(one.uses), limit: format.number(one.max_uses) })), kind: "number" },
                    { head: t("expires"), cell: (one) => (one.expires_at ? format.day(one.expires_at) : t("never")) },
                    { head: t("state"), cell: (one) => <Switch size="xs" disabled={!add} aria-label={t("promotion.active", { code: one.code })} checked={one.active} onChange={() => void action.run(one)} /> },
                ]}
                empty={<Empty title={t("promotions.none")} text={t("promotions.none.text")} />}
            />
            {adding && add && <PromotionDialog add={add} close={() => setAdding(false)} />}
        </>
    );
}
