// Bodies of plans, of who sees them, and of what resellers sell them for.
#include "bodies.h"

#define INT_MAX_SAFE 9007199254740991
#define MIN_SIZE (16 << 20)

enum {
    TITLE_MAX = 200,
    NAME_MAX_LEN = 63,
    PRICE_MAX = 16,
    UUID_LEN = 36,
    LOCATIONS_MAX = 256,
    VIEWERS_MAX = 1000,
    TAGS_MAX = 32
};

// What a version of a plan consists of; need: FIELD_REQUIRED where none was before it.
#define TERMS(need)                                                                                \
    {"vcpus", FIELD_INT, .min = 1, .max = 1024, .flags = need},                                    \
        {"memory_bytes", FIELD_INT, .min = MIN_SIZE, .max = INT_MAX_SAFE, .flags = need},          \
        {"swap_bytes", FIELD_INT, .max = INT_MAX_SAFE},                                            \
        {"disk_bytes", FIELD_INT, .min = MIN_SIZE, .max = INT_MAX_SAFE, .flags = need},            \
        {"pids", FIELD_INT, .min = 16, .max = 4194304, .flags = need},                             \
        {"traffic_bytes", FIELD_INT, .max = INT_MAX_SAFE}, {"ipv4_count", FIELD_INT, .max = 8},    \
        {"ipv6_count", FIELD_INT, .max = 8},                                                       \
        {"net_rate_bps", FIELD_INT, .min = 64000, .max = 1000000000000, .flags = FIELD_NULLABLE},  \
        {"io_bps", FIELD_INT, .min = 65536, .max = INT_MAX_SAFE, .flags = FIELD_NULLABLE},         \
        {"iops", FIELD_INT, .min = 16, .max = 4294967295, .flags = FIELD_NULLABLE},                \
        {"tun", FIELD_BOOL}, {"fuse", FIELD_BOOL}, {"nesting", FIELD_BOOL},                        \
        {"delete_hold_s", FIELD_INT, .max = 31536000},                                             \
        {"price_month", FIELD_STRING, .min = 1, .max = PRICE_MAX},                                 \
        {"price_hour", FIELD_STRING, .min = 1, .max = PRICE_MAX},                                  \
        {"currency", FIELD_STRING, .min = 3, .max = 3},                                            \
    {                                                                                              \
        "valid_from", FIELD_STRING, .min = 20, .max = 40                                           \
    }

#define SOLD_IN                                                                                    \
    {"node_tags", FIELD_STRINGS, .max = TAGS_MAX, .item_max = NAME_MAX_LEN},                       \
    {                                                                                              \
        "location_ids", FIELD_STRINGS, .min = 1, .max = LOCATIONS_MAX, .item_max = UUID_LEN,       \
                                       .flags = FIELD_NULLABLE                                     \
    }

const struct field body_plan[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX, .flags = FIELD_REQUIRED},
    TERMS(FIELD_REQUIRED),
    SOLD_IN,
    {"active", FIELD_BOOL, .preset = "true"},
    {"public", FIELD_BOOL, .preset = "true"},
    {"private_ipv4", FIELD_BOOL},
    {NULL},
};

const struct field body_plan_patch[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN},
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    SOLD_IN,
    {"active", FIELD_BOOL},
    {"public", FIELD_BOOL},
    {NULL},
};

const struct field body_plan_version[] = {TERMS(0), {NULL}};

const struct field body_viewers[] = {
    {"tenant_ids", FIELD_STRINGS, .max = VIEWERS_MAX, .item_max = UUID_LEN,
     .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_plan_offer[] = {
    {"price_month", FIELD_STRING, .min = 1, .max = PRICE_MAX, .flags = FIELD_REQUIRED},
    {"price_hour", FIELD_STRING, .min = 1, .max = PRICE_MAX, .flags = FIELD_REQUIRED},
    {"currency", FIELD_STRING, .min = 3, .max = 3, .flags = FIELD_REQUIRED},
    {"active", FIELD_BOOL, .preset = "true"},
    {NULL},
};
