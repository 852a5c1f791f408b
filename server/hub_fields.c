#include "hub_fields.h"

enum {
    DETAIL_MAX = 4096,
    CSR_MAX = 8192,
    LOG_MAX = 65536,
    WARNINGS_MAX = 64,
    IMAGES_MAX = 4096,
    SLOT_MAX = 65534,
    FINDING_MAX = 255,
    FINE_MAX = 8192
};

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

static const struct field failure_fields[] = {
    TEXT("code", struct hub_failure, code, 1, 64),
    {"detail", FIELD_STRING, offsetof(struct hub_failure, detail), 0, DETAIL_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};

const struct field hub_report_fields[] = {
    UUID("vps", struct hub_report, vps),
    INTEGER("generation", struct hub_report, generation, AT_LEAST(0)),
    TEXT("observed", struct hub_report, observed, 1, 16),
    {"slot", FIELD_INT, offsetof(struct hub_report, slot), .max = SLOT_MAX},
    OBJECT("error", struct hub_report, error, failure_fields, FIELD_NULLABLE),
    {0},
};

#define COUNTER(member) INTEGER(#member, struct hub_sample, member, AT_LEAST(0))
// Of which an older agent knows nothing.
#define LATER_COUNTER(member)                                                                      \
    {                                                                                              \
#member, FIELD_INT, offsetof(struct hub_sample, member), AT_LEAST(0)                       \
    }

const struct field hub_sample_fields[] = {
    UUID("vps", struct hub_sample, vps),
    UUID("boot", struct hub_sample, boot),
    INTEGER("seq", struct hub_sample, seq, AT_LEAST(1)),
    TEXT("ts", struct hub_sample, ts, 20, 35),
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
    LATER_COUNTER(net_rx_inside_bytes),
    LATER_COUNTER(net_tx_inside_bytes),
    LATER_COUNTER(net_rx_outside_bytes),
    LATER_COUNTER(net_tx_outside_bytes),
    LATER_COUNTER(net_gaps),
    {"fine", FIELD_STRING, offsetof(struct hub_sample, fine), .max = FINE_MAX},
    {0},
};

const struct field hub_limit_fields[] = {
    TEXT("name", struct hub_limit, name, 1, 32),
    INTEGER("used", struct hub_limit, used, AT_LEAST(0)),
    {"limit", FIELD_INT, offsetof(struct hub_limit, limit), AT_LEAST(0)},
    {"hits", FIELD_INT, offsetof(struct hub_limit, hits), AT_LEAST(0)},
    {0},
};

const struct field hub_kill_fields[] = {
    UUID("boot", struct hub_kill, boot),
    INTEGER("seq", struct hub_kill, seq, AT_LEAST(0)),
    TEXT("ts", struct hub_kill, ts, 20, 35),
    TEXT("process", struct hub_kill, process, 0, 64),
    INTEGER("pid", struct hub_kill, pid, AT_LEAST(0)),
    INTEGER("memory_bytes", struct hub_kill, memory_bytes, AT_LEAST(0)),
    TEXT("cause", struct hub_kill, cause, 1, 16),
    {0},
};

static const struct field throttled_fields[] = {
    INTEGER("periods", struct hub_throttled, periods, AT_LEAST(0)),
    INTEGER("throttled_periods", struct hub_throttled, throttled_periods, AT_LEAST(0)),
    INTEGER("throttled_ns", struct hub_throttled, throttled_ns, AT_LEAST(0)),
    {0},
};

static const struct field stall_fields[] = {
    LIST("some", struct hub_stall, some),
    LIST("full", struct hub_stall, full),
    {0},
};

static const struct field pressure_fields[] = {
    OBJECT("cpu", struct hub_pressure, cpu, stall_fields, FIELD_REQUIRED),
    OBJECT("memory", struct hub_pressure, memory, stall_fields, FIELD_REQUIRED),
    OBJECT("io", struct hub_pressure, io, stall_fields, FIELD_REQUIRED),
    {0},
};

const struct field hub_proof_fields[] = {
    UUID("vps", struct hub_proof, vps),
    UUID("boot", struct hub_proof, boot),
    TEXT("ts", struct hub_proof, ts, 20, 35),
    LIST("limits", struct hub_proof, limits),
    OBJECT("cpu", struct hub_proof, cpu, throttled_fields, FIELD_NULLABLE),
    OBJECT("pressure", struct hub_proof, pressure, pressure_fields, FIELD_NULLABLE),
    INTEGER("oom_kills", struct hub_proof, oom_kills, AT_LEAST(0)),
    LIST("kills", struct hub_proof, kills),
    {0},
};

static const struct field driver_fields[] = {
    TEXT("container", struct hub_drivers, container, 1, 32),
    TEXT("volume", struct hub_drivers, volume, 1, 32),
    TEXT("network", struct hub_drivers, network, 1, 32),
    {0},
};

static const struct field node_fields[] = {
    TEXT("kernel", struct hub_node, kernel, 1, 128),
    INTEGER("cpus", struct hub_node, cpus, 1, 65536),
    INTEGER("memory_bytes", struct hub_node, memory_bytes, AT_LEAST(0)),
    INTEGER("disk_bytes", struct hub_node, disk_bytes, AT_LEAST(0)),
    INTEGER("disk_free_bytes", struct hub_node, disk_free_bytes, AT_LEAST(0)),
    {"pool_bytes", FIELD_INT, offsetof(struct hub_node, pool_bytes), .max = INT64_MAX},
    INTEGER("id_base", struct hub_node, id_base, 65536, HUB_ID_MAX),
    INTEGER("id_count", struct hub_node, id_count, 1, 65535),
    TEXT("cgroup", struct hub_node, cgroup, 2, 2),
    FLAG("apparmor", struct hub_node, apparmor),
    FLAG("lxcfs", struct hub_node, lxcfs),
    OBJECT("drivers", struct hub_node, drivers, driver_fields, FIELD_REQUIRED),
    STRINGS("warnings", struct hub_node, warnings, WARNINGS_MAX, 512),
    {0},
};

const struct field hub_hello_fields[] = {
    TYPE(struct hub_hello),
    TEXT("agent", struct hub_hello, agent, 1, 64),
    UUID("boot", struct hub_hello, boot),
    {"name", FIELD_NAME, offsetof(struct hub_hello, name), .flags = FIELD_REQUIRED},
    OBJECT("node", struct hub_hello, node, node_fields, FIELD_REQUIRED),
    STRINGS("images", struct hub_hello, images, IMAGES_MAX, 64),
    LIST("inventory", struct hub_hello, inventory),
    {"alarms", FIELD_JSON, offsetof(struct hub_hello, alarms)},
    {0},
};

const struct field hub_progress_fields[] = {
    TYPE(struct hub_progress),
    EPOCH(struct hub_progress),
    UUID("task", struct hub_progress, task),
    INTEGER("progress", struct hub_progress, progress, 0, 100),
    TEXT("step", struct hub_progress, step, 0, 64),
    {0},
};

const struct field hub_result_fields[] = {
    TYPE(struct hub_result),
    EPOCH(struct hub_result),
    UUID("task", struct hub_result, task),
    TEXT("status", struct hub_result, status, 1, 16),
    UUID("vps", struct hub_result, vps),
    INTEGER("generation", struct hub_result, generation, AT_LEAST(0)),
    TEXT("observed", struct hub_result, observed, 1, 16),
    OBJECT("error", struct hub_result, error, failure_fields, FIELD_NULLABLE),
    {"size_bytes", FIELD_INT, offsetof(struct hub_result, size_bytes), .max = INT64_MAX},
    {0},
};

const struct field hub_inventory_fields[] = {
    TYPE(struct hub_inventory),
    EPOCH(struct hub_inventory),
    FLAG("full", struct hub_inventory, full),
    {"fresh", FIELD_BOOL, offsetof(struct hub_inventory, fresh)},
    LIST("vps", struct hub_inventory, vps),
    {0},
};

const struct field hub_usage_fields[] = {
    TYPE(struct hub_usage),
    EPOCH(struct hub_usage),
    INTEGER("batch", struct hub_usage, batch, AT_LEAST(0)),
    {"boot", FIELD_UUID, offsetof(struct hub_usage, boot)},
    {"now_mono_ns", FIELD_INT, offsetof(struct hub_usage, now_mono_ns), AT_LEAST(0)},
    LIST("samples", struct hub_usage, samples),
    {0},
};

const struct field hub_evidence_fields[] = {
    TYPE(struct hub_evidence),
    EPOCH(struct hub_evidence),
    LIST("items", struct hub_evidence, items),
    {0},
};

const struct field hub_log_fields[] = {
    TYPE(struct hub_log),
    EPOCH(struct hub_log),
    UUID("vps", struct hub_log, vps),
    {"text", FIELD_STRING, offsetof(struct hub_log, text), 0, LOG_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    FLAG("truncated", struct hub_log, truncated),
    {0},
};

const struct field hub_heartbeat_fields[] = {
    TYPE(struct hub_heartbeat),
    EPOCH(struct hub_heartbeat),
    INTEGER("disk_free_bytes", struct hub_heartbeat, disk_free_bytes, AT_LEAST(0)),
    {"pool_bytes", FIELD_INT, offsetof(struct hub_heartbeat, pool_bytes), .max = INT64_MAX},
    INTEGER("memory_free_bytes", struct hub_heartbeat, memory_free_bytes, AT_LEAST(0)),
    INTEGER("load_milli", struct hub_heartbeat, load_milli, AT_LEAST(0)),
    {"alarms", FIELD_JSON, offsetof(struct hub_heartbeat, alarms)},
    {0},
};

const struct field hub_alarm_fields[] = {
    TEXT("code", struct hub_alarm, code, 1, 64),
    TEXT("detail", struct hub_alarm, detail, 0, FINDING_MAX),
    {0},
};

const struct field hub_finding_fields[] = {
    TEXT("kind", struct hub_finding, kind, 1, 32),
    TEXT("name", struct hub_finding, name, 1, FINDING_MAX),
    TEXT("detail", struct hub_finding, detail, 0, FINDING_MAX),
    {"error", FIELD_STRING, offsetof(struct hub_finding, error), 0, FINDING_MAX},
    {0},
};

const struct field hub_drift_fields[] = {
    TYPE(struct hub_drift),
    EPOCH(struct hub_drift),
    LIST("items", struct hub_drift, items),
    {0},
};

const struct field hub_certificate_request_fields[] = {
    TYPE(struct hub_certificate_request),
    EPOCH(struct hub_certificate_request),
    {"csr", FIELD_STRING, offsetof(struct hub_certificate_request, csr), 1, CSR_MAX,
     .flags = FIELD_REQUIRED | FIELD_MULTILINE},
    {0},
};
