// What a reseller's invoices say of it.
import { useState } from "react";
import { api, ask, must } from "../../api/client";
import { useAction, useOne } from "../../api/hooks";
import { useT } from "../../i18n";
import { Page } from "../../ui/Page";
import { bodyOfSeller, noSeller, SellerCard, type Seller } from "../../ui/SellerCard";
import { Shown } from "../../ui/States";
import { toast } from "../../ui/Toasts";

function SellerForm({ seller, etag }: { seller: Seller; etag: string | undefined }) {
    const t = useT();
    const [draft, setDraft] = useState(seller);
    const action = useAction(() => must(api.PUT("/v1/billing/seller", { params: { header: { "If-Match": etag as string } }, body: bodyOfSeller(draft) })), { stale: ["selling"], done: () => toast(t("saved")) });
    return <SellerCard value={draft} set={(part) => setDraft({ ...draft, ...part })} problem={action.problem} busy={action.busy} save={() => void action.run(undefined)} />;
}

export default function SellerPage() {
    const t = useT();
    const query = useOne(["selling", "own"], () => ask(api.GET("/v1/billing/seller")));
    return (
        <Page title={t("nav.operator.selling")}>
            {query.error?.status === 404 ? <SellerForm seller={noSeller} etag={undefined} /> : <Shown of={query}>{(seller) => <SellerForm seller={seller} etag={query.etag} />}</Shown>}
        </Page>
    );
}
