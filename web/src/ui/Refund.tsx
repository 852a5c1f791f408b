// What a payment has left as balance is given back; the same for the operator and for a reseller.
import { useState } from "react";
import type { Schema } from "../api/client";
import { useAction } from "../api/hooks";
import { useT } from "../i18n";
import { amountOf, isAmount } from "./amount";
import { FormDialog } from "./Dialog";
import { Text, Textarea, TextInput } from "./kit";
import { Status, type Tone } from "./Status";

export type Payment = Schema["Payment"];
const tones: Record<Payment["state"], Tone> = { pending: "busy", succeeded: "good", failed: "bad", refunded: "idle" };

export function PaymentState({ of }: { of: Payment }) {
    const t = useT();
    return <Status tone={tones[of.state]}>{t(`payment.${of.state}`)}</Status>;
}

export const refundable = (of: Payment) => of.state === "succeeded" && Number(of.unallocated) > 0;

export function RefundDialog({ payment, order, close }: { payment: Payment; order: (body: Schema["Refund"], key: string) => Promise<unknown>; close: () => void }) {
    const t = useT();
    const [sum, setSum] = useState(payment.unallocated);
    const [reason, setReason] = useState("");
    const action = useAction((_, key) => order({ amount: amountOf(sum), reason }, key), { stale: ["billing"], done: close });
    return (
        <FormDialog title={t("payment.refund")} close={close} submit={t("payment.refund")} danger busy={action.busy} problem={action.problem} disabled={!isAmount(sum) || !reason} onSubmit={() => void action.run(undefined)}>
            <Text size="sm">{t("payment.refund.text")}</Text>
            <TextInput data-autofocus label={t("amount")} inputMode="decimal" rightSection={<Text size="sm">{payment.currency}</Text>} rightSectionWidth={52} value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
            <Textarea label={t("reason")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
        </FormDialog>
    );
}
