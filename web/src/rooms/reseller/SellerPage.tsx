// How a reseller sells: what its invoices say of it, and codes.
import { useState } from "react";
import { api, ask, must } from "../../api/client";
import { useAction, useList, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { useMay } from "../../roles";
import { Page } from "../../ui/Page";
import { Promotions, type Promotion } from "../../ui/Promotions";
import { bodyOfSeller, noSeller, SellerCard, type Seller } from "../../ui/SellerCard";
import { Shown } from "../../ui/States";
import { toast } from "../../ui/Toasts";

function SellerForm({ seller, etag }: { seller: Seller; etag: string | undefined }) {
    const t = useT();
    const may = useMay();
    const [draft, setDraft] = useState(seller);
    const action = useAction(() => must(api.PUT("/v1/billing/seller", { params: { header: { "If-Match": etag as string } }, body: bodyOfSeller(draft) })), { stale: ["selling"], done: () => toast(t("saved")) });
    return <SellerCard value={draft} set={(part) => setDraft({ ...draft, ...part })} problem={action.problem} busy={action.busy} save={may("billing:give") ? () => void action.run(undefined) : undefined} />;
}

function Codes() {
    const may = useMay();
    const list = useList<Promotion>(["selling", "own", "promotions"], (cursor) => must(api.GET("/v1/promotions", { params: { query: { limit: 50, cursor } } })));
    return (
        <Promotions
            list={list}
            add={may("billing:give") ? (body, key) => must(api.POST("/v1/promotions", { params: { header: { "Idempotency-Key": key } }, body })) : undefined}
            change={(one) => must(api.PATCH("/v1/promotions/{id}", { params: { path: { id: one.id }, header: { "If-Match": "*" } }, body: { active: !one.active } }))}
        />
    );
}

export default function SellerPage() {
    const t = useT();
    const query = useOne(["selling", "own"], () => ask(api.GET("/v1/billing/seller")));
    return (
        <Page title={t("nav.operator.selling")}>
            {query.error?.status === 404 ? <SellerForm seller={noSeller} etag={undefined} /> : <Shown of={query}>{(seller) => <SellerForm seller={seller} etag={query.etag} />}</Shown>}
            <Codes />
        </Page>
    );
}
