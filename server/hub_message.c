#include "hub_message.h"

#include "field.h"
#include "json.h"

#include <string.h>
#include <time.h>

enum {
    DEPTH_MAX = 8,
    DETAIL_MAX = 4096,
    CSR_MAX = 8192,
    WARNINGS_MAX = 64,
    IMAGES_MAX = 4096,
    VPS_MAX = 8192,
    SAMPLES_MAX = 4096,
    IDS_PER_RANGE = 65536,
};

#define HOST_ID_MAX 4294967295LL // uid_t, and -1 is not an id
#define AT_LEAST(least) least, INT64_MAX
#define INTEGER(name, structure, member, ...)                                                      \
    {                                                                                              \
        name, FIELD_INT, offsetof(structure, member), __VA_ARGS__, .flags = FIELD_REQUIRED         \
    }
#define TEXT(name, structure, member, ...)                                                         \
    {                                                                                              \
        name, FIELD_STRING, offsetof(structure, member), __VA_ARGS__, .flags = FIELD_REQUIRED      \
    }
#define UUID(name, structure, member)                                                              \
    {                                                                                              \
        name, FIELD_UUID, offsetof(structure, member), .flags = FIELD_REQUIRED                     \
    }
#define FLAG(name, structure, member)                                                              \
    {                                                                                              \
        name, FIELD_BOOL, offsetof(structure, member), .flags = FIELD_REQUIRED                     \
    }
#define STRINGS(name, structure, member, count, bytes)                                             \
    {                                                                                              \
        name, FIELD_STRINGS, offsetof(structure, member), 0, count, .item_max = bytes,             \
                                                                    .flags = FIELD_REQUIRED        \
    }
#define LIST(name, structure, member)                                                              \
    {                                                                                              \
        name, FIELD_JSON, offsetof(structure, member), .flags = FIELD_REQUIRED                     \
    }
#define OBJECT(name, structure, member, table, flag)                                               \
    {                                                                                              \
        name, FIELD_OBJECT, offsetof(structure, member), .fields = table, .flags = flag            \
    }
#define TYPE(structure) TEXT("type", structure, type, 1, 32)
#define EPOCH(structure) INTEGER("epoch", structure, epoch, AT_LEAST(1))

struct failure {
    const char *code, *detail;
};

