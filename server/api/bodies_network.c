// Bodies and queries of firewalls, address sets, private networks, forwarded ports and names. What is in a list of
// objects is checked by the database (migrations/functions/46-*.sql).
#include "bodies.h"

enum {
    NAME_LEN_MAX = 63,
    CIDRS_MAX = 256,
    CIDR_LEN_MAX = 49,
    PORT_FORWARDED_MIN = 1024,
    PORT_MAX = 65535,
};

const struct field body_firewall[] = {
    {"policy_in", FIELD_STRING, .min = 1, .max = 8},
    {"policy_out", FIELD_STRING, .min = 1, .max = 8},
    {"rules", FIELD_JSON, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_rdns[] = {
    {"names", FIELD_JSON, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_address_set[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {"cidrs", FIELD_STRINGS, .max = CIDRS_MAX, .item_max = CIDR_LEN_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_network[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_LEN_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_network_member[] = {
    {"vps_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field query_network_member[] = {
    {"vps_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_port_forward[] = {
    {"protocol", FIELD_STRING, .min = 3, .max = 8, .flags = FIELD_REQUIRED},
    {"port", FIELD_INT, .min = 1, .max = PORT_MAX, .flags = FIELD_REQUIRED},
    {"host_port", FIELD_INT, .min = PORT_FORWARDED_MIN, .max = PORT_MAX},
    {NULL},
};
