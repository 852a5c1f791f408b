// Bodies and queries of locations, nodes, of what is found on a node, and of where a vps would go.
#include "bodies.h"

#define INT_MAX_SAFE 9007199254740991

enum {
    TITLE_MAX = 200,
    NAME_MAX_LEN = 63,
    TAGS_MAX = 32,
    VCPUS_MAX = 65536,
    PERCENT_MAX = 10000,
    LINE_RATE_MAX = 100000000,
    DRIFT_NAME_MAX = 255,
    KERNEL_MAX = 65,
    REASONS_MAX = 256,
    REASON_LEN_MAX = 255,
    PORT_MIN = 1024,
    PORT_MAX = 65535
};

const struct field body_location[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX, .flags = FIELD_REQUIRED},
    {"placement", FIELD_STRING, .min = 1, .max = 8},
    {NULL},
};

const struct field body_location_patch[] = {
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    {"placement", FIELD_STRING, .min = 1, .max = 8},
    {NULL},
};

const struct field body_node_patch[] = {
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {"overcommit_vcpu_percent", FIELD_INT, .min = 1, .max = PERCENT_MAX},
    {"overcommit_memory_percent", FIELD_INT, .min = 1, .max = PERCENT_MAX},
    {"overcommit_disk_percent", FIELD_INT, .min = 1, .max = PERCENT_MAX},
    {"reserve_vcpus", FIELD_INT, .max = VCPUS_MAX},
    {"reserve_memory_bytes", FIELD_INT, .max = INT_MAX_SAFE},
    {"reserve_disk_bytes", FIELD_INT, .max = INT_MAX_SAFE},
    {"high_water_percent", FIELD_INT, .min = 1, .max = 100},
    {"line_rate_mbit", FIELD_INT, .min = 1, .max = LINE_RATE_MAX},
    {"tags", FIELD_STRINGS, .max = TAGS_MAX, .item_max = NAME_MAX_LEN},
    {"dedicated", FIELD_BOOL},
    {"forward_first", FIELD_INT, .min = PORT_MIN, .max = PORT_MAX},
    {"forward_last", FIELD_INT, .min = PORT_MIN, .max = PORT_MAX},
    {NULL},
};

const struct field body_retire[] = {
    {"lose_vps", FIELD_BOOL},
    {NULL},
};

const struct field body_orphan[] = {
    {"vps_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {NULL},
};

// Of one that was given up, the row says the rest.
const struct field body_adopt[] = {
    {"vps_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"tenant_id", FIELD_UUID},
    {"plan_id", FIELD_UUID},
    {"image_id", FIELD_UUID},
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN},
    {NULL},
};

const struct field body_drift[] = {
    {"kind", FIELD_STRING, .min = 1, .max = 32, .flags = FIELD_REQUIRED},
    {"name", FIELD_STRING, .min = 1, .max = DRIFT_NAME_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

static const struct field checked_host[] = {
    {"kernel", FIELD_STRING, .min = 1, .max = KERNEL_MAX},
    {"machine", FIELD_STRING, .min = 1, .max = KERNEL_MAX},
    {"cgroup_version", FIELD_INT, .max = 2},
    {"processors", FIELD_INT, .min = 1, .max = VCPUS_MAX},
    {"memory_bytes", FIELD_INT, .max = INT_MAX_SAFE},
    {NULL},
};

// A report of `croft-agent check`, as it wrote it (agent/check/README.md). The rows of its parts are checked by the database
// (migrations/functions/56-check-reports.sql).
const struct field body_check_report[] = {
    {"at", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"version", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"form", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_REQUIRED},
    {"host", FIELD_OBJECT, .fields = checked_host, .flags = FIELD_REQUIRED},
    {"features", FIELD_JSON, .flags = FIELD_REQUIRED},
    {"fidelity", FIELD_JSON, .flags = FIELD_REQUIRED},
    {"escapes", FIELD_JSON, .flags = FIELD_REQUIRED},
    {"efficiency", FIELD_JSON},
    {"limits", FIELD_JSON},
    {"machine", FIELD_JSON},
    {"neighbour", FIELD_JSON},
    {"reasons", FIELD_STRINGS, .max = REASONS_MAX, .item_max = REASON_LEN_MAX,
     .flags = FIELD_REQUIRED},
    {"verdict", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field query_placement[] = {
    {"plan_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"location_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"tenant_id", FIELD_UUID},
    {"anti_affinity_group", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN},
    {NULL},
};
