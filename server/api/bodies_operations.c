// Bodies and queries of the operations of a vps that exists, and of kept SSH keys.
#include "bodies.h"

enum {
    NAME_LEN_MAX = 63,
    SECONDS_MAX = 600,
    KEYS_MAX = 32,
    KEY_LEN_MAX = 8192,
    PASSWORD_MIN = 8,
    PASSWORD_MAX = 256,
    ADDRESS_MAX = 45,
    HOLD_MAX_S = 365 * 86400,
    TICKET_LEN_MAX = 79,
};

const struct field body_power[] = {
    {"force", FIELD_BOOL},
    {"timeout_s", FIELD_INT, .max = SECONDS_MAX},
    {NULL},
};

const struct field body_hostname[] = {
    {"hostname", FIELD_NAME, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_ssh_keys[] = {
    {"add", FIELD_STRINGS, .max = KEYS_MAX, .item_max = KEY_LEN_MAX},
    {"remove", FIELD_STRINGS, .max = KEYS_MAX, .item_max = KEY_LEN_MAX},
    {NULL},
};

const struct field body_ssh_key[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {"public_key", FIELD_STRING, .min = 1, .max = KEY_LEN_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_vps_password[] = {
    {"password", FIELD_STRING, .min = PASSWORD_MIN, .max = PASSWORD_MAX, .flags = FIELD_SECRET},
    {NULL},
};

const struct field body_resize[] = {
    {"plan_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_address[] = {
    {"family", FIELD_INT, .min = 4, .max = 6, .flags = FIELD_REQUIRED},
    {"kind", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};

const struct field query_address[] = {
    {"address", FIELD_STRING, .min = 2, .max = ADDRESS_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field query_delete[] = {
    {"hold", FIELD_INT, .max = HOLD_MAX_S},
    {NULL},
};

const struct field body_console[] = {
    {"kind", FIELD_STRING, .min = 1, .max = 8, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field query_console[] = {
    {"ticket", FIELD_STRING, .min = 1, .max = TICKET_LEN_MAX, .flags = FIELD_SECRET},
    {NULL},
};
