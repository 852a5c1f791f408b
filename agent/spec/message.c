#include "message.h"

#include "field.h"
#include "json.h"

#include <string.h>

enum { CLEAN_MAX = 1000, NAME_MAX_LEN = 255 };

enum { IMAGE_BYTES_MAX_LOG2 = 40, PEM_MAX = 64 * 1024, DEADLINE_MAX_S = 86400 };

static const struct field task_fields[] = {
    {.name = "epoch",
     .type = FIELD_INT,
     .offset = offsetof(struct task_message, epoch),
     .min = 1,
     .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {.name = "task",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_message, task),
     .flags = FIELD_REQUIRED},
    {.name = "seq",
     .type = FIELD_INT,
     .offset = offsetof(struct task_message, seq),
     .min = 0,
     .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct task_message, kind),
     .min = 1,
     .max = 32,
     .flags = FIELD_REQUIRED},
    {.name = "vps",
     .type = FIELD_UUID,
     .offset = offsetof(struct task_message, vps),
     .flags = FIELD_REQUIRED},
    {.name = "generation",
     .type = FIELD_INT,
     .offset = offsetof(struct task_message, generation),
     .min = 0,
     .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {.name = "deadline_s",
     .type = FIELD_INT,
     .offset = offsetof(struct task_message, deadline_s),
     .min = 1,
     .max = DEADLINE_MAX_S,
     .preset = "300"},
    {.name = "spec",
     .type = FIELD_JSON,
     .offset = offsetof(struct task_message, spec),
     .flags = FIELD_REQUIRED},
    {.name = "args", .type = FIELD_JSON, .offset = offsetof(struct task_message, args)},
    {0},
};

