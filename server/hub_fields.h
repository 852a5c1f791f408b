// The fields of an agent's messages, as docs/agent-protocol.md gives them. Used by hub_message.c, which
// checks what a table cannot say.
#pragma once

#include "field.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define HUB_ID_MAX 4294967295LL // uid_t, and -1 is not an id

struct hub_failure {
    const char *code, *detail;
};

// What the node sees of one vps.
struct hub_report {
    const char *vps, *observed;
    int64_t generation, slot;
    struct hub_failure error;
};

struct hub_sample {
    const char *vps, *boot, *ts, *fine;
    int64_t seq, mono_ns, cpu_ns, memory_bytes, memory_anon_bytes, disk_bytes;
    int64_t io_read_bytes, io_write_bytes, io_read_ops, io_write_ops;
    int64_t net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets, pids, oom_kills;
    int64_t net_rx_inside_bytes, net_tx_inside_bytes, net_rx_outside_bytes, net_tx_outside_bytes;
    int64_t net_gaps;
};

struct hub_limit {
    const char *name;
    int64_t used, limit, hits; // limit absent: none; hits absent: nobody counts them
};

struct hub_kill {
    const char *boot, *ts, *process, *cause;
    int64_t seq, pid, memory_bytes;
};

struct hub_throttled {
    int64_t periods, throttled_periods, throttled_ns;
};

struct hub_stall {
    json_t *some, *full; // lists of four numbers
};

struct hub_pressure {
    struct hub_stall cpu, memory, io;
};

// What one vps met of its limits.
struct hub_proof {
    const char *vps, *boot, *ts;
    json_t *limits, *kills;
    struct hub_throttled cpu;
    struct hub_pressure pressure;
    int64_t oom_kills;
};

struct hub_drivers {
    const char *container, *volume, *network;
};

struct hub_node {
    const char *kernel, *cgroup;
    int64_t cpus, memory_bytes, disk_bytes, disk_free_bytes, pool_bytes, id_base, id_count;
    bool apparmor, lxcfs;
    struct hub_drivers drivers;
    struct field_strings warnings;
};

struct hub_hello {
    const char *type, *agent, *boot, *name;
    struct hub_node node;
    struct field_strings images;
    json_t *inventory, *alarms;
};

struct hub_progress {
    const char *type, *task, *step;
    int64_t epoch, progress;
};

struct hub_result {
    const char *type, *task, *status, *vps, *observed;
    int64_t epoch, generation;
    struct hub_failure error;
    int64_t size_bytes; // of a snapshot
};

struct hub_inventory {
    const char *type;
    int64_t epoch;
    bool full, fresh;
    json_t *vps;
};

struct hub_usage {
    const char *type;
    const char *boot;
    int64_t epoch, batch, now_mono_ns;
    json_t *samples;
};

struct hub_evidence {
    const char *type;
    int64_t epoch;
    json_t *items;
};

struct hub_log {
    const char *type, *vps, *text;
    int64_t epoch;
    bool truncated;
};

struct hub_heartbeat {
    const char *type;
    int64_t epoch, pool_bytes, disk_free_bytes, memory_free_bytes, load_milli;
    json_t *alarms;
};

// Something that a sweep of the node found, or one of the node's alarms.
struct hub_finding {
    const char *kind, *name, *detail, *error;
};

struct hub_alarm {
    const char *code, *detail;
};

struct hub_drift {
    const char *type;
    int64_t epoch;
    json_t *items;
};

struct hub_certificate_request {
    const char *type, *csr;
    int64_t epoch;
};

// Every decoded message begins with its type; only the member that the type names is read.
union hub_decoded {
    struct hub_hello hello;
    struct hub_progress progress;
    struct hub_result result;
    struct hub_inventory inventory;
    struct hub_usage usage;
    struct hub_evidence evidence;
    struct hub_log log;
    struct hub_heartbeat heartbeat;
    struct hub_drift drift;
    struct hub_certificate_request certificate_request;
};

extern const struct field hub_report_fields[];
extern const struct field hub_sample_fields[];
extern const struct field hub_hello_fields[];
extern const struct field hub_progress_fields[];
extern const struct field hub_result_fields[];
extern const struct field hub_inventory_fields[];
extern const struct field hub_usage_fields[];
extern const struct field hub_limit_fields[];
extern const struct field hub_kill_fields[];
extern const struct field hub_proof_fields[];
extern const struct field hub_evidence_fields[];
extern const struct field hub_log_fields[];
extern const struct field hub_heartbeat_fields[];
extern const struct field hub_drift_fields[];
extern const struct field hub_finding_fields[];
extern const struct field hub_alarm_fields[];
extern const struct field hub_certificate_request_fields[];