static const struct field failure_fields[] = {
    TEXT("code", struct failure, code, 1, 64),
    {"detail", FIELD_STRING, offsetof(struct failure, detail), 0, DETAIL_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

// What the node sees of one vps.
struct report {
    const char *vps, *observed;
    int64_t generation;
    struct failure error;
};

static const struct field report_fields[] = {
    UUID("vps", struct report, vps),
    INTEGER("generation", struct report, generation, AT_LEAST(0)),
    TEXT("observed", struct report, observed, 1, 16),
    OBJECT("error", struct report, error, failure_fields, FIELD_NULLABLE),
    {0},
};

struct sample {
    const char *vps, *boot, *ts;
    int64_t seq, mono_ns, cpu_ns, memory_bytes, memory_anon_bytes, disk_bytes;
    int64_t io_read_bytes, io_write_bytes, io_read_ops, io_write_ops;
    int64_t net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets, pids, oom_kills;
};

#define COUNTER(member) INTEGER(#member, struct sample, member, AT_LEAST(0))

static const struct field sample_fields[] = {
    UUID("vps", struct sample, vps),
    UUID("boot", struct sample, boot),
    INTEGER("seq", struct sample, seq, AT_LEAST(1)),
    TEXT("ts", struct sample, ts, 20, 35),
    COUNTER(mono_ns),
    COUNTER(cpu_ns),
    COUNTER(memory_bytes),
    COUNTER(memory_anon_bytes),
    COUNTER(disk_bytes),
    COUNTER(io_read_bytes),
    COUNTER(io_write_bytes),
    COUNTER(io_read_ops),
    COUNTER(io_write_ops),
    COUNTER(net_rx_bytes),
    COUNTER(net_tx_bytes),
    COUNTER(net_rx_packets),
    COUNTER(net_tx_packets),
    COUNTER(pids),
    COUNTER(oom_kills),
    {0},
};

struct drivers {
    const char *container, *volume, *network;
};

static const struct field driver_fields[] = {
    TEXT("container", struct drivers, container, 1, 32),
    TEXT("volume", struct drivers, volume, 1, 32),
    TEXT("network", struct drivers, network, 1, 32),
    {0},
};

struct node {
    const char *kernel, *cgroup;
    int64_t cpus, memory_bytes, disk_bytes, disk_free_bytes, id_base, id_count;
    bool apparmor, lxcfs;
    struct drivers drivers;
    struct field_strings warnings;
};

static const struct field node_fields[] = {
    TEXT("kernel", struct node, kernel, 1, 128),
    INTEGER("cpus", struct node, cpus, 1, 65536),
    INTEGER("memory_bytes", struct node, memory_bytes, AT_LEAST(0)),
    INTEGER("disk_bytes", struct node, disk_bytes, AT_LEAST(0)),
    INTEGER("disk_free_bytes", struct node, disk_free_bytes, AT_LEAST(0)),
    INTEGER("id_base", struct node, id_base, 65536, HOST_ID_MAX),
    INTEGER("id_count", struct node, id_count, 1, 65535),
    TEXT("cgroup", struct node, cgroup, 2, 2),
    FLAG("apparmor", struct node, apparmor),
    FLAG("lxcfs", struct node, lxcfs),
    OBJECT("drivers", struct node, drivers, driver_fields, FIELD_REQUIRED),
    STRINGS("warnings", struct node, warnings, WARNINGS_MAX, 512),
    {0},
};

struct hello {
    const char *type, *agent, *boot, *name;
    struct node node;
    struct field_strings images;
    json_t *inventory;
};

static const struct field hello_fields[] = {
    TYPE(struct hello),
    TEXT("agent", struct hello, agent, 1, 64),
    UUID("boot", struct hello, boot),
    {"name", FIELD_NAME, offsetof(struct hello, name), .flags = FIELD_REQUIRED},
    OBJECT("node", struct hello, node, node_fields, FIELD_REQUIRED),
    STRINGS("images", struct hello, images, IMAGES_MAX, 64),
    LIST("inventory", struct hello, inventory),
    {0},
};

struct progress {
    const char *type, *task, *step;
    int64_t epoch, progress;
};

static const struct field progress_fields[] = {
    TYPE(struct progress),
    EPOCH(struct progress),
    UUID("task", struct progress, task),
    INTEGER("progress", struct progress, progress, 0, 100),
    TEXT("step", struct progress, step, 0, 64),
    {0},
};

struct result {
    const char *type, *task, *status, *vps, *observed;
    int64_t epoch, generation;
    struct failure error;
};

static const struct field result_fields[] = {
    TYPE(struct result),
    EPOCH(struct result),
    UUID("task", struct result, task),
    TEXT("status", struct result, status, 1, 16),
    UUID("vps", struct result, vps),
    INTEGER("generation", struct result, generation, AT_LEAST(0)),
    TEXT("observed", struct result, observed, 1, 16),
    OBJECT("error", struct result, error, failure_fields, FIELD_NULLABLE),
    {0},
};

struct inventory {
    const char *type;
    int64_t epoch;
    bool full;
    json_t *vps;
};

static const struct field inventory_fields[] = {
    TYPE(struct inventory),
    EPOCH(struct inventory),
    FLAG("full", struct inventory, full),
    LIST("vps", struct inventory, vps),
    {0},
};

struct usage {
    const char *type;
    int64_t epoch, batch;
    json_t *samples;
};

static const struct field usage_fields[] = {
    TYPE(struct usage),
    EPOCH(struct usage),
    INTEGER("batch", struct usage, batch, AT_LEAST(0)),
    LIST("samples", struct usage, samples),
    {0},
};

struct heartbeat {
    const char *type;
    int64_t epoch, disk_free_bytes, memory_free_bytes, load_milli;
};

static const struct field heartbeat_fields[] = {
    TYPE(struct heartbeat),
    EPOCH(struct heartbeat),
    INTEGER("disk_free_bytes", struct heartbeat, disk_free_bytes, AT_LEAST(0)),
    INTEGER("memory_free_bytes", struct heartbeat, memory_free_bytes, AT_LEAST(0)),
    INTEGER("load_milli", struct heartbeat, load_milli, AT_LEAST(0)),
    {0},
};

struct certificate_request {
    const char *type, *csr;
    int64_t epoch;
};

static const struct field certificate_request_fields[] = {
    TYPE(struct certificate_request),
    EPOCH(struct certificate_request),
    {"csr", FIELD_STRING, offsetof(struct certificate_request, csr), 1, CSR_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

// Every decoded message begins with its type; only the member that the type names is read.
union decoded {
    struct hello hello;
    struct progress progress;
    struct result result;
    struct inventory inventory;
    struct usage usage;
    struct heartbeat heartbeat;
    struct certificate_request certificate_request;
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

static int check_list(json_t *list, size_t max, const char *name,
                      int (*check)(json_t *item, struct err *err), struct err *err)
{
    char pointer[32];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!json_is_array(list)) {
        return wrong(err, pointer, "must be a list");
    }
    if (json_array_size(list) > max) {
        return wrong(err, pointer, "has too many items");
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
    struct report report;
    int r = field_decode(report_fields, item, NULL, &report, err);
    if (r < 0) {
        return r;
    }
    return is_observed(report.observed) ? 0 : wrong(err, "/observed", "is not a known state");
}

static int check_sample(json_t *item, struct err *err)
{
    struct sample sample;
    int r = field_decode(sample_fields, item, NULL, &sample, err);
    if (r < 0) {
        return r;
    }
    return is_time(sample.ts) ? 0 : wrong(err, "/ts", "is not a time in RFC 3339 and UTC");
}

static int check_hello(const union decoded *decoded, struct hub_message *message, struct err *err)
{
    static const char *const cgroups[] = {"v1", "v2", NULL};
    const struct hello *hello = &decoded->hello;
    if (!is_one_of(hello->node.cgroup, cgroups)) {
        return wrong(err, "/node/cgroup", "must be v1 or v2");
    }
    if (hello->node.id_base + hello->node.id_count * IDS_PER_RANGE > HOST_ID_MAX) {
        return wrong(err, "/node/id_count", "the ranges end past the last id");
    }
    return check_list(hello->inventory, VPS_MAX, "inventory", check_report, err);
}

static int check_progress(const union decoded *decoded, struct hub_message *message,
                          struct err *err)
{
    message->epoch = decoded->progress.epoch;
    snprintf(message->key, sizeof(message->key), "progress %s", decoded->progress.task);
    return 0;
}

static int check_result(const union decoded *decoded, struct hub_message *message, struct err *err)
{
    static const char *const statuses[] = {"done", "failed", NULL};
    const struct result *result = &decoded->result;
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

static int check_inventory(const union decoded *decoded, struct hub_message *message,
                           struct err *err)
{
    const struct inventory *inventory = &decoded->inventory;
    message->epoch = inventory->epoch;
    if (inventory->full) {
        snprintf(message->key, sizeof(message->key), "inventory");
    }
    return check_list(inventory->vps, VPS_MAX, "vps", check_report, err);
}

static int check_usage(const union decoded *decoded, struct hub_message *message, struct err *err)
{
    message->epoch = decoded->usage.epoch;
    snprintf(message->key, sizeof(message->key), "usage %lld", (long long)decoded->usage.batch);
    return check_list(decoded->usage.samples, SAMPLES_MAX, "samples", check_sample, err);
}

static int check_heartbeat(const union decoded *decoded, struct hub_message *message,
                           struct err *err)
{
    message->epoch = decoded->heartbeat.epoch;
    snprintf(message->key, sizeof(message->key), "heartbeat");
    return 0;
}

static int check_certificate_request(const union decoded *decoded, struct hub_message *message,
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
    int (*check)(const union decoded *decoded, struct hub_message *message, struct err *err);
};

static const struct message_type types[HUB_MESSAGE_TYPES] = {
    [HUB_HELLO] = {"hello", hello_fields, check_hello},
    [HUB_TASK_PROGRESS] = {"task_progress", progress_fields, check_progress},
    [HUB_TASK_RESULT] = {"task_result", result_fields, check_result},
    [HUB_INVENTORY] = {"inventory", inventory_fields, check_inventory},
    [HUB_USAGE] = {"usage", usage_fields, check_usage},
    [HUB_HEARTBEAT] = {"heartbeat", heartbeat_fields, check_heartbeat},
    [HUB_CERTIFICATE_REQUEST] = {"certificate_request", certificate_request_fields,
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
    union decoded decoded;
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
    message.text = strndup(text, len);
    if (!message.text) {
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
