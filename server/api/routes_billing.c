// What things cost, what was charged, asked for and paid: rows of the table of contents (routes.c).
#include "bodies_billing.h"
#include "bodies_exports.h"
#include "bodies_prices.h"
#include "macro.h"
#include "routes_private.h"
#include "steps.h"

static request_step *const invoice_html[] = {step_limit_address, step_credentials,  step_input,
                                             step_query,         step_invoice_html, NULL};
static request_step *const invoice_pdf[] = {step_limit_address, step_credentials, step_input,
                                            step_query,         step_invoice_pdf, NULL};
static request_step *const provider_create[] = {
    step_limit_address, step_credentials, step_input, step_make_payment_secret, step_query, NULL};
static request_step *const notice[] = {step_limit_address, step_input, step_notice_find,
                                       step_notice_take, NULL};

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

    {GET,    "/v1/billing/account", TENANT(billing, READ, PAYERS), .sql = SQL_BILLING_ACCOUNT_READ, .flags = ROUTE_ETAG},
    {PATCH,  "/v1/billing/account", TENANT(billing, WRITE, PAYERS), .sql = SQL_BILLING_ACCOUNT_UPDATE, .body = body_account_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/billing/ledger", TENANT(billing, READ, PAYERS), .sql = SQL_LEDGER_LIST, LIST},
    {GET,    "/v1/billing/seller", TENANT(billing, READ, PAYERS), .sql = SQL_SELLER_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/billing/seller", TENANT(billing, WRITE, MANAGERS), .sql = SQL_SELLER_SET, .body = body_seller, .flags = ROUTE_IF_MATCH_KNOWN},
    {GET,    "/v1/payment-providers", TENANT(billing, READ, PAYERS), .sql = SQL_PAYMENT_PROVIDER_LIST, LIST},
    {GET,    "/v1/invoices", TENANT(billing, READ, PAYERS), .sql = SQL_INVOICE_LIST, LIST_OF(query_invoices)},
    {GET,    "/v1/invoices/{id}", TENANT(billing, READ, PAYERS), .sql = SQL_INVOICE_READ},
    {GET,    "/v1/invoices/{id}/html", TENANT_BY(invoice_html, billing, READ, PAYERS), .sql = SQL_INVOICE_READ},
    {GET,    "/v1/invoices/{id}/pdf", TENANT_BY(invoice_pdf, billing, READ, PAYERS), .sql = SQL_INVOICE_READ},
    {POST,   "/v1/invoices/{id}/finalise", TENANT(billing, WRITE, PAYERS), .sql = SQL_CHILD_INVOICE_FINALISE},
    {POST,   "/v1/invoices/{id}/void", TENANT(billing, WRITE, MANAGERS), .sql = SQL_CHILD_INVOICE_VOID, .body = body_reason},
    {POST,   "/v1/invoices/{id}/credit-note", TENANT(billing, WRITE, MANAGERS), .sql = SQL_CHILD_CREDIT_NOTE_CREATE, .body = body_credit_note, IDEMPOTENT},
    {GET,    "/v1/payments", TENANT(billing, READ, PAYERS), .sql = SQL_PAYMENT_LIST, LIST_OF(query_payments)},
    {POST,   "/v1/payments", TENANT(billing, WRITE, PAYERS), .sql = SQL_PAYMENT_CREATE, .body = body_payment, IDEMPOTENT},
    {GET,    "/v1/payments/{id}", TENANT(billing, READ, PAYERS), .sql = SQL_PAYMENT_READ},
    {POST,   "/v1/payments/{id}/refund", TENANT(billing, WRITE, MANAGERS), .sql = SQL_CHILD_PAYMENT_REFUND, .body = body_refund, IDEMPOTENT},
    {POST,   "/v1/payment-webhooks/{id}", .steps = notice, .body = body_notice},
    {GET,    "/v1/credits", TENANT(billing, READ, PAYERS), .sql = SQL_CREDIT_LIST, LIST},
    {POST,   "/v1/credits/redeem", TENANT(billing, WRITE, PAYERS), .sql = SQL_CREDIT_REDEEM, .body = body_redeem, IDEMPOTENT},
    {GET,    "/v1/promotions", TENANT(billing, READ, PAYERS), .sql = SQL_PROMOTION_LIST, LIST},
    {POST,   "/v1/promotions", TENANT(billing, WRITE, MANAGERS), .sql = SQL_PROMOTION_CREATE, .body = body_promotion, IDEMPOTENT},
    {PATCH,  "/v1/promotions/{id}", TENANT(billing, WRITE, MANAGERS), .sql = SQL_PROMOTION_UPDATE, .body = body_promotion_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/month-ends", TENANT(billing, READ, PAYERS), .sql = SQL_CHILD_MONTH_END_LIST, LIST_OF(query_month_ends)},
    {POST,   "/v1/month-ends/{id}/approve", TENANT(billing, WRITE, PAYERS), .sql = SQL_CHILD_MONTH_END_APPROVE},
    {POST,   "/v1/month-ends/{id}/retry", TENANT(billing, WRITE, PAYERS), .sql = SQL_CHILD_MONTH_END_RETRY},
    {GET,    "/v1/tenants/{id}/billing", TENANT(billing, READ, PAYERS), .sql = SQL_CHILD_ACCOUNT_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/tenants/{id}/billing", TENANT(billing, WRITE, MANAGERS), .sql = SQL_CHILD_ACCOUNT_SET, .body = body_account, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/tenants/{id}/invoices", TENANT(billing, READ, PAYERS), .sql = SQL_CHILD_INVOICE_LIST, LIST_OF(query_invoices)},
    {GET,    "/v1/tenants/{id}/payments", TENANT(billing, READ, PAYERS), .sql = SQL_CHILD_PAYMENT_LIST, LIST_OF(query_payments)},
    {POST,   "/v1/tenants/{id}/payments", TENANT(billing, WRITE, PAYERS), .sql = SQL_CHILD_PAYMENT_RECORD, .body = body_payment_record, IDEMPOTENT},
    {POST,   "/v1/tenants/{id}/credits", TENANT(billing, WRITE, MANAGERS), .sql = SQL_CHILD_CREDIT_GRANT, .body = body_credit, IDEMPOTENT},

    {GET,    "/v1/admin/billing/seller", OPERATOR(billing, READ), .sql = SQL_ADMIN_SELLER_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/billing/seller", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_SELLER_SET, .body = body_seller, .flags = ROUTE_IF_MATCH_KNOWN},
    {GET,    "/v1/admin/tenants/{id}/billing", OPERATOR(billing, READ), .sql = SQL_ADMIN_ACCOUNT_READ, .flags = ROUTE_ETAG},
    {PUT,    "/v1/admin/tenants/{id}/billing", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_ACCOUNT_SET, .body = body_account, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/tenants/{id}/ledger", OPERATOR(billing, READ), .sql = SQL_ADMIN_LEDGER_LIST, LIST},
    {POST,   "/v1/admin/tenants/{id}/credits", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_CREDIT_GRANT, .body = body_credit, IDEMPOTENT},
    {GET,    "/v1/admin/invoices", OPERATOR(billing, READ), .sql = SQL_ADMIN_INVOICE_LIST, LIST_OF(query_admin_invoices)},
    {GET,    "/v1/admin/invoices/{id}", OPERATOR(billing, READ), .sql = SQL_ADMIN_INVOICE_READ},
    {GET,    "/v1/admin/invoices/{id}/html", OPERATOR_BY(invoice_html, billing, READ), .sql = SQL_ADMIN_INVOICE_READ},
    {GET,    "/v1/admin/invoices/{id}/pdf", OPERATOR_BY(invoice_pdf, billing, READ), .sql = SQL_ADMIN_INVOICE_READ},
    {POST,   "/v1/admin/invoices/{id}/finalise", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_INVOICE_FINALISE},
    {POST,   "/v1/admin/invoices/{id}/void", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_INVOICE_VOID, .body = body_reason},
    {POST,   "/v1/admin/invoices/{id}/credit-note", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_CREDIT_NOTE_CREATE, .body = body_credit_note, IDEMPOTENT},
    {GET,    "/v1/admin/payments", OPERATOR(billing, READ), .sql = SQL_ADMIN_PAYMENT_LIST, LIST_OF(query_admin_payments)},
    {POST,   "/v1/admin/payments", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_PAYMENT_RECORD, .body = body_admin_payment, IDEMPOTENT},
    {POST,   "/v1/admin/payments/{id}/refund", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_PAYMENT_REFUND, .body = body_refund, IDEMPOTENT},
    {GET,    "/v1/admin/promotions", OPERATOR(billing, READ), .sql = SQL_ADMIN_PROMOTION_LIST, LIST},
    {POST,   "/v1/admin/promotions", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_PROMOTION_CREATE, .body = body_promotion, IDEMPOTENT},
    {PATCH,  "/v1/admin/promotions/{id}", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_PROMOTION_UPDATE, .body = body_promotion_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/payment-providers", OPERATOR(billing, READ), .sql = SQL_ADMIN_PAYMENT_PROVIDER_LIST, LIST},
    {POST,   "/v1/admin/payment-providers", OPERATOR_BY(provider_create, billing, WRITE), .sql = SQL_ADMIN_PAYMENT_PROVIDER_CREATE, .body = body_provider, IDEMPOTENT},
    {PATCH,  "/v1/admin/payment-providers/{id}", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_PAYMENT_PROVIDER_UPDATE, .body = body_provider_patch, .flags = ROUTE_IF_MATCH},
    {GET,    "/v1/admin/month-ends", OPERATOR(billing, READ), .sql = SQL_ADMIN_MONTH_END_LIST, LIST_OF(query_month_ends)},
    {POST,   "/v1/admin/month-ends", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_MONTH_END_START, .body = body_month, IDEMPOTENT},
    {GET,    "/v1/admin/month-ends/summary", OPERATOR(billing, READ), .sql = SQL_ADMIN_MONTH_END_SUMMARY, .query = query_month},
    {POST,   "/v1/admin/month-ends/{id}/approve", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_MONTH_END_APPROVE},
    {POST,   "/v1/admin/month-ends/{id}/retry", OPERATOR(billing, WRITE), .sql = SQL_ADMIN_MONTH_END_RETRY},
};
// clang-format on

const int routes_billing_count = (int)ARRAY_LEN(routes_billing);
