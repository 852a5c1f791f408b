#include "hub_message.h"

#include "hub_fields.h"
#include "hub_usage.h"
#include "json.h"

#include <string.h>
#include <time.h>

enum {
    DEPTH_MAX = 8,
    VPS_MAX = 8192,
    SAMPLES_MAX = 4096,
    PROOFS_MAX = 1024,
    LIMITS_MAX = 16,
    KILLS_MAX = 16,
    STALL_NUMBERS = 4,
    ALARMS_MAX = 32,
    FINDINGS_MAX = 1000,
    IDS_PER_RANGE = 65536,
};

static int wrong(struct err *err, const char *pointer, const char *what)
{
    return err_at(err, ERR_PROTOCOL, pointer, "%s", what);
}

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(value, *words) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_observed(const char *value)
{
    static const char *const words[] = {"absent", "stopped", "running", "error", NULL};
    return is_one_of(value, words);
}

// RFC 3339 in UTC: 2026-01-31T23:59:59Z, with at most nine digits of a fraction.
static bool is_time(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!rest || rest - text != 19 || tm.tm_sec > 59 || tm.tm_year < 100 || tm.tm_year > 200) {
        return false;
    }
    struct tm checked = tm;
    if (timegm(&checked) < 0 || checked.tm_mday != tm.tm_mday) {
        return false;
    }
    if (*rest == '.') {
        size_t digits = strspn(rest + 1, "0123456789");
        if (digits < 1 || digits > 9) {
            return false;
        }
        rest += 1 + digits;
    }
    return strcmp(rest, "Z") == 0;
}

// Fails with the place of a list's item in front of the place within it.
static int wrong_item(struct err *err, const char *list, size_t index)
{
    char pointer[sizeof(err->pointer)];
    snprintf(pointer, sizeof(pointer), "/%s/%zu%.60s", list, index, err->pointer);
    snprintf(err->pointer, sizeof(err->pointer), "%s", pointer);
    return err->code = ERR_PROTOCOL;
}

static int check_size(const json_t *list, size_t max, const char *name, struct err *err)
{
    char pointer[32];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!json_is_array(list)) {
        return wrong(err, pointer, "must be a list");
    }
    return json_array_size(list) > max ? wrong(err, pointer, "has too many items") : 0;
}

static int check_list(json_t *list, size_t max, const char *name,
                      int (*check)(json_t *item, struct err *err), struct err *err)
{
    int r = check_size(list, max, name, err);
    if (r < 0) {
        return r;
    }
    size_t index;
    json_t *item;
    json_array_foreach (list, index, item) {
        if (check(item, err) < 0) {
            return wrong_item(err, name, index);
        }
    }
    return 0;
}

static int check_report(json_t *item, struct err *err)
{
    struct hub_report report;
    int r = field_decode(hub_report_fields, item, NULL, &report, err);
    if (r < 0) {
        return r;
    }
    return is_observed(report.observed) ? 0 : wrong(err, "/observed", "is not a known state");
}

static int read_sample(json_t *item, struct hub_sample *ret_sample, struct err *err)
{
    struct hub_sample sample;
    int r = field_decode(hub_sample_fields, item, NULL, &sample, err);
    if (r < 0) {
        return r;
    }
    if (sample.fine && sample.fine[strspn(sample.fine, "0123456789,;")] != '\0') {
        return wrong(err, "/fine", "is not a list of numbers");
    }
    if (!is_time(sample.ts)) {
        return wrong(err, "/ts", "is not a time in RFC 3339 and UTC");
    }
    *ret_sample = sample;
    return 0;
}

static int check_alarm(json_t *item, struct err *err)
{
    struct hub_alarm alarm;
    return field_decode(hub_alarm_fields, item, NULL, &alarm, err);
}

static int check_finding(json_t *item, struct err *err)
{
    struct hub_finding finding;
    return field_decode(hub_finding_fields, item, NULL, &finding, err);
}

// Those of a node that says nothing of alarms stay as they are.
static int check_alarms(json_t *alarms, struct err *err)
{
    return alarms ? check_list(alarms, ALARMS_MAX, "alarms", check_alarm, err) : 0;
}

static int check_hello(const union hub_decoded *decoded, struct hub_message *message,
                       struct err *err)
{
    static const char *const cgroups[] = {"v1", "v2", NULL};
    const struct hub_hello *hello = &decoded->hello;
    if (!is_one_of(hello->node.cgroup, cgroups)) {
        return wrong(err, "/node/cgroup", "must be v1 or v2");
    }
    if (hello->node.id_base + hello->node.id_count * IDS_PER_RANGE > HUB_ID_MAX) {
        return wrong(err, "/node/id_count", "the ranges end past the last id");
    }
    int r = check_alarms(hello->alarms, err);
    return r < 0 ? r : check_list(hello->inventory, VPS_MAX, "inventory", check_report, err);
}

