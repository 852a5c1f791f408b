// Bodies and queries of accounts, invoices, payments, credits and month ends. What amounts and words may be the database says, too.
#include "bodies_billing.h"

#define INT_MAX_SAFE 9007199254740991

enum {
    TEXT_MAX = 200,
    REASON_MAX = 500,
    CURSOR_MAX = 1200,
    AMOUNT_MAX = 16,
    UUID_LEN = 36,
    YEAR_S = 31536000,
    LINES_MAX = 1000
};

#define NULLABLE_TEXT(name, most)                                                                  \
    {                                                                                              \
        name, FIELD_STRING, .min = 1, .max = most, .flags = FIELD_NULLABLE                         \
    }

#define PLACE                                                                                      \
    {"address_lines", FIELD_STRINGS, .max = 4, .item_max = TEXT_MAX},                              \
        NULLABLE_TEXT("postal_code", 20), NULLABLE_TEXT("city", 100),                              \
        NULLABLE_TEXT("region", 100),                                                              \
        {"country", FIELD_STRING, .min = 2, .max = 2, .flags = FIELD_NULLABLE},                    \
    {                                                                                              \
        "vat_id", FIELD_STRING, .min = 4, .max = 20, .flags = FIELD_NULLABLE                       \
    }

#define PARTY                                                                                      \
    NULLABLE_TEXT("company", TEXT_MAX), NULLABLE_TEXT("contact", TEXT_MAX),                        \
        {"email", FIELD_EMAIL, .min = 3, .max = 254, .flags = FIELD_NULLABLE}, PLACE

const struct field body_account_patch[] = {PARTY, {NULL}};

const struct field body_account[] = {
    PARTY,
    {"terms", FIELD_STRING, .min = 1, .max = 16},
    {"currency", FIELD_STRING, .min = 3, .max = 3},
    {"tax_exempt", FIELD_BOOL},
    {"traffic_policy", FIELD_STRING, .min = 1, .max = 16},
    {"due_days", FIELD_INT, .max = 365},
    {"reminder_days", FIELD_JSON}, // whole numbers: croft_reminder_days()
    {"overdue_suspend_days", FIELD_INT, .max = 365, .flags = FIELD_NULLABLE},
    {"warn_below", FIELD_STRING, .min = 1, .max = AMOUNT_MAX},
    {"grace_s", FIELD_INT, .max = YEAR_S},
    {"end_after_s", FIELD_INT, .max = YEAR_S},
    {NULL},
};

const struct field body_seller[] = {
    {"company", FIELD_STRING, .min = 1, .max = TEXT_MAX, .flags = FIELD_REQUIRED},
    {"email", FIELD_EMAIL, .min = 3, .max = 254, .flags = FIELD_NULLABLE},
    PLACE,
    {"number_prefix", FIELD_STRING, .max = 12},
    {"footer", FIELD_STRING, .max = 500},
    {NULL},
};

#define AMOUNT                                                                                     \
    {                                                                                              \
        "amount", FIELD_STRING, .min = 1, .max = AMOUNT_MAX, .flags = FIELD_REQUIRED               \
    }

const struct field body_payment[] = {
    {"provider_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    AMOUNT,
    {"invoice_id", FIELD_UUID},
    {NULL},
};

#define RECORD                                                                                     \
    AMOUNT, {"currency", FIELD_STRING, .min = 3, .max = 3},                                        \
        {"reference", FIELD_STRING, .min = 1, .max = TEXT_MAX, .flags = FIELD_REQUIRED},           \
        {"invoice_id", FIELD_UUID},                                                                \
    {                                                                                              \
        "note", FIELD_STRING, .min = 1, .max = REASON_MAX                                          \
    }

const struct field body_payment_record[] = {RECORD, {NULL}};
const struct field body_admin_payment[] = {
    {"tenant_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    RECORD,
    {NULL},
};

const struct field body_refund[] = {
    AMOUNT,
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_credit[] = {
    AMOUNT,
    {"expires_at", FIELD_STRING, .min = 20, .max = 40},
    {"note", FIELD_STRING, .min = 1, .max = REASON_MAX},
    {NULL},
};

const struct field body_redeem[] = {
    {"code", FIELD_STRING, .min = 4, .max = 40, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_promotion[] = {
    {"code", FIELD_STRING, .min = 4, .max = 40, .flags = FIELD_REQUIRED},
    AMOUNT,
    {"currency", FIELD_STRING, .min = 3, .max = 3},
    {"expires_at", FIELD_STRING, .min = 20, .max = 40},
    {"credit_days", FIELD_INT, .min = 1, .max = 3650},
    {"max_uses", FIELD_INT, .min = 1, .max = 1000000000},
    {NULL},
};
const struct field body_promotion_patch[] = {{"active", FIELD_BOOL, .flags = FIELD_REQUIRED},
                                             {NULL}};

#define PROVIDER(need)                                                                             \
    {"title", FIELD_STRING, .min = 1, .max = 100, .flags = need},                                  \
        {"instructions", FIELD_STRING, .max = 1000},                                               \
        {"checkout_url", FIELD_STRING, .min = 9, .max = 500, .flags = FIELD_NULLABLE},             \
    {                                                                                              \
        "active", FIELD_BOOL                                                                       \
    }

const struct field body_provider[] = {
    {"kind", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_REQUIRED},
    PROVIDER(FIELD_REQUIRED),
    {NULL},
};
const struct field body_provider_patch[] = {PROVIDER(0), {NULL}};

static const struct field notice_data[] = {
    {"payment_id", FIELD_UUID},
    {"tenant_id", FIELD_UUID},
    {"reference", FIELD_STRING, .min = 1, .max = TEXT_MAX},
    {"amount", FIELD_STRING, .min = 1, .max = AMOUNT_MAX},
    {"currency", FIELD_STRING, .min = 3, .max = 3},
    {NULL},
};

const struct field body_notice[] = {
    {"type", FIELD_STRING, .min = 1, .max = 64, .flags = FIELD_REQUIRED},
    {"timestamp", FIELD_STRING, .min = 1, .max = 40},
    {"data", FIELD_OBJECT, .fields = notice_data, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_reason[] = {
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_credit_note[] = {
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {"lines", FIELD_STRINGS, .min = 1, .max = LINES_MAX, .item_max = UUID_LEN},
    {NULL},
};

const struct field body_month[] = {
    {"month", FIELD_STRING, .min = 7, .max = 7, .flags = FIELD_REQUIRED},
    {NULL},
};

#define PAGE                                                                                       \
    {"limit", FIELD_INT, .min = 1, .max = 200},                                                    \
    {                                                                                              \
        "cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX                                        \
    }

#define STATE                                                                                      \
    {                                                                                              \
        "state", FIELD_STRING, .min = 1, .max = 16                                                 \
    }

const struct field query_invoices[] = {PAGE, STATE, {NULL}};
const struct field query_payments[] = {PAGE, STATE, {NULL}};
const struct field query_admin_invoices[] = {PAGE, STATE, {"tenant_id", FIELD_UUID}, {NULL}};
const struct field query_admin_payments[] = {PAGE, STATE, {"tenant_id", FIELD_UUID}, {NULL}};
const struct field query_month_ends[] = {
    PAGE, STATE, {"tenant_id", FIELD_UUID}, {"month", FIELD_STRING, .min = 7, .max = 7}, {NULL},
};
const struct field query_month[] = {
    {"month", FIELD_STRING, .min = 7, .max = 7, .flags = FIELD_REQUIRED},
    {NULL},
};
