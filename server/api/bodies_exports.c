// Queries of exports.
#include "bodies_exports.h"

enum { EXPORT_LIMIT = 1000, CURSOR_MAX = 64, REFS_MAX = 8000 };

#define EXPORT_FIELDS                                                                              \
    {"limit", FIELD_INT, .min = 1, .max = EXPORT_LIMIT},                                           \
        {"cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX},                                     \
    {                                                                                              \
        "format", FIELD_STRING, .min = 1, .max = 16                                                \
    }

const struct field query_bulk_usage[] = {
    EXPORT_FIELDS,
    {"month", FIELD_STRING, .min = 7, .max = 7},
    {"from", FIELD_STRING, .min = 1, .max = 40},
    {"to", FIELD_STRING, .min = 1, .max = 40},
    {"external_ref", FIELD_STRING, .min = 1, .max = REFS_MAX},
    {"tenant_id", FIELD_UUID},
    {NULL},
};

const struct field query_billing_export[] = {
    {"limit", FIELD_INT, .min = 1, .max = EXPORT_LIMIT},
    {"cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX},
    {"kind", FIELD_STRING, .min = 1, .max = 16},
    {"month", FIELD_STRING, .min = 7, .max = 7},
    {"sold", FIELD_BOOL},
    {"tenant_id", FIELD_UUID},
    {NULL},
};
