// What takes an invoice back, with the reason that its buyer is told; the same for the operator and for a reseller.
import { useState } from "react";
import { useAction } from "../api/hooks";
import { useT } from "../i18n";
import { ConfirmDialog } from "./Dialog";
import { Textarea } from "./kit";

export const invoicesStale = ["billing", "month-ends"];

export function InvoiceOrderDialog({ number, what, order, close }: { number: string; what: "void" | "note"; order: (reason: string, key: string) => Promise<unknown>; close: () => void }) {
    const t = useT();
    const [reason, setReason] = useState("");
    const action = useAction((_, key) => order(reason, key), { stale: invoicesStale });
    return (
        <ConfirmDialog title={t(`invoice.${what}.order`)} text={t(`invoice.${what}.text`)} submit={t(`invoice.${what}.order`)} name={number} ready={reason !== ""} run={() => action.run(undefined)} busy={action.busy} problem={action.problem} close={close}>
            <Textarea data-autofocus label={t("reason")} description={t("reason.shown")} value={reason} error={action.problem?.at("reason")} onChange={(e) => setReason(e.currentTarget.value)} />
        </ConfirmDialog>
    );
}
