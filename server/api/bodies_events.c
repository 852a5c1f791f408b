// Field tables of events and webhooks.
#include "bodies.h"

enum { ACTION_MAX = 64, CURSOR_MAX = 64, URL_MAX = 2000 };

#define INT_MAX_SAFE 9007199254740991

#define EVENT_FIELDS                                                                               \
    {"after", FIELD_INT, .max = INT_MAX_SAFE},                                                     \
        {"action", FIELD_STRING, .min = 1, .max = ACTION_MAX},                                     \
        {"subject_type", FIELD_STRING, .min = 1, .max = ACTION_MAX},                               \
    {                                                                                              \
        "subject_id", FIELD_UUID                                                                   \
    }

#define EVENT_PAGE                                                                                 \
    {"limit", FIELD_INT, .min = 1, .max = 200},                                                    \
        {"cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX}, EVENT_FIELDS,                       \
    {                                                                                              \
        "since", FIELD_STRING, .min = 1, .max = 40                                                 \
    }

const struct field body_webhook[] = {
    {"url", FIELD_STRING, .min = 8, .max = URL_MAX, .flags = FIELD_REQUIRED},
    {"description", FIELD_STRING, .max = 200},
    {"events", FIELD_STRINGS, .min = 1, .max = 64, .item_max = ACTION_MAX},
    {"include_children", FIELD_BOOL},
    {"enabled", FIELD_BOOL, .preset = "true"},
    {NULL},
};
const struct field body_webhook_patch[] = {
    {"url", FIELD_STRING, .min = 8, .max = URL_MAX},
    {"description", FIELD_STRING, .max = 200},
    {"events", FIELD_STRINGS, .min = 1, .max = 64, .item_max = ACTION_MAX},
    {"include_children", FIELD_BOOL},
    {"enabled", FIELD_BOOL},
    {NULL},
};
const struct field query_deliveries[] = {
    {"limit", FIELD_INT, .min = 1, .max = 200},
    {"cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX},
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};
const struct field query_webhooks[] = {
    {"limit", FIELD_INT, .min = 1, .max = 200},
    {"cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX},
    {NULL},
};

const struct field query_events[] = {EVENT_PAGE, {NULL}};
const struct field query_stream[] = {EVENT_FIELDS, {NULL}};
const struct field query_admin_stream[] = {EVENT_FIELDS, {"tenant_id", FIELD_UUID}, {NULL}};
const struct field query_admin_events[] = {
    EVENT_PAGE,
    {"tenant_id", FIELD_UUID},
    {"node_id", FIELD_UUID},
    {NULL},
};
