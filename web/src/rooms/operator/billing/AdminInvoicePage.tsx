// One invoice, and what its seller may still do with it.
import { useState } from "react";
import { Link } from "wouter";
import { api, ask, must, save } from "../../../api/client";
import { useAction, useOne } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { ConfirmDialog } from "../../../ui/Dialog";
import { InvoiceOrderDialog, invoicesStale } from "../../../ui/InvoiceOrder";
import { InvoiceView, useInvoiceName } from "../../../ui/Invoices";
import { Button } from "../../../ui/kit";
import { Page } from "../../../ui/Page";
import { ProblemNote, Shown } from "../../../ui/States";
import { toast } from "../../../ui/Toasts";
import { PaymentDialog } from "./PaymentsPage";

export default function AdminInvoicePage({ id }: { id: string }) {
    const t = useT();
    const name = useInvoiceName();
    const [asked, setAsked] = useState<"void" | "note" | "payment" | "finalise" | undefined>();
    const params = { path: { id } };
    const query = useOne(["billing", "admin-invoice", id], () => ask(api.GET("/v1/admin/invoices/{id}", { params })));
    const pdf = useAction((number: string) => save(api.GET("/v1/admin/invoices/{id}/pdf", { params, parseAs: "blob" }), `${number}.pdf`));
    const finalise = useAction(() => must(api.POST("/v1/admin/invoices/{id}/finalise", { params })), { stale: invoicesStale, done: () => toast(t("invoice.finalised")) });
    const order = (reason: string, key: string) =>
        asked === "void" ? must(api.POST("/v1/admin/invoices/{id}/void", { params, body: { reason } })) : must(api.POST("/v1/admin/invoices/{id}/credit-note", { params: { ...params, header: { "Idempotency-Key": key } }, body: { reason } }));
    const close = () => setAsked(undefined);
    return (
        <Shown of={query} title={t("invoice")}>
            {(invoice) => {
                const open = invoice.kind === "invoice" && invoice.state === "final";
                return (
                    <Page
                        title={`${t(invoice.kind === "credit_note" ? "invoice.note" : "invoice")} ${name(invoice)}`}
                        lead={<Link href={`/operator/invoices?tenant=${invoice.tenant_id}`}>{t("nav.invoices")}</Link>}
                        actions={
                            <>
                                <Button variant="default" loading={pdf.busy} onClick={() => void pdf.run(name(invoice))}>
                                    PDF
                                </Button>
                                {open && (
                                    <Button variant="default" onClick={() => setAsked("void")}>
                                        {t("invoice.void.order")}
                                    </Button>
                                )}
                                {invoice.kind === "invoice" && (invoice.state === "final" || invoice.state === "paid") && (
                                    <Button variant="default" onClick={() => setAsked("note")}>
                                        {t("invoice.note.order")}
                                    </Button>
                                )}
                                {open && <Button onClick={() => setAsked("payment")}>{t("payment.record")}</Button>}
                                {invoice.state === "draft" && (
                                    <Button onClick={() => setAsked("finalise")}>
                                        {t("invoice.finalise")}
                                    </Button>
                                )}
                            </>
                        }
                    >
                        <ProblemNote problem={pdf.problem} />
                        <InvoiceView of={invoice} />
                        {(asked === "void" || asked === "note") && <InvoiceOrderDialog number={name(invoice)} what={asked} order={order} close={close} />}
                        {asked === "finalise" && <ConfirmDialog title={t("invoice.finalise")} text={t("invoice.finalise.text")} submit={t("invoice.finalise")} run={() => finalise.run(undefined)} busy={finalise.busy} problem={finalise.problem} close={close} />}
                        {asked === "payment" && <PaymentDialog tenant={invoice.tenant_id} invoice={id} amount={invoice.open} currency={invoice.currency} close={close} />}
                    </Page>
                );
            }}
        </Shown>
    );
}
