// Bodies and queries of tenants and their quotas.
#include "bodies.h"

#define INT_MAX_SAFE 9007199254740991

enum { TITLE_MAX = 200, REF_MAX = 200, REASON_MAX = 500, GRACE_MAX_S = 31536000 };

#define CEILING(resource)                                                                          \
    {                                                                                              \
        resource, FIELD_INT, .max = INT_MAX_SAFE, .flags = FIELD_NULLABLE                          \
    }

const struct field body_quotas[] = {
    CEILING("vps"),          CEILING("running_vps"), CEILING("vcpus"), CEILING("memory_bytes"),
    CEILING("disk_bytes"),   CEILING("ipv4"),        CEILING("ipv6"),  CEILING("snapshots"),
    CEILING("backup_bytes"), CEILING("image_bytes"), {NULL},
};

static const struct field override[] = {
    {"limit", FIELD_INT, .max = INT_MAX_SAFE, .flags = FIELD_NULLABLE},
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {NULL},
};

#define OVERRIDE(resource)                                                                         \
    {                                                                                              \
        resource, FIELD_OBJECT, .fields = override, .flags = FIELD_NULLABLE                        \
    }

const struct field body_overrides[] = {
    OVERRIDE("vps"),
    OVERRIDE("running_vps"),
    OVERRIDE("vcpus"),
    OVERRIDE("memory_bytes"),
    OVERRIDE("disk_bytes"),
    OVERRIDE("ipv4"),
    OVERRIDE("ipv6"),
    OVERRIDE("snapshots"),
    OVERRIDE("backup_bytes"),
    OVERRIDE("image_bytes"),
    {NULL},
};

#define TENANT_MANNERS                                                                             \
    {"labels", FIELD_JSON},                                                                        \
    {                                                                                              \
        "external_ref", FIELD_STRING, .min = 1, .max = REF_MAX, .flags = FIELD_NULLABLE            \
    }

const struct field body_tenant[] = {
    {"name", FIELD_STRING, .min = 1, .max = TITLE_MAX, .flags = FIELD_REQUIRED},
    {"quotas", FIELD_OBJECT, .fields = body_quotas},
    TENANT_MANNERS,
    {NULL},
};

const struct field body_admin_tenant[] = {
    {"name", FIELD_STRING, .min = 1, .max = TITLE_MAX, .flags = FIELD_REQUIRED},
    {"kind", FIELD_STRING, .min = 1, .max = 16},
    {"parent_id", FIELD_UUID},
    {"quotas", FIELD_OBJECT, .fields = body_quotas},
    TENANT_MANNERS,
    {NULL},
};

const struct field body_tenant_patch[] = {
    {"name", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    TENANT_MANNERS,
    {NULL},
};

const struct field body_suspend[] = {
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {"policy", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};

const struct field body_close[] = {
    {"reason", FIELD_STRING, .min = 1, .max = REASON_MAX, .flags = FIELD_REQUIRED},
    {"grace_s", FIELD_INT, .max = GRACE_MAX_S},
    {NULL},
};
