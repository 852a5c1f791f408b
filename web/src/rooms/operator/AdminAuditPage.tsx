import { api, must, type Schema } from "../../api/client";
import { useList } from "../../api/hooks";
import { useT } from "../../i18n";
import { AuditLog, useAuditFilter } from "../../ui/AuditLog";
import { Page } from "../../ui/Page";
import { useAdminActor } from "./data";

export default function AdminAuditPage() {
    const t = useT();
    const actor = useAdminActor();
    const filter = useAuditFilter();
    const list = useList<Schema["Event"]>(["events", "admin", filter.values], (cursor) => must(api.GET("/v1/admin/events", { params: { query: { ...filter.values, limit: 50, cursor } } })));
    return (
        <Page title={t("nav.operator.audit")} lead={t("audit.text")}>
            <AuditLog list={list} filter={filter} actor={actor} />
        </Page>
    );
}
