// What the month comes to, and what of the account needs somebody.
import { Link } from "wouter";
import { api, ask } from "../../api/client";
import { useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { useMay } from "../../roles";
import { Figure } from "../../ui/Figure";
import { Alert, Anchor, SimpleGrid, Text } from "../../ui/kit";
import { Card } from "../../ui/Page";

const everyMs = 60_000;

export function SpendCard() {
    const t = useT();
    const format = useFormat();
    const may = useMay();
    const query = useOne(["billing", "costs", "now"], () => ask(api.GET("/v1/billing/costs")), { enabled: may("billing:read"), every: () => everyMs });
    const costs = query.value;
    if (!costs) {
        return null; // nothing to say, or an installation that is not billed
    }
    return (
        <Card
            title={t("home.spend")}
            actions={
                <Anchor component={Link} href="/billing" size="sm">
                    {t("details")}
                </Anchor>
            }
        >
            <SimpleGrid cols={2}>
                <Figure value={format.money(costs.net, costs.currency)} label={t("home.sofar")} />
                {costs.forecast && <Figure value={format.money(costs.forecast.net, costs.currency)} label={t("home.forecast")} />}
            </SimpleGrid>
        </Card>
    );
}

export function BillingNotices() {
    const t = useT();
    const format = useFormat();
    const may = useMay();
    const account = useOne(["billing", "account"], () => ask(api.GET("/v1/billing/account")), { enabled: may("billing:read") }).value;
    const late = useOne(["billing", "late"], () => ask(api.GET("/v1/invoices", { params: { query: { state: "final", limit: 50 } } })), { enabled: may("billing:read") });
    const overdue = late.value?.items.filter((one) => one.kind === "invoice" && one.due_at !== null && Date.parse(one.due_at) < Date.now()) ?? [];
    const prepaid = account?.terms === "prepaid" && account.prepaid_state !== "ok" ? account : undefined;
    return (
        <>
            {prepaid && (
                <Alert color={prepaid.prepaid_state === "warned" ? "orange" : "red"} variant="outline" role="alert">
                    <Text size="sm">
                        {t(`notice.prepaid.${prepaid.prepaid_state as "warned"}`, { left: format.money(prepaid.available ?? prepaid.balance, prepaid.currency) })}{" "}
                        <Link href="/billing/account">{t("pay")}</Link>
                    </Text>
                </Alert>
            )}
            {overdue.length > 0 && (
                <Alert color="orange" variant="outline" role="alert">
                    <Text size="sm">
                        {t("notice.overdue", { count: overdue.length })} <Link href="/billing/invoices?state=final">{t("nav.invoices")}</Link>
                    </Text>
                </Alert>
            )}
        </>
    );
}
