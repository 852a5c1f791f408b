// Bodies and queries of snapshots, their schedules, and the orders that give a vps another disk.
#include "bodies.h"

enum {
    TITLE_LEN_MAX = 100,
    NAME_LEN_MAX = 63,
    KEYS_MAX = 32,
    KEY_LEN_MAX = 8192,
    HOURLY_MAX = 168,
    DAILY_MAX = 366,
    WEEKLY_MAX = 260,
};

const struct field body_snapshot[] = {
    {"name", FIELD_STRING, .min = 1, .max = TITLE_LEN_MAX},
    {NULL},
};

const struct field body_schedule[] = {
    {"hourly", FIELD_INT, .max = HOURLY_MAX},
    {"daily", FIELD_INT, .max = DAILY_MAX},
    {"weekly", FIELD_INT, .max = WEEKLY_MAX},
    {NULL},
};

const struct field body_reinstall[] = {
    {"image_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"ssh_keys", FIELD_STRINGS, .max = KEYS_MAX, .item_max = KEY_LEN_MAX},
    {NULL},
};

const struct field body_rescue[] = {
    {"image_id", FIELD_UUID},
    {NULL},
};

const struct field body_clone[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {"snapshot_id", FIELD_UUID},
    {"plan_id", FIELD_UUID},
    {"hostname", FIELD_NAME, .min = 1, .max = NAME_LEN_MAX},
    {"ssh_keys", FIELD_STRINGS, .max = KEYS_MAX, .item_max = KEY_LEN_MAX},
    {"start", FIELD_BOOL, .preset = "true"},
    {NULL},
};

const struct field query_snapshots[] = {
    {"limit", FIELD_INT, .min = 1, .max = 200},
    {"cursor", FIELD_STRING, .min = 1, .max = 64},
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};
