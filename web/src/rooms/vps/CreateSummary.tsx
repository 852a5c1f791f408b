// What the order would come to, said by the server without making anything.
import { useEffect, useState } from "react";
import { api, ask, type Schema } from "../../api/client";
import { useOne } from "../../api/hooks";
import { priceOf, useNames, usePrices } from "../../api/nouns";
import { useT, useWord } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { CopyButton } from "../../ui/Copy";
import { Button, Collapse, Divider, Group, Stack, Text } from "../../ui/kit";
import { Card, Facts } from "../../ui/Page";
import { Loading, ProblemNote } from "../../ui/States";
import { curlOf } from "./draft";

// What has been still for a while.
function useStill<V>(value: V, ms: number): V {
    const [still, setStill] = useState(value);
    const text = JSON.stringify(value);
    useEffect(() => {
        const timer = setTimeout(() => setStill(value), ms);
        return () => clearTimeout(timer);
    }, [text]);
    return still;
}

function Curl({ body }: { body: object }) {
    const t = useT();
    const [shown, setShown] = useState(false);
    const text = curlOf(location.origin, body);
    return (
        <Stack gap="xs">
            <Group justify="space-between">
                <Button variant="subtle" size="compact-sm" aria-expanded={shown} onClick={() => setShown(!shown)}>
                    {t("curl")}
                </Button>
                {shown && <CopyButton text={text} />}
            </Group>
            <Collapse expanded={shown}>
                <pre className="code" tabIndex={0}>
                    {text}
                </pre>
            </Collapse>
        </Stack>
    );
}

function Outcome({ of, location }: { of: Schema["DryRun"]; location: string | undefined }) {
    const t = useT();
    const word = useWord();
    const format = useFormat();
    const names = useNames();
    const prices = usePrices().value;
    const { price_month, price_hour, currency } = priceOf(prices, of.price.plan_id, location) ?? of.price;
    const left = of.quota_left.filter((one) => one.left !== null);
    const amount = (resource: string, value: number) => (resource.endsWith("_bytes") ? format.bytes(value) : format.number(value));
    return (
        <Stack gap="sm">
            <div>
                <Text size="xl" fw={700}>
                    {t("price.month", { price: format.money(price_month, currency) })}
                </Text>
                <Text size="sm" c="dimmed">
                    {t("price.hour", { price: format.money(price_hour, currency) })}
                </Text>
                {prices && Number(prices.tax_rate) > 0 && (
                    <Text size="sm" c="dimmed">
                        {t("price.tax", { name: prices.tax_name ?? t("invoice.tax"), rate: format.number(Number(prices.tax_rate), 2) })}
                    </Text>
                )}
            </div>
            <Text size="sm">{t("summary.where", { location: names.location(of.placement.location_id) })}</Text>
            <Divider />
            <Text size="sm" fw={600}>
                {t("quota.left")}
            </Text>
            {left.length > 0 ? <Facts rows={left.map((one) => [word("resource", one.resource), amount(one.resource, one.left!)])} /> : <Text size="sm">{t("quota.unlimited")}</Text>}
        </Stack>
    );
}

export function CreateSummary({ body }: { body: Schema["VpsCreate"] | undefined }) {
    const t = useT();
    const still = useStill(body, 350);
    const wanted = still && { ...still, user_data: undefined };
    const query = useOne(
        ["quotas", "dry-run", wanted],
        () => ask(api.POST("/v1/vps", { params: { query: { dry_run: true } }, body: still! })),
        { enabled: still !== undefined, keep: true },
    );
    const outcome = query.value && "price" in query.value ? query.value : undefined;
    return (
        <Card title={t("summary")}>
            {!body ? (
                <Text size="sm" c="dimmed">
                    {t("summary.wait")}
                </Text>
            ) : query.error ? (
                <ProblemNote problem={query.error} />
            ) : outcome ? (
                <Outcome of={outcome} location={still?.location_id} />
            ) : (
                <Loading rows={3} />
            )}
            {body && <Curl body={body} />}
        </Card>
    );
}
