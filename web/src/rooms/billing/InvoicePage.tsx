// One invoice: what it asks for, line by line, each of which leads to what it was measured from; as a file; and paid from here. One that a
// reseller has sold is finalised and taken back from here.
import { useState } from "react";
import { Link } from "wouter";
import { api, ask, must, save } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay, useSold } from "../../roles";
import { ConfirmDialog } from "../../ui/Dialog";
import { InvoiceOrderDialog, invoicesStale } from "../../ui/InvoiceOrder";
import { InvoiceView, useInvoiceName } from "../../ui/Invoices";
import { Alert, Button, Text } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";
import { toast } from "../../ui/Toasts";
import { PayDialog } from "./PayDialog";

export default function InvoicePage({ id }: { id: string }) {
    const t = useT();
    const may = useMay();
    const name = useInvoiceName();
    const sold = useSold();
    const [paying, setPaying] = useState(false);
    const [asked, setAsked] = useState<"void" | "note" | "finalise" | undefined>();
    const params = { path: { id } };
    const query = useOne(["billing", "invoice", id], () => ask(api.GET("/v1/invoices/{id}", { params })));
    const pdf = useAction((number: string) => save(api.GET("/v1/invoices/{id}/pdf", { params, parseAs: "blob" }), `${number}.pdf`));
    const html = useAction((number: string) => save(api.GET("/v1/invoices/{id}/html", { params, parseAs: "blob" }), `${number}.html`));
    const finalise = useAction(() => must(api.POST("/v1/invoices/{id}/finalise", { params })), { stale: invoicesStale, done: () => toast(t("invoice.finalised")) });
    const order = (reason: string, key: string) =>
        asked === "void" ? must(api.POST("/v1/invoices/{id}/void", { params, body: { reason } })) : must(api.POST("/v1/invoices/{id}/credit-note", { params: { ...params, header: { "Idempotency-Key": key } }, body: { reason } }));
    const close = () => setAsked(undefined);
    return (
        <Shown of={query} title={t("invoice")}>
            {(invoice) => (
                <Page
                    title={`${t(invoice.kind === "credit_note" ? "invoice.note" : "invoice")} ${name(invoice)}`}
                    lead={sold(invoice) ? <Link href={`/reselling/customers/${invoice.tenant_id}`}>{t("nav.customers")}</Link> : <Link href="/billing/invoices">{t("nav.invoices")}</Link>}
                    actions={
                        <>
                            <Button variant="default" loading={html.busy} onClick={() => void html.run(name(invoice))}>
                                HTML
                            </Button>
                            <Button variant="default" loading={pdf.busy} onClick={() => void pdf.run(name(invoice))}>
                                PDF
                            </Button>
                            {sold(invoice) && may("billing:give") && invoice.kind === "invoice" && invoice.state === "final" && (
                                <Button variant="default" onClick={() => setAsked("void")}>
                                    {t("invoice.void.order")}
                                </Button>
                            )}
                            {sold(invoice) && may("billing:give") && invoice.kind === "invoice" && (invoice.state === "final" || invoice.state === "paid") && (
                                <Button variant="default" onClick={() => setAsked("note")}>
                                    {t("invoice.note.order")}
                                </Button>
                            )}
                            {sold(invoice) && may("billing:write") && invoice.state === "draft" && (
                                <Button onClick={() => setAsked("finalise")}>
                                    {t("invoice.finalise")}
                                </Button>
                            )}
                            {!sold(invoice) && may("billing:write") && invoice.kind === "invoice" && invoice.state === "final" && <Button onClick={() => setPaying(true)}>{t("pay")}</Button>}
                        </>
                    }
                >
                    <ProblemNote problem={pdf.problem ?? html.problem} />
                    {invoice.corrects && (
                        <Alert color="blue" variant="outline">
                            <Text size="sm">
                                <Link href={`/billing/invoices/${invoice.corrects}`}>{t("invoice.corrects")}</Link>
                            </Text>
                        </Alert>
                    )}
                    <InvoiceView of={invoice} charge={(line) => (line.charge_id && !sold(invoice) ? `/billing/charges/${line.charge_id}` : undefined)} />
                    {paying && <PayDialog amount={invoice.open} currency={invoice.currency} invoice={invoice.id} close={() => setPaying(false)} />}
                    {(asked === "void" || asked === "note") && <InvoiceOrderDialog number={name(invoice)} what={asked} order={order} close={close} />}
                    {asked === "finalise" && <ConfirmDialog title={t("invoice.finalise")} text={t("invoice.finalise.text")} submit={t("invoice.finalise")} run={() => finalise.run(undefined)} busy={finalise.busy} problem={finalise.problem} close={close} />}
                </Page>
            )}
        </Shown>
    );
}
