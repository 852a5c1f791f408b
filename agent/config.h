// The agent's configuration file: YAML, decoded through a field table, documented by it.
#pragma once

#include "err.h"
#include "field.h"

#include <stdint.h>
#include <stdio.h>

struct agent_config {
    const char *state_dir; // absolute; default /var/lib/croft/agent
    const char *server; // host:port of the agent listener; empty: pki/server, written by join
    const char *name; // node name offered when joining; default: the host name
    const char *link_user; // account of the link process; default croft-agent
    const char *log_level;
    struct {
        const char *container, *volume, *network; // lxc|crun|fake, btrfs|fake, routed|fake
    } drivers;
    struct {
        const char *device; // block device with btrfs, or empty: loop file state_dir/pool.img
        int64_t size_bytes; // of the loop file, when it is made
        const char *mode; // of new disks: snapshot|layer; NULL: snapshot
    } pool;
    struct {
        int64_t base; // first host id, a multiple of 65536 is not required; at least 100000
        int64_t count; // ranges of 65,536 ids
    } ids;
    struct { // what is declared to the control plane; 0: measured
        int64_t vcpus, memory_bytes, disk_bytes;
    } capacity;
    struct {
        struct field_strings deny; // networks that no guest may reach, canonical
        struct field_strings inside; // networks of the location, canonical
        int64_t connections; // tracked at once, each way, of one guest
    } network;
    int64_t sample_s; // 1..60, default 10: usage sampling; the server's welcome may not change it
    int64_t report_s; // 1..600, default 60
    int64_t workers; // 1..64 parallel tasks, default 16
    int64_t image_cache_bytes; // that images in the pool may have together, but for those in use
    int64_t stop_timeout_s; // clean shutdown before force, default 30
    int64_t check_s; // 1..3600 between two checks of the node, default 60
    int64_t restart_max_ms; // pause before broker and link start again, default 5000
    int64_t spool_max_bytes; // default 256 MiB
    int64_t
        state_reserve_bytes; // of state_dir's disk, that packing images leaves free, default 1 GiB
    // private: owns every string above
    void *tree, *places;
};

int agent_config_load(const char *path, struct agent_config *ret_config,
                      struct err *err) _must_check_;
void agent_config_finish(struct agent_config *config);

// The reference of every setting, as Markdown.
void agent_config_print_reference(FILE *to);
