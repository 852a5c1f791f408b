// What things cost, and what was charged: rows of the table of contents (routes.c).
#include "bodies_exports.h"
#include "bodies_prices.h"
#include "macro.h"
#include "routes_private.h"

// clang-format off
const struct route routes_billing[] = {
    {GET,    "/v1/usage", TENANT(vps, READ, ALL), .sql = SQL_BULK_USAGE, EXPORT_OF(query_bulk_usage)},
    {GET,    "/v1/admin/usage", OPERATOR(vps, READ), .sql = SQL_ADMIN_BULK_USAGE, EXPORT_OF(query_bulk_usage)},
    {GET,    "/v1/billing/export", TENANT(billing, READ, PAYERS), .sql = SQL_BILLING_EXPORT, .query = query_billing_export, .flags = ROUTE_LIST | ROUTE_CSV | ROUTE_CHARGES},
    {GET,    "/v1/admin/billing/export", OPERATOR(billing, READ), .sql = SQL_ADMIN_BILLING_EXPORT, .query = query_billing_export, .flags = ROUTE_LIST | ROUTE_CSV | ROUTE_CHARGES},
    {GET,    "/v1/prices", TENANT(catalogue, READ, ALL), .sql = SQL_PRICE_READ},
    {GET,    "/v1/billing/costs", TENANT(billing, READ, PAYERS), .sql = SQL_COST_READ, .query = query_costs},
    {GET,    "/v1/charges", TENANT(billing, READ, PAYERS), .sql = SQL_CHARGE_LIST, LIST_OF(query_charges)},
    {GET,    "/v1/charges/{id}", TENANT(billing, READ, PAYERS), .sql = SQL_CHARGE_READ},
    {GET,    "/v1/tenants/{id}/costs", TENANT(billing, READ, PAYERS), .sql = SQL_CHILD_COST_READ, .query = query_costs},
    {GET,    "/v1/admin/tenants/{id}/costs", OPERATOR(billing, READ), .sql = SQL_ADMIN_COST_READ, .query = query_costs},
    {GET,    "/v1/admin/charges", OPERATOR(billing, READ), .sql = SQL_ADMIN_CHARGE_LIST, LIST_OF(query_admin_charges)},
    {GET,    "/v1/admin/charges/{id}", OPERATOR(billing, READ), .sql = SQL_ADMIN_CHARGE_READ},

    {GET,    "/v1/price-books", TENANT(catalogue, READ, PAYERS), .sql = SQL_PRICE_BOOK_LIST, LIST},
    {POST,   "/v1/price-books", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PRICE_BOOK_CREATE, .body = body_price_book, IDEMPOTENT},
    {GET,    "/v1/price-books/{id}", TENANT(catalogue, READ, PAYERS), .sql = SQL_PRICE_BOOK_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/price-books/{id}", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PRICE_BOOK_UPDATE, .body = body_price_book_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/price-books/{id}/versions", TENANT(catalogue, READ, PAYERS), .sql = SQL_PRICE_BOOK_VERSION_LIST, LIST},
    {POST,   "/v1/price-books/{id}/versions", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PRICE_BOOK_VERSION_CREATE, .body = body_price_version, IDEMPOTENT},
    {GET,    "/v1/price-book-versions/{id}", TENANT(catalogue, READ, PAYERS), .sql = SQL_PRICE_BOOK_VERSION_READ},
    {DELETE, "/v1/price-book-versions/{id}", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_PRICE_BOOK_VERSION_DELETE},
    {GET,    "/v1/tax-rules", TENANT(catalogue, READ, PAYERS), .sql = SQL_TAX_RULE_LIST, LIST},
    {POST,   "/v1/tax-rules", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_TAX_RULE_CREATE, .body = body_tax_rule, IDEMPOTENT},
    {GET,    "/v1/tax-rules/{id}", TENANT(catalogue, READ, PAYERS), .sql = SQL_TAX_RULE_READ},
    {DELETE, "/v1/tax-rules/{id}", OWN(catalogue, WRITE, MANAGERS), .sql = SQL_TAX_RULE_DELETE},

    {GET,    "/v1/admin/price-books", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PRICE_BOOK_LIST, LIST_OF(query_sellers)},
    {POST,   "/v1/admin/price-books", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PRICE_BOOK_CREATE, .body = body_price_book, IDEMPOTENT},
    {GET,    "/v1/admin/price-books/{id}", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PRICE_BOOK_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/admin/price-books/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PRICE_BOOK_UPDATE, .body = body_price_book_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/price-books/{id}/versions", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PRICE_BOOK_VERSION_LIST, LIST},
    {POST,   "/v1/admin/price-books/{id}/versions", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PRICE_BOOK_VERSION_CREATE, .body = body_price_version, IDEMPOTENT},
    {GET,    "/v1/admin/price-book-versions/{id}", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_PRICE_BOOK_VERSION_READ},
    {DELETE, "/v1/admin/price-book-versions/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_PRICE_BOOK_VERSION_DELETE},
    {GET,    "/v1/admin/tax-rules", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_TAX_RULE_LIST, LIST_OF(query_sellers)},
    {POST,   "/v1/admin/tax-rules", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_TAX_RULE_CREATE, .body = body_tax_rule, IDEMPOTENT},
    {GET,    "/v1/admin/tax-rules/{id}", OPERATOR(catalogue, READ), .sql = SQL_ADMIN_TAX_RULE_READ},
    {DELETE, "/v1/admin/tax-rules/{id}", OPERATOR(catalogue, WRITE), .sql = SQL_ADMIN_TAX_RULE_DELETE},
};
// clang-format on

const int routes_billing_count = (int)ARRAY_LEN(routes_billing);
