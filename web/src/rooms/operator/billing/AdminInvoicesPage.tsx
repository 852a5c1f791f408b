import { Link, useSearchParams } from "wouter";
import { api, must } from "../../../api/client";
import { useList } from "../../../api/hooks";
import { useT } from "../../../i18n";
import { InvoiceTable, type Invoice } from "../../../ui/Invoices";
import { Group } from "../../../ui/kit";
import { Page } from "../../../ui/Page";
import { Empty } from "../../../ui/States";
import { optionsOf, ThingFilter } from "../AllVpsPage";
import { useOperatorNames, useTenants } from "../data";

const states = ["draft", "final", "paid", "void"] as const;

export default function AdminInvoicesPage() {
    const t = useT();
    const names = useOperatorNames();
    const [params] = useSearchParams();
    const filter = { tenant_id: params.get("tenant") ?? undefined, state: states.find((one) => one === params.get("state")) };
    const list = useList<Invoice>(["billing", "admin-invoices", filter], (cursor) => must(api.GET("/v1/admin/invoices", { params: { query: { ...filter, limit: 50, cursor } } })));
    return (
        <Page title={t("nav.invoices")}>
            <Group gap="sm">
                <ThingFilter name="tenant" label={t("holder.tenant")} data={optionsOf(useTenants().value?.items)} />
                <ThingFilter name="state" label={t("state")} data={states.map((one) => ({ value: one, label: t(`invoice.${one}`) }))} />
            </Group>
            <InvoiceTable list={list} base="/operator/invoices" buyer={(one) => <Link href={`/operator/tenants/${one.tenant_id}`}>{names.tenant(one.tenant_id)}</Link>} empty={<Empty title={t("invoices.none")} text={t("invoices.admin.none")} />} />
        </Page>
    );
}