static const struct field welcome_fields[] = {
    {.name = "epoch",
     .type = FIELD_INT,
     .offset = offsetof(struct welcome_message, epoch),
     .min = 1,
     .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {.name = "heartbeat_s",
     .type = FIELD_INT,
     .offset = offsetof(struct welcome_message, heartbeat_s),
     .min = 1,
     .max = 3600,
     .preset = "10"},
    {.name = "ping_s",
     .type = FIELD_INT,
     .offset = offsetof(struct welcome_message, ping_s),
     .min = 1,
     .max = 3600,
     .preset = "10"},
    {0},
};

struct id_message {
    const char *task;
};

static const struct field id_fields[] = {
    {.name = "task",
     .type = FIELD_UUID,
     .offset = offsetof(struct id_message, task),
     .flags = FIELD_REQUIRED},
    {0},
};

static const struct field cancel_fields[] = {
    {.name = "task",
     .type = FIELD_UUID,
     .offset = offsetof(struct cancel_message, task),
     .flags = FIELD_REQUIRED},
    {.name = "vps",
     .type = FIELD_UUID,
     .offset = offsetof(struct cancel_message, vps),
     .flags = FIELD_REQUIRED},
    {0},
};

struct log_request {
    const char *vps;
};

static const struct field log_request_fields[] = {
    {.name = "vps",
     .type = FIELD_UUID,
     .offset = offsetof(struct log_request, vps),
     .flags = FIELD_REQUIRED},
    {0},
};

struct ack_message {
    int64_t batch;
};

static const struct field ack_fields[] = {
    {.name = "batch",
     .type = FIELD_INT,
     .offset = offsetof(struct ack_message, batch),
     .min = 0,
     .max = INT64_MAX,
     .flags = FIELD_REQUIRED},
    {0},
};

static const struct field console_open_fields[] = {
    {.name = "console",
     .type = FIELD_UUID,
     .offset = offsetof(struct console_open_message, console),
     .flags = FIELD_REQUIRED},
    {.name = "vps",
     .type = FIELD_UUID,
     .offset = offsetof(struct console_open_message, vps),
     .flags = FIELD_REQUIRED},
    {.name = "kind",
     .type = FIELD_STRING,
     .offset = offsetof(struct console_open_message, kind),
     .min = 1,
     .max = 8,
     .flags = FIELD_REQUIRED},
    {.name = "host",
     .type = FIELD_STRING,
     .offset = offsetof(struct console_open_message, host),
     .min = 1,
     .max = 255,
     .flags = FIELD_REQUIRED},
    {.name = "port",
     .type = FIELD_INT,
     .offset = offsetof(struct console_open_message, port),
     .min = 1,
     .max = 65535,
     .flags = FIELD_REQUIRED},
    {0},
};

static const struct field fetch_fields[] = {
    {.name = "sha256",
     .type = FIELD_STRING,
     .offset = offsetof(struct fetch_message, sha256),
     .min = 64,
     .max = 64,
     .flags = FIELD_REQUIRED},
    {.name = "size",
     .type = FIELD_INT,
     .offset = offsetof(struct fetch_message, size),
     .min = 1,
     .max = 1LL << IMAGE_BYTES_MAX_LOG2,
     .flags = FIELD_REQUIRED},
    {0},
};

struct failure {
    const char *code, *detail;
};

static const struct field failure_fields[] = {
    {.name = "code",
     .type = FIELD_STRING,
     .offset = offsetof(struct failure, code),
     .min = 1,
     .max = 64,
     .flags = FIELD_REQUIRED},
    {.name = "detail",
     .type = FIELD_STRING,
     .offset = offsetof(struct failure, detail),
     .min = 0,
     .max = 1024,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

struct fetched {
    const char *sha256;
    struct failure error;
};

static const struct field fetched_fields[] = {
    {.name = "sha256",
     .type = FIELD_STRING,
     .offset = offsetof(struct fetched, sha256),
     .min = 64,
     .max = 64,
     .flags = FIELD_REQUIRED},
    {.name = "error",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct fetched, error),
     .fields = failure_fields,
     .flags = FIELD_NULLABLE},
    {0},
};

static const struct field push_fields[] = {
    {.name = "image",
     .type = FIELD_UUID,
     .offset = offsetof(struct push_message, image),
     .flags = FIELD_REQUIRED},
    {.name = "sha256",
     .type = FIELD_STRING,
     .offset = offsetof(struct push_message, sha256),
     .min = 64,
     .max = 64,
     .flags = FIELD_REQUIRED},
    {.name = "size",
     .type = FIELD_INT,
     .offset = offsetof(struct push_message, size),
     .min = 1,
     .max = 1LL << IMAGE_BYTES_MAX_LOG2,
     .flags = FIELD_REQUIRED},
    {0},
};

struct pushed {
    const char *image;
    struct failure error;
};

static const struct field pushed_fields[] = {
    {.name = "image",
     .type = FIELD_UUID,
     .offset = offsetof(struct pushed, image),
     .flags = FIELD_REQUIRED},
    {.name = "error",
     .type = FIELD_OBJECT,
     .offset = offsetof(struct pushed, error),
     .fields = failure_fields,
     .flags = FIELD_NULLABLE},
    {0},
};

struct certificate {
    const char *certificate;
};

static const struct field certificate_fields[] = {
    {.name = "certificate",
     .type = FIELD_STRING,
     .offset = offsetof(struct certificate, certificate),
     .min = 1,
     .max = PEM_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

// field_decode refuses what it does not know, so only what the table names is shown to it. The strings
// stay those of message.
static int decode(const struct field *table, json_t *message, void *out, struct err *err)
{
    _cleanup_json_ json_t *known = json_object();
    for (const struct field *field = table; field->name; field++) {
        json_t *value = json_object_get(message, field->name);
        if (value) {
            json_object_set(known, field->name, value);
        }
    }
    return field_decode(table, known, NULL, out, err);
}

static int check_sha256(const char *sha256, struct err *err)
{
    if (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64) {
        return err_at(err, ERR_INVALID, "/sha256", "not 64 lower-case hex digits");
    }
    return 0;
}

int message_task(json_t *message, struct task_message *ret, struct err *err)
{
    int r = decode(task_fields, message, ret, err);
    if (r == 0 && !json_is_object(ret->spec)) {
        r = err_at(err, ERR_INVALID, "/spec", "not an object");
    }
    if (r == 0 && ret->args && !json_is_object(ret->args)) {
        r = err_at(err, ERR_INVALID, "/args", "not an object");
    }
    return r;
}

int message_task_id(json_t *message, const char **ret_task, struct err *err)
{
    struct id_message id;
    int r = decode(id_fields, message, &id, err);
    if (r == 0) {
        *ret_task = id.task;
    }
    return r;
}

int message_cancel(json_t *message, struct cancel_message *ret, struct err *err)
{
    return decode(cancel_fields, message, ret, err);
}

int message_welcome(json_t *message, struct welcome_message *ret, struct err *err)
{
    return decode(welcome_fields, message, ret, err);
}

int message_console_open(json_t *message, struct console_open_message *ret, struct err *err)
{
    int r = decode(console_open_fields, message, ret, err);
    if (r == 0 && strcmp(ret->kind, "login") != 0 && strcmp(ret->kind, "shell") != 0) {
        r = err_at(err, ERR_INVALID, "/kind", "must be login or shell");
    }
    return r;
}

int message_usage_ack(json_t *message, int64_t *ret_batch, struct err *err)
{
    struct ack_message ack;
    int r = decode(ack_fields, message, &ack, err);
    if (r == 0) {
        *ret_batch = ack.batch;
    }
    return r;
}

static int check_clean(json_t *items, struct err *err)
{
    size_t i;
    json_t *item;
    if (!json_is_array(items) || json_array_size(items) > CLEAN_MAX) {
        return err_at(err, ERR_INVALID, "/items", "not a list that fits");
    }
    json_array_foreach (items, i, item) {
        const char *name = json_get_string(item, "name", "");
        if (!*name || strlen(name) > NAME_MAX_LEN || !*json_get_string(item, "kind", "")) {
            return err_at(err, ERR_INVALID, "/items",
                          "an item without a kind and a name that fits");
        }
    }
    return 0;
}

int message_drift_clean(json_t *message, json_t **ret_items, struct err *err)
{
    json_t *items = json_object_get(message, "items");
    int r = check_clean(items, err);
    if (r == 0) {
        *ret_items = items;
    }
    return r;
}

int message_log_request(json_t *message, const char **ret_vps, struct err *err)
{
    struct log_request request;
    int r = decode(log_request_fields, message, &request, err);
    if (r == 0) {
        *ret_vps = request.vps;
    }
    return r;
}

int message_fetch(json_t *message, struct fetch_message *ret, struct err *err)
{
    int r = decode(fetch_fields, message, ret, err);
    return r < 0 ? r : check_sha256(ret->sha256, err);
}

int message_push(json_t *message, struct push_message *ret, struct err *err)
{
    int r = decode(push_fields, message, ret, err);
    return r < 0 ? r : check_sha256(ret->sha256, err);
}

int message_pushed(json_t *message, struct pushed_message *ret, struct err *err)
{
    struct pushed pushed;
    int r = decode(pushed_fields, message, &pushed, err);
    if (r == 0) {
        *ret = (struct pushed_message){pushed.image, pushed.error.code, pushed.error.detail};
    }
    return r;
}

int message_fetched(json_t *message, struct fetched_message *ret, struct err *err)
{
    struct fetched fetched;
    int r = decode(fetched_fields, message, &fetched, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct fetched_message){fetched.sha256, fetched.error.code, fetched.error.detail};
    return check_sha256(fetched.sha256, err);
}

int message_certificate(json_t *message, const char **ret_pem, struct err *err)
{
    struct certificate certificate;
    int r = decode(certificate_fields, message, &certificate, err);
    if (r == 0) {
        *ret_pem = certificate.certificate;
    }
    return r;
}

json_t *message_error(const struct err *err)
{
    const struct err_info *info = err_info(err->code);
    char detail[sizeof(err->text)];
    snprintf(detail, sizeof(detail), "%s", err->text);
    for (char *p = detail; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
    json_t *error = json_pack("{s:s, s:s}", "code", info->slug, "detail", detail);
    return error ? error : json_pack("{s:s, s:s}", "code", info->slug, "detail", info->title);
}
