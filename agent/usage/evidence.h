// What one vps is shown of its limits: used, limit, times met. Pure, but for the two readings that it is given.
#pragma once

#include "drivers.h"

#include <jansson.h>

// What one look leaves for the next: rates need two, and the times that a disk was found full are counted here.
struct evidence_memory {
    char start[37]; // the guest's, since which is counted
    struct usage_counters counters;
    int64_t at_ms;
    uint64_t disk_hits;
    bool disk_full;
};

// As of the last check of the node.
struct evidence_connections {
    bool known;
    uint64_t in, out;
};

struct evidence_reading {
    const struct vps_spec *spec;
    const char *start; // of the guest
    struct usage_counters counters;
    struct limits_met met;
    struct evidence_connections connections;
    int64_t connections_limit; // each way
    uint64_t kills; // for want of memory, since the start
    int64_t now_ms; // CLOCK_MONOTONIC
};

// An item of the message `evidence`, without its kills; changes *memory.
json_t *evidence_item(const struct evidence_reading *reading, struct evidence_memory *memory);
