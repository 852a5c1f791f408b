// Starts a payment at one of the seller's ways to pay; the money itself moves there.
import { useState } from "react";
import { api, ask, must } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { Choices } from "../../ui/Choices";
import { Dialog, FormDialog } from "../../ui/Dialog";
import { Button, Stack, Text, TextInput } from "../../ui/kit";
import { Facts, Secret } from "../../ui/Page";
import { Shown } from "../../ui/States";

interface Props {
    amount?: string;
    currency: string;
    invoice?: string;
    close: () => void;
}

export function PayDialog({ amount, currency, invoice, close }: Props) {
    const t = useT();
    const format = useFormat();
    const methods = useOne(["billing", "methods"], () => ask(api.GET("/v1/payment-providers")));
    const [sum, setSum] = useState(amount ?? "");
    const [chosen, setChosen] = useState<string | undefined>();
    const items = methods.value?.items ?? [];
    const method = items.find((one) => one.id === chosen) ?? (items.length === 1 ? items[0] : undefined);
    const action = useAction((_, key) => must(api.POST("/v1/payments", { params: { header: { "Idempotency-Key": key } }, body: { provider_id: method!.id, amount: sum.replace(",", "."), ...(invoice && { invoice_id: invoice }) } })), { stale: ["billing"] });
    const made = action.output;
    if (made) {
        const away = made.checkout_url?.startsWith("https://") ? made.checkout_url : undefined;
        return (
            <Dialog title={t("pay")} close={close}>
                <Stack>
                    <Facts rows={[[t("amount"), format.money(made.amount, made.currency)]]} />
                    {method?.instructions && (
                        <Text size="sm" style={{ whiteSpace: "pre-wrap" }}>
                            {method.instructions}
                        </Text>
                    )}
                    {!away && (
                        <>
                            <Text size="sm">{t("pay.reference")}</Text>
                            <Secret text={made.id} />
                        </>
                    )}
                    <Text size="sm" c="dimmed">
                        {t("pay.wait")}
                    </Text>
                    {away ? (
                        <Button component="a" href={away} rel="noreferrer">
                            {t("pay.go")}
                        </Button>
                    ) : (
                        <Button onClick={close}>{t("done")}</Button>
                    )}
                </Stack>
            </Dialog>
        );
    }
    return (
        <FormDialog title={t("pay")} close={close} submit={t("pay.start")} busy={action.busy} problem={action.problem} disabled={!method || !/^\d+([.,]\d+)?$/.test(sum)} onSubmit={() => void action.run(undefined)}>
            <TextInput data-autofocus label={t("amount")} inputMode="decimal" rightSection={<Text size="sm">{currency}</Text>} rightSectionWidth={52} value={sum} error={action.problem?.at("amount")} onChange={(e) => setSum(e.currentTarget.value.trim())} />
            <Shown of={methods}>{({ items: all }) => <Choices label={t("pay.how")} value={method?.id} set={setChosen} none={t("pay.none")} of={all.map((one) => ({ value: one.id, title: one.title, text: one.instructions }))} />}</Shown>
        </FormDialog>
    );
}
