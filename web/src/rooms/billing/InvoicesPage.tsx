import { useSearchParams } from "wouter";
import { api, must } from "../../api/client";
import { useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { InvoiceTable, type Invoice } from "../../ui/Invoices";
import { Group, SegmentedControl } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";

const states = ["final", "paid", "void"] as const;

export default function InvoicesPage() {
    const t = useT();
    const [params, setParams] = useSearchParams();
    const state = states.find((one) => one === params.get("state"));
    const list = useList<Invoice>(["billing", "invoices", state], (cursor) => must(api.GET("/v1/invoices", { params: { query: { state, limit: 50, cursor } } })));
    return (
        <Page title={t("nav.invoices")} lead={t("invoices.text")}>
            <Group>
                <SegmentedControl
                    size="xs"
                    aria-label={t("state")}
                    value={state ?? ""}
                    onChange={(value) => setParams(value ? { state: value } : {}, { replace: true })}
                    data={[{ value: "", label: t("invoices.all") }, ...states.map((one) => ({ value: one, label: t(`invoice.${one}`) }))]}
                />
            </Group>
            <InvoiceTable list={list} base="/billing/invoices" empty={<Empty title={t("invoices.none")} text={t(state ? "invoices.nomatch" : "invoices.none.text")} />} />
        </Page>
    );
}
