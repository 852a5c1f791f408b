// One invoice: what it asks for, line by line, each of which leads to what it was measured from; as a file; and paid from here.
import { useState } from "react";
import { Link } from "wouter";
import { api, ask, save } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { InvoiceView, useInvoiceName } from "../../ui/Invoices";
import { Alert, Button, Text } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { ProblemNote, Shown } from "../../ui/States";
import { PayDialog } from "./PayDialog";

export default function InvoicePage({ id }: { id: string }) {
    const t = useT();
    const may = useMay();
    const name = useInvoiceName();
    const [paying, setPaying] = useState(false);
    const params = { path: { id } };
    const query = useOne(["billing", "invoice", id], () => ask(api.GET("/v1/invoices/{id}", { params })));
    const pdf = useAction((number: string) => save(api.GET("/v1/invoices/{id}/pdf", { params, parseAs: "blob" }), `${number}.pdf`));
    const html = useAction((number: string) => save(api.GET("/v1/invoices/{id}/html", { params, parseAs: "blob" }), `${number}.html`));
    return (
        <Shown of={query} title={t("invoice")}>
            {(invoice) => (
                <Page
                    title={`${t(invoice.kind === "credit_note" ? "invoice.note" : "invoice")} ${name(invoice)}`}
                    lead={<Link href="/billing/invoices">{t("nav.invoices")}</Link>}
                    actions={
                        <>
                            <Button variant="default" loading={html.busy} onClick={() => void html.run(name(invoice))}>
                                HTML
                            </Button>
                            <Button variant="default" loading={pdf.busy} onClick={() => void pdf.run(name(invoice))}>
                                PDF
                            </Button>
                            {may("billing:write") && invoice.kind === "invoice" && invoice.state === "final" && <Button onClick={() => setPaying(true)}>{t("pay")}</Button>}
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
                    <InvoiceView of={invoice} charge={(line) => (line.charge_id ? `/billing/charges/${line.charge_id}` : undefined)} />
                    {paying && <PayDialog amount={invoice.open} currency={invoice.currency} invoice={invoice.id} close={() => setPaying(false)} />}
                </Page>
            )}
        </Shown>
    );
}
