import { AuditLog } from "../../ui/AuditLog";
import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useActor } from "../../api/nouns";
import { useT } from "../../i18n";
import { Page } from "../../ui/Page";
import { useAuditFilter } from "../../ui/AuditLog";

export default function AuditPage() {
    const t = useT();
    const actor = useActor();
    const filter = useAuditFilter();
    const list = useList<Schema["Event"]>(["events", "own", filter.values], (cursor) => must(api.GET("/v1/events", { params: { query: { ...filter.values, limit: 50, cursor } } })));
    return (
        <Page title={t("nav.audit")} lead={t("audit.text")}>
            <AuditLog list={list} filter={filter} actor={actor} />
        </Page>
    );
}
