// Bodies and queries of prices, costs and charges. What is in an item of a list the database says (77-books.sql).
#include "bodies_prices.h"

enum {
    NAME_MAX_LEN = 200,
    TAX_NAME_MAX = 100,
    METER_MAX = 16,
    PRICE_MAX = 19,
    CURSOR_MAX = 1024,
    MONTH_LEN = 7
};

#define PAGE_FIELDS                                                                                \
    {"limit", FIELD_INT, .min = 1, .max = 200}, {"sort", FIELD_STRING, .min = 1, .max = 32},       \
    {                                                                                              \
        "cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX                                        \
    }

const struct field body_price_book[] = {
    {"currency", FIELD_STRING, .min = 3, .max = 3, .flags = FIELD_REQUIRED},
    {"name", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_price_book_patch[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_price_version[] = {
    {"valid_from", FIELD_STRING, .min = 20, .max = 40},
    {"items", FIELD_JSON, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_tax_rule[] = {
    {"country", FIELD_STRING, .min = 2, .max = 2},
    {"region", FIELD_STRING, .min = 1, .max = TAX_NAME_MAX},
    {"meter", FIELD_STRING, .min = 1, .max = METER_MAX},
    {"rate", FIELD_STRING, .min = 1, .max = PRICE_MAX, .flags = FIELD_REQUIRED},
    {"name", FIELD_STRING, .min = 1, .max = TAX_NAME_MAX, .flags = FIELD_REQUIRED},
    {"valid_from", FIELD_STRING, .min = 20, .max = 40},
    {NULL},
};

const struct field query_costs[] = {
    {"month", FIELD_STRING, .min = MONTH_LEN, .max = MONTH_LEN},
    {"vps_id", FIELD_UUID},
    {NULL},
};

const struct field query_charges[] = {
    PAGE_FIELDS,
    {"month", FIELD_STRING, .min = MONTH_LEN, .max = MONTH_LEN},
    {"vps_id", FIELD_UUID},
    {"invoice_id", FIELD_UUID},
    {NULL},
};

const struct field query_admin_charges[] = {
    PAGE_FIELDS,
    {"month", FIELD_STRING, .min = MONTH_LEN, .max = MONTH_LEN},
    {"vps_id", FIELD_UUID},
    {"invoice_id", FIELD_UUID},
    {"tenant_id", FIELD_UUID},
    {NULL},
};

const struct field query_sellers[] = {PAGE_FIELDS, {"seller_id", FIELD_UUID}, {NULL}};
