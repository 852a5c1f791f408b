// Prices and taxes of a seller: the operator's, or a reseller's own.
import { api, ask, must, type Schema } from "../../api/client";
import { useList, useOne } from "../../api/hooks";
import { session } from "../../api/session";
import { useStore } from "../../api/store";
import { usePlans, useLocations } from "../../api/nouns";
import { useMay } from "../../roles";

export type Book = Schema["PriceBook"];
export type Version = Schema["PriceBookVersion"];
export type Item = Schema["PriceItem"];
export type ItemSet = Schema["PriceItemSet"];
export type TaxRule = Schema["TaxRule"];

export interface Selling {
    staff: boolean;
    base: string;
}
export const asStaff: Selling = { staff: true, base: "/operator/prices" };
export const asReseller: Selling = { staff: false, base: "/reselling/prices" };

// Whether one may change them: others of a reseller only see them.
export function useMaySell(): (selling: Selling) => boolean {
    const may = useMay();
    return ({ staff }) => staff || may("catalogue:write");
}

const limit = 50;

export const useBooks = ({ staff }: Selling) =>
    useList<Book>(["prices", "books", staff], (cursor) => {
        const params = { query: { limit, cursor } };
        return must(staff ? api.GET("/v1/admin/price-books", { params }) : api.GET("/v1/price-books", { params }));
    });

// A list that holds from now on does so from the next second.
const soon = (book: Book | undefined) => (book?.next && Date.parse(book.next.valid_from) < Date.now() + 60_000 ? 1_000 : false);

export const useBook = ({ staff }: Selling, id: string) =>
    useOne<Book>(["prices", "book", id], () => ask(staff ? api.GET("/v1/admin/price-books/{id}", { params: { path: { id } } }) : api.GET("/v1/price-books/{id}", { params: { path: { id } } })), { every: soon });

export const useVersions = ({ staff }: Selling, id: string) =>
    useList<Version>(["prices", "versions", id], (cursor) => {
        const params = { path: { id }, query: { limit, cursor } };
        return must(staff ? api.GET("/v1/admin/price-books/{id}/versions", { params }) : api.GET("/v1/price-books/{id}/versions", { params }));
    });

export const useRules = ({ staff }: Selling) =>
    useList<TaxRule>(["taxes", "list", staff], (cursor) => {
        const params = { query: { limit, cursor } };
        return must(staff ? api.GET("/v1/admin/tax-rules", { params }) : api.GET("/v1/tax-rules", { params }));
    });

export const addBook = ({ staff }: Selling, body: Schema["PriceBookCreate"], key: string) => {
    const params = { header: { "Idempotency-Key": key } };
    return must(staff ? api.POST("/v1/admin/price-books", { params, body }) : api.POST("/v1/price-books", { params, body }));
};

export const addVersion = ({ staff }: Selling, id: string, body: Schema["PriceBookVersionCreate"], key: string) => {
    const params = { path: { id }, header: { "Idempotency-Key": key } };
    return must(staff ? api.POST("/v1/admin/price-books/{id}/versions", { params, body }) : api.POST("/v1/price-books/{id}/versions", { params, body }));
};

export const dropVersion = ({ staff }: Selling, id: string) => must(staff ? api.DELETE("/v1/admin/price-book-versions/{id}", { params: { path: { id } } }) : api.DELETE("/v1/price-book-versions/{id}", { params: { path: { id } } }));

export const addRule = ({ staff }: Selling, body: Schema["TaxRuleCreate"], key: string) => {
    const params = { header: { "Idempotency-Key": key } };
    return must(staff ? api.POST("/v1/admin/tax-rules", { params, body }) : api.POST("/v1/tax-rules", { params, body }));
};

export const dropRule = ({ staff }: Selling, id: string) => must(staff ? api.DELETE("/v1/admin/tax-rules/{id}", { params: { path: { id } } }) : api.DELETE("/v1/tax-rules/{id}", { params: { path: { id } } }));

// What prices may be of: what the seller sees of the catalogue.
export function useThings() {
    const tenant = useStore(session).tenant;
    const plans = usePlans();
    const locations = useLocations();
    return { tenant, plans: plans.value?.items ?? [], locations: locations.value?.items ?? [], problem: plans.error ?? locations.error ?? undefined };
}
