// What lies within a report, for graphs: what was counted and how much was held every ten seconds. Nothing is billed from it.
#pragma once

#include "drivers.h"

#include <stdbool.h>

enum { FINE_POINTS_MAX = 7, FINE_VALUES = 16 };

struct fine_point {
    int64_t at_ms, took_ms; // on the clock since the node's start
    uint64_t values[FINE_VALUES];
};

// In the owner's memory; all zero is empty.
struct fine {
    struct usage_counters base; // absolute, at base_ms
    int64_t base_ms;
    bool has_base;
    int count;
    struct fine_point points[FINE_POINTS_MAX]; // the newest
};

// Absolute counters as of mono_ms. What is nearer than ten seconds to the point before becomes part of the next one.
void fine_add(struct fine *fine, int64_t mono_ms, const struct usage_counters *total);

// Its points and no longer: `age_ms,took_ms,…;…` (docs/agent-protocol.md), ages before mono_ms. NULL: there are none. The caller frees it.
char *fine_take(struct fine *fine, int64_t mono_ms);