static int check_progress(const union hub_decoded *decoded, struct hub_message *message,
                          struct err *err)
{
    message->epoch = decoded->progress.epoch;
    snprintf(message->key, sizeof(message->key), "progress %s", decoded->progress.task);
    return 0;
}

static int check_result(const union hub_decoded *decoded, struct hub_message *message,
                        struct err *err)
{
    static const char *const statuses[] = {"done", "failed", NULL};
    const struct hub_result *result = &decoded->result;
    message->epoch = result->epoch;
    snprintf(message->key, sizeof(message->key), "result %s", result->task);
    if (!is_one_of(result->status, statuses)) {
        return wrong(err, "/status", "must be done or failed");
    }
    if (strcmp(result->status, "failed") == 0 && !result->error.code) {
        return wrong(err, "/error", "a failed task says why");
    }
    return is_observed(result->observed) ? 0 : wrong(err, "/observed", "is not a known state");
}

static int check_inventory(const union hub_decoded *decoded, struct hub_message *message,
                           struct err *err)
{
    const struct hub_inventory *inventory = &decoded->inventory;
    message->epoch = inventory->epoch;
    if (inventory->full) {
        snprintf(message->key, sizeof(message->key), "%s",
                 inventory->fresh ? "fresh" : "inventory");
    }
    return check_list(inventory->vps, VPS_MAX, "vps", check_report, err);
}

static int check_usage(const union hub_decoded *decoded, struct hub_message *message,
                       struct err *err)
{
    message->epoch = decoded->usage.epoch;
    snprintf(message->key, sizeof(message->key), "usage %lld", (long long)decoded->usage.batch);
    json_t *list = decoded->usage.samples;
    int r = check_size(list, SAMPLES_MAX, "samples", err);
    if (r < 0) {
        return r;
    }
    _cleanup_free_ struct hub_sample *samples = calloc(json_array_size(list) + 1, sizeof(*samples));
    if (!samples) {
        abort();
    }
    size_t index;
    json_t *item;
    json_array_foreach (list, index, item) {
        if (read_sample(item, &samples[index], err) < 0) {
            return wrong_item(err, "samples", index);
        }
    }
    message->text = hub_usage_text(&decoded->usage, samples, json_array_size(list));
    return 0;
}

static int check_limit(json_t *item, struct err *err)
{
    static const char *const names[] = {"memory",
                                        "swap",
                                        "processes",
                                        "cpu",
                                        "disk",
                                        "io",
                                        "iops",
                                        "network_in",
                                        "network_out",
                                        "connections_in",
                                        "connections_out",
                                        NULL};
    struct hub_limit limit;
    int r = field_decode(hub_limit_fields, item, NULL, &limit, err);
    if (r < 0) {
        return r;
    }
    return is_one_of(limit.name, names) ? 0 : wrong(err, "/name", "is not a known limit");
}

static int check_kill(json_t *item, struct err *err)
{
    static const char *const causes[] = {"limit", "node", NULL};
    struct hub_kill kill;
    int r = field_decode(hub_kill_fields, item, NULL, &kill, err);
    if (r < 0) {
        return r;
    }
    if (!is_time(kill.ts)) {
        return wrong(err, "/ts", "is not a time in RFC 3339 and UTC");
    }
    return is_one_of(kill.cause, causes) ? 0 : wrong(err, "/cause", "must be limit or node");
}

// Absent when the host does not offer it.
static int check_stall(const json_t *numbers, struct err *err)
{
    size_t index;
    const json_t *number;
    if (!numbers || json_is_null(numbers)) {
        return 0;
    }
    if (!json_is_array(numbers) || json_array_size(numbers) != STALL_NUMBERS) {
        return wrong(err, "/pressure", "must be lists of four numbers");
    }
    json_array_foreach ((json_t *)(uintptr_t)numbers, index, number) {
        if (!json_is_integer(number) || json_integer_value(number) < 0) {
            return wrong(err, "/pressure", "must be lists of four numbers");
        }
    }
    return 0;
}

static int check_pressure(const struct hub_pressure *pressure, struct err *err)
{
    const json_t *const stalls[] = {pressure->cpu.some,    pressure->cpu.full,
                                    pressure->memory.some, pressure->memory.full,
                                    pressure->io.some,     pressure->io.full};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(stalls); i++) {
        r = check_stall(stalls[i], err);
    }
    return r;
}

