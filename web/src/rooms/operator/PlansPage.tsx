import { useState } from "react";
import { Link, useLocation } from "wouter";
import { api, must } from "../../api/client";
import { useAction, useList } from "../../api/hooks";
import type { Plan } from "../../api/nouns";
import { useT } from "../../i18n";
import { useFormat } from "../../i18n/format";
import { DataTable } from "../../ui/DataTable";
import { FormDialog } from "../../ui/Dialog";
import { Button, SimpleGrid, Switch, TextInput } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { Empty } from "../../ui/States";
import { Status } from "../../ui/Status";
import { newTerms, PlanFields, type Terms } from "./PlanFields";

function CreateDialog({ close }: { close: () => void }) {
    const t = useT();
    const [, go] = useLocation();
    const [name, setName] = useState("");
    const [title, setTitle] = useState("");
    const [terms, setTerms] = useState<Terms>(newTerms);
    const [visible, setVisible] = useState(true);
    const body = { name, title: title || name, ...terms, public: visible };
    const action = useAction((_, key) => must(api.POST("/v1/admin/plans", { params: { header: { "Idempotency-Key": key } }, body })), { stale: ["plans"], done: (made) => go(`/operator/plans/${made.id}`) });
    return (
        <FormDialog title={t("plan.create")} close={close} size="lg" submit={t("plan.create")} busy={action.busy} problem={action.problem} disabled={!name} onSubmit={() => void action.run(undefined)}>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>
                <TextInput data-autofocus label={t("name")} description={t("name.rule")} value={name} error={action.problem?.at("name")} onChange={(e) => setName(e.currentTarget.value)} />
                <TextInput label={t("title")} description={t("title.text")} value={title} error={action.problem?.at("title")} onChange={(e) => setTitle(e.currentTarget.value)} />
            </SimpleGrid>
            <PlanFields value={terms} set={(part) => setTerms({ ...terms, ...part })} problem={action.problem} />
            <Switch label={t("plan.public")} checked={visible} onChange={(e) => setVisible(e.currentTarget.checked)} />
        </FormDialog>
    );
}

export default function PlansPage() {
    const t = useT();
    const format = useFormat();
    const [making, setMaking] = useState(false);
    const list = useList<Plan>(["plans", "admin"], (cursor) => must(api.GET("/v1/admin/plans", { params: { query: { limit: 50, cursor } } })));
    return (
        <Page title={t("nav.operator.plans")} actions={<Button onClick={() => setMaking(true)}>{t("plan.create")}</Button>}>
            <DataTable
                label={t("nav.operator.plans")}
                list={list}
                id={(one) => one.id}
                columns={[
                    { head: t("name"), cell: (one) => <Link href={`/operator/plans/${one.id}`}>{one.title}</Link> },
                    { head: t("size"), cell: (one) => t("size.of", { vcpus: one.vcpus, memory: format.bytes(one.memory_bytes), disk: format.bytes(one.disk_bytes) }) },
                    { head: t("price"), cell: (one) => t("price.month", { price: format.money(one.price_month, one.currency) }) },
                    { head: t("plan.version"), cell: (one) => one.number, kind: "number" },
                    { head: t("state"), cell: (one) => <Status tone={one.active ? "good" : "idle"}>{t(one.active ? (one.public ? "plan.sold" : "plan.private") : "plan.unsold")}</Status> },
                ]}
                empty={<Empty title={t("plans.none")} text={t("plans.none.text")} />}
            />
            {making && <CreateDialog close={() => setMaking(false)} />}
        </Page>
    );
}
