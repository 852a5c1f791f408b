// Bar and navigation of who is signed in.
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import { asProblem } from "../api/problem";
import { session, signOut, stopActing, switchTenant } from "../api/session";
import { useStore } from "../api/store";
import { live } from "../api/stream";
import { useT } from "../i18n";
import { useFormat } from "../i18n/format";
import { useMay, useOperator, useReseller } from "../roles";
import { Button, Menu, Select, Text } from "../ui/kit";
import { LanguageMenu, SchemeButton } from "../ui/Preferences";
import { Shell, type NavGroup } from "../ui/Shell";
import { useProblemText } from "../ui/States";
import { toast } from "../ui/Toasts";

type Room = "fleet" | "vps" | "tenants" | "users" | "plans" | "images" | "pools" | "tasks" | "audit" | "system" | "months" | "invoices" | "payments" | "prices" | "taxes" | "selling";

function useGroups(): NavGroup[] {
    const t = useT();
    const may = useMay();
    const operator = useOperator();
    const reseller = useReseller();
    const item = (path: string, label: string, exact = false) => ({ path, label, exact });
    const groups: NavGroup[] = [
        { items: [item("/", t("nav.home"), true), item("/vps", t("nav.vps")), item("/account/images", t("nav.images")), item("/account/networks", t("nav.networks"))] },
        {
            label: t("nav.account"),
            items: [
                item("/account/keys", t("keys")),
                item("/account/members", t("nav.members")),
                item("/account/tokens", t("nav.tokens")),
                ...(may("webhooks:read") ? [item("/account/webhooks", t("nav.webhooks"))] : []),
                item("/account/quotas", t("nav.quotas")),
                ...(may("events:read") ? [item("/account/audit", t("nav.audit"))] : []),
            ],
        },
    ];
    if (may("billing:read")) {
        groups.push({ label: t("nav.billing"), items: [item("/billing", t("nav.costs"), true), item("/billing/invoices", t("nav.invoices")), item("/billing/account", t("nav.payment"))] });
    }
    if (reseller) {
        groups.push({ label: t("nav.reselling"), items: [item("/reselling/customers", t("nav.customers")), item("/reselling/prices", t("nav.operator.prices")), item("/reselling/taxes", t("nav.operator.taxes")), item("/reselling/selling", t("nav.operator.selling"))] });
    }
    if (operator) {
        const of = (names: readonly Room[]) => names.map((name) => item(`/operator/${name}`, t(`nav.operator.${name}`)));
        groups.push({ label: t("nav.operator"), items: of(["fleet", "vps", "tenants", "users", "plans", "images", "pools", "tasks", "audit", "system"]) });
        groups.push({ label: t("nav.operator.billing"), items: of(["months", "invoices", "payments", "prices", "taxes", "selling"]) });
    }
    return groups;
}

function TenantChoice() {
    const t = useT();
    const say = useProblemText();
    const state = useStore(session);
    const tenants = state.session?.tenants ?? [];
    if (tenants.length < 2) {
        return (
            <Text size="sm" truncate maw={220} visibleFrom="sm">
                {state.principal?.tenant?.name}
            </Text>
        );
    }
    return (
        <Select
            aria-label={t("tenant")}
            size="xs"
            maw={200}
            allowDeselect={false}
            data={tenants.map((one) => ({ value: one.id, label: one.name }))}
            value={state.tenant ?? null}
            onChange={(id) => id && void switchTenant(id).catch((error: unknown) => toast(say(asProblem(error)).text, "bad"))}
        />
    );
}

function PersonMenu() {
    const t = useT();
    const [, go] = useLocation();
    const state = useStore(session);
    const email = state.session?.user.email ?? "";
    return (
        <Menu position="bottom-end" width={220}>
            <Menu.Target>
                <Button variant="default" size="compact-sm" aria-label={t("person.menu", { email })}>
                    {email.slice(0, 1).toUpperCase()}
                </Button>
            </Menu.Target>
            <Menu.Dropdown>
                <Menu.Label style={{ overflowWrap: "anywhere" }} c="dimmed">
                    {email}
                </Menu.Label>
                {!state.acting && <Menu.Item onClick={() => go("/account/profile")}>{t("nav.profile")}</Menu.Item>}
                <Menu.Divider />
                <Menu.Item onClick={() => (state.acting ? stopActing() : void signOut().catch(() => toast(t("signout.failed"), "bad")))}>
                    {state.acting ? t("acting.stop") : t("signout")}
                </Menu.Item>
            </Menu.Dropdown>
        </Menu>
    );
}

function ActingBanner() {
    const t = useT();
    const format = useFormat();
    const [, go] = useLocation();
    const { acting } = useStore(session);
    const stop = () => {
        stopActing();
        go(`/operator/tenants/${acting!.tenant}`);
    };
    return acting ? (
        <div className="banner" role="status">
            {t("acting", { name: acting.name, until: format.ago(acting.expires) })}
            <Button size="compact-xs" variant="white" color="dark" onClick={stop}>
                {t("acting.stop")}
            </Button>
        </div>
    ) : undefined;
}

export function Frame({ children }: { children: ReactNode }) {
    const t = useT();
    const state = useStore(live);
    const acting = useStore(session).acting !== undefined;
    const mark = state === "away" ? { text: t("live.away"), tone: "warn" } : state === "live" ? { text: t("live"), tone: "good" } : undefined;
    return (
        <Shell
            groups={useGroups()}
            banner={acting ? <ActingBanner /> : undefined}
            mark={mark}
            bar={
                <>
                    <TenantChoice />
                    <LanguageMenu />
                    <SchemeButton />
                    <PersonMenu />
                </>
            }
        >
            {children}
        </Shell>
    );
}
