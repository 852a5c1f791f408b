// What invoices say of who sells: the operator, or a reseller.
import { Button, Group, SimpleGrid, Stack, Textarea, TextInput } from "@mantine/core";
import type { Schema } from "../api/client";
import type { Problem } from "../api/problem";
import { useT } from "../i18n";
import { Card } from "./Page";
import { ProblemNote } from "./States";

export type Seller = Schema["Seller"];

export const noSeller: Seller = { tenant_id: "", company: "", email: null, address_lines: [], postal_code: null, city: null, region: null, country: null, vat_id: null, number_prefix: "", footer: "", updated_at: "" };

export function bodyOfSeller({ tenant_id: _tenant, updated_at: _at, ...rest }: Seller) {
    return { ...rest, address_lines: rest.address_lines.map((one) => one.trim()).filter(Boolean) };
}

interface Props {
    value: Seller;
    set: (part: Partial<Seller>) => void;
    problem: Problem | undefined;
    busy: boolean;
    save?: () => void; // none: one may only look
}

export function SellerCard({ value, set, problem, busy, save }: Props) {
    const t = useT();
    const text = (name: "company" | "email" | "postal_code" | "city" | "country" | "vat_id" | "number_prefix", label: string, kept = false) => (
        <TextInput label={label} value={value[name] ?? ""} error={problem?.at(name)} onChange={(e) => set({ [name]: e.currentTarget.value || (kept ? "" : null) })} />
    );
    return (
        <Card title={t("seller")} text={t("seller.text")}>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    save?.();
                }}
            >
                <Stack>
                    <SimpleGrid cols={{ base: 1, xs: 2 }}>
                        {text("company", t("buyer.company"), true)}
                        {text("email", t("email"))}
                    </SimpleGrid>
                    <Textarea label={t("buyer.address")} autosize minRows={2} maxRows={4} value={value.address_lines.join("\n")} error={problem?.at("address_lines")} onChange={(e) => set({ address_lines: e.currentTarget.value.split("\n").slice(0, 4) })} />
                    <SimpleGrid cols={{ base: 1, xs: 2 }}>
                        {text("postal_code", t("buyer.postal"))}
                        {text("city", t("buyer.city"))}
                        {text("country", t("buyer.country"))}
                        {text("vat_id", t("buyer.vat"))}
                        {text("number_prefix", t("seller.prefix"), true)}
                    </SimpleGrid>
                    <Textarea label={t("seller.footer")} autosize minRows={2} maxRows={5} value={value.footer} error={problem?.at("footer")} onChange={(e) => set({ footer: e.currentTarget.value })} />
                    <ProblemNote problem={problem} />
                    {save && (
                        <Group justify="flex-end">
                            <Button size="xs" type="submit" loading={busy} disabled={!value.company}>
                                {t("save")}
                            </Button>
                        </Group>
                    )}
                </Stack>
            </form>
        </Card>
    );
}
