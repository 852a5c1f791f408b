#include "args.h"

#include "field.h"
#include "json.h"

#include <string.h>

static const struct field stop_fields[] = {
    {.name = "force",
     .type = FIELD_BOOL,
     .offset = offsetof(struct task_args, force),
     .help = "without asking the guest first"},
    {.name = "timeout_s",
     .type = FIELD_INT,
     .offset = offsetof(struct task_args, timeout_s),
     .min = -1,
     .max = ARGS_TIMEOUT_MAX_S,
     .preset = "-1",
     .help = "seconds for a clean shutdown; -1: as the node is configured"},
    {0},
};

static const struct field update_fields[] = {
    {.name = "keep_power",
     .type = FIELD_BOOL,
     .offset = offsetof(struct task_args, keep_power),
     .help = "a guest that is off stays off"},
    {.name = "fit",
     .type = FIELD_BOOL,
     .offset = offsetof(struct task_args, fit),
     .help = "a disk smaller than what is used is refused"},
    {0},
};

static const struct field password_fields[] = {
    {.name = "password_hash",
     .type = FIELD_STRING,
     .offset = offsetof(struct task_args, password_hash),
     .min = 13,
     .max = 255,
     .flags = FIELD_REQUIRED | FIELD_SECRET,
     .help = "as crypt(5) writes it"},
    {0},
};

static const struct field create_fields[] = {
    {.name = "user_data",
     .type = FIELD_STRING,
     .offset = offsetof(struct task_args, user_data),
     .max = ARGS_USER_DATA_MAX,
     .flags = FIELD_MULTILINE,
     .help = "cloud-init's user-data or a script"},
    {0},
};

static const struct field snapshot_fields[] = {
    {.name = "snapshot",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_args, snapshot),
     .flags = FIELD_REQUIRED,
     .help = "which one"},
    {0},
};

static const struct field clone_fields[] = {
    {.name = "source",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_args, source),
     .flags = FIELD_REQUIRED,
     .help = "the vps of this node that is cloned"},
    {.name = "snapshot",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_args, snapshot),
     .flags = FIELD_NULLABLE,
     .help = "one of the source's; without it its disk as it is"},
    {0},
};

static const struct field publish_fields[] = {
    {.name = "image",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_args, image),
     .flags = FIELD_REQUIRED,
     .help = "the id of the image that is made"},
    {.name = "max_bytes",
     .type = FIELD_INT,
     .offset = offsetof(struct task_args, max_bytes),
     .min = 1,
     .max = INT64_C(1) << 40,
     .flags = FIELD_REQUIRED,
     .help = "that it may have, packed"},
    {0},
};

static const struct field no_fields[] = {{0}};

// A kind that is not here takes no arguments.
static const struct {
    const char *kind;
    const struct field *fields;
} kinds[] = {
    {"vps_update", update_fields},
    {"vps_stop", stop_fields},
    {"vps_reboot", stop_fields},
    {"vps_password", password_fields},
    {"vps_create", create_fields},
    {"vps_snapshot", snapshot_fields},
    {"vps_snapshot_delete", snapshot_fields},
    {"vps_restore", snapshot_fields},
    {"vps_clone", clone_fields},
    {"vps_publish", publish_fields},
};

static const struct field *fields_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].fields;
        }
    }
    return no_fields;
}

// The hash becomes a field of a line whose fields are parted by colons.
static bool is_hash(const char *text)
{
    return text[0] == '$' &&
           text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789$./=,+-")] == '\0';
}

int args_decode(const char *kind, json_t *args, struct task_args *ret_args, struct err *err)
{
    const struct field *fields = fields_of(kind);
    if (args && !json_is_object(args)) {
        return err_at(err, ERR_INVALID, "/args", "not an object");
    }
    _cleanup_json_ json_t *known = json_object();
    for (const struct field *field = fields; field->name; field++) {
        json_t *value = json_object_get(args, field->name);
        if (value) {
            json_object_set(known, field->name, value);
        }
    }
    struct task_args decoded = {.timeout_s = -1};
    int r = field_decode(fields, known, NULL, &decoded, err);
    if (r < 0) {
        return err_wrap(err, "/args");
    }
    if (decoded.password_hash && !is_hash(decoded.password_hash)) {
        return err_at(err, ERR_INVALID, "/args/password_hash", "not a hash of crypt(5)");
    }
    *ret_args = decoded;
    return 0;
}
