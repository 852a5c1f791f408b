// What one tenant below has paid to the reseller: written down here, and given back from here.
import { useState } from "react";
import { Link } from "wouter";
import { api, must } from "../../api/client";
import { useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { DataTable } from "../../ui/DataTable";
import { Button, Title } from "../../ui/kit";
import { PaymentState, refundable, RefundDialog, type Payment } from "../../ui/Refund";
import { Empty } from "../../ui/States";
import { Time } from "../../ui/Status";

export function CustomerPayments({ id }: { id: string }) {
    const t = useT();
    const format = useFormat();
    const may = useMay();
    const [refunding, setRefunding] = useState<Payment | undefined>();
    const list = useList<Payment>(["billing", "below", id, "payments"], (cursor) => must(api.GET("/v1/tenants/{id}/payments", { params: { path: { id }, query: { limit: 20, cursor } } })));
    return (
        <>
            <Title order={2}>{t("payments")}</Title>
            <DataTable
                label={t("payments")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("payment.reference"), cell: (one) => <span className="mono">{one.reference ?? "–"}</span> },
                    { head: t("state"), cell: (one) => <PaymentState of={one} /> },
                    { head: t("payment.for"), cell: (one) => (one.invoice_id ? <Link href={`/billing/invoices/${one.invoice_id}`}>{t("invoice")}</Link> : t("balance")) },
                    { head: t("when"), cell: (one) => <Time at={one.settled_at ?? one.created_at} />, kind: "fit" },
                    { head: t("amount"), cell: (one) => format.money(one.amount, one.currency), kind: "number" },
                    {
                        head: "",
                        kind: "actions",
                        cell: (one) =>
                            may("billing:give") && refundable(one) ? (
                                <Button size="compact-xs" variant="default" onClick={() => setRefunding(one)}>
                                    {t("payment.refund")}
                                </Button>
                            ) : null,
                    },
                ]}
                empty={<Empty title={t("payments.none")} text={t("payments.below.none")} />}
            />
            {refunding && (
                <RefundDialog
                    payment={refunding}
                    order={(body, key) => must(api.POST("/v1/payments/{id}/refund", { params: { path: { id: refunding.id }, header: { "Idempotency-Key": key } }, body }))}
                    close={() => setRefunding(undefined)}
                />
            )}
        </>
    );
}