static int check_proof(json_t *item, struct err *err)
{
    struct hub_proof proof;
    int r = field_decode(hub_proof_fields, item, NULL, &proof, err);
    if (r == 0 && !is_time(proof.ts)) {
        r = wrong(err, "/ts", "is not a time in RFC 3339 and UTC");
    }
    if (r == 0) {
        r = check_list(proof.limits, LIMITS_MAX, "limits", check_limit, err);
    }
    if (r == 0) {
        r = check_list(proof.kills, KILLS_MAX, "kills", check_kill, err);
    }
    return r < 0 ? r : check_pressure(&proof.pressure, err);
}

static int check_evidence(const union hub_decoded *decoded, struct hub_message *message,
                          struct err *err)
{
    message->epoch = decoded->evidence.epoch;
    return check_list(decoded->evidence.items, PROOFS_MAX, "items", check_proof, err);
}

static int check_log(const union hub_decoded *decoded, struct hub_message *message, struct err *err)
{
    message->epoch = decoded->log.epoch;
    snprintf(message->key, sizeof(message->key), "log %s", decoded->log.vps);
    return 0;
}

static int check_heartbeat(const union hub_decoded *decoded, struct hub_message *message,
                           struct err *err)
{
    message->epoch = decoded->heartbeat.epoch;
    snprintf(message->key, sizeof(message->key), "heartbeat");
    return check_alarms(decoded->heartbeat.alarms, err);
}

static int check_drift(const union hub_decoded *decoded, struct hub_message *message,
                       struct err *err)
{
    message->epoch = decoded->drift.epoch;
    snprintf(message->key, sizeof(message->key), "drift");
    return check_list(decoded->drift.items, FINDINGS_MAX, "items", check_finding, err);
}

static int check_certificate_request(const union hub_decoded *decoded, struct hub_message *message,
                                     struct err *err)
{
    message->epoch = decoded->certificate_request.epoch;
    snprintf(message->key, sizeof(message->key), "certificate_request");
    message->csr = strdup(decoded->certificate_request.csr);
    return 0;
}

struct message_type {
    const char *name;
    const struct field *fields;
    int (*check)(const union hub_decoded *decoded, struct hub_message *message, struct err *err);
};

static const struct message_type types[HUB_MESSAGE_TYPES] = {
    [HUB_HELLO] = {"hello", hub_hello_fields, check_hello},
    [HUB_TASK_PROGRESS] = {"task_progress", hub_progress_fields, check_progress},
    [HUB_TASK_RESULT] = {"task_result", hub_result_fields, check_result},
    [HUB_INVENTORY] = {"inventory", hub_inventory_fields, check_inventory},
    [HUB_USAGE] = {"usage", hub_usage_fields, check_usage},
    [HUB_EVIDENCE] = {"evidence", hub_evidence_fields, check_evidence},
    [HUB_LOG] = {"log", hub_log_fields, check_log},
    [HUB_HEARTBEAT] = {"heartbeat", hub_heartbeat_fields, check_heartbeat},
    [HUB_DRIFT] = {"drift", hub_drift_fields, check_drift},
    [HUB_CERTIFICATE_REQUEST] = {"certificate_request", hub_certificate_request_fields,
                                 check_certificate_request},
};

const char *hub_message_name(enum hub_message_type type)
{
    return types[type].name;
}

static int find_type(const json_t *json, enum hub_message_type *ret_type, struct err *err)
{
    const char *name = json_get_string(json, "type", "");
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].name, name) == 0) {
            *ret_type = (enum hub_message_type)i;
            return 0;
        }
    }
    return wrong(err, "/type", "is not a type that an agent may send");
}

static int decode(json_t *json, struct hub_message *message, struct err *err)
{
    int r = find_type(json, &message->type, err);
    if (r < 0) {
        return r;
    }
    const struct message_type *type = &types[message->type];
    union hub_decoded decoded;
    if (field_decode(type->fields, json, NULL, &decoded, err) < 0) {
        return err->code = ERR_PROTOCOL;
    }
    r = type->check(&decoded, message, err);
    field_release(type->fields, &decoded);
    return r;
}

int hub_message_read(const char *text, size_t len, struct hub_message *ret_message, struct err *err)
{
    _cleanup_json_ json_t *json = NULL;
    if (json_read(text, len, DEPTH_MAX, &json, err) < 0) {
        return err->code = ERR_PROTOCOL;
    }
    struct hub_message message = {0};
    int r = decode(json, &message, err);
    if (r < 0) {
        hub_message_finish(&message);
        return r;
    }
    if (!message.text && !(message.text = strndup(text, len))) {
        abort();
    }
    *ret_message = message;
    return 0;
}

void hub_message_finish(struct hub_message *message)
{
    free(message->csr);
    free(message->text);
    *message = (struct hub_message){0};
}
