// Who invoices are made out to, as fields; for the buyer itself and for its seller.
import { SimpleGrid, Textarea, TextInput } from "@mantine/core";
import type { Schema } from "../api/client";
import type { Problem } from "../api/problem";
import { useT } from "../i18n";

export type Buyer = Pick<Schema["BillingAccount"], "company" | "contact" | "email" | "address_lines" | "postal_code" | "city" | "region" | "country" | "vat_id">;

export function buyerOf(of: Buyer): Buyer {
    const { company, contact, email, address_lines, postal_code, city, region, country, vat_id } = of;
    return { company, contact, email, address_lines, postal_code, city, region, country, vat_id };
}

const fields = [
    ["company", "buyer.company"],
    ["contact", "buyer.contact"],
    ["email", "buyer.email"],
    ["postal_code", "buyer.postal"],
    ["city", "buyer.city"],
    ["region", "buyer.region"],
    ["country", "buyer.country"],
    ["vat_id", "buyer.vat"],
] as const;

export function BuyerFields({ value, set, problem }: { value: Buyer; set: (part: Partial<Buyer>) => void; problem: Problem | undefined }) {
    const t = useT();
    const upper = (name: string, text: string) => (name === "country" || name === "vat_id" ? text.toUpperCase().replace(/[^A-Z0-9]/g, "") : text);
    const field = ([name, label]: (typeof fields)[number]) => (
        <TextInput
            key={name}
            label={t(label)}
            description={name === "country" ? t("buyer.country.text") : name === "email" ? t("buyer.email.text") : undefined}
            inputWrapperOrder={["label", "input", "description", "error"]} // fields beside each other stand at one height
            value={value[name] ?? ""}
            maxLength={name === "country" ? 2 : undefined}
            error={problem?.at(name)}
            onChange={(e) => set({ [name]: upper(name, e.currentTarget.value) || null })}
        />
    );
    return (
        <>
            <SimpleGrid cols={{ base: 1, xs: 2 }}>{fields.slice(0, 2).map(field)}</SimpleGrid>
            <Textarea label={t("buyer.address")} autosize minRows={2} maxRows={4} value={value.address_lines.join("\n")} error={problem?.at("address_lines")} onChange={(e) => set({ address_lines: e.currentTarget.value.split("\n").slice(0, 4) })} />
            <SimpleGrid cols={{ base: 1, xs: 2 }}>{[...fields.slice(3), fields[2]!].map(field)}</SimpleGrid>
        </>
    );
}

// As the API takes it: lines that are empty are none.
export const bodyOfBuyer = (of: Buyer): Buyer => ({ ...of, address_lines: of.address_lines.map((one) => one.trim()).filter(Boolean) });
