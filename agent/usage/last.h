// The counters that a guest's boot ended with, until they are counted: ended/<vps>.<boot>, of the host's root and nobody
// else's. Left by what sees the end, whether or not a broker is there (docs/decisions/0064): croft-agent-last, or a worker.
#pragma once

#include "drivers.h"
#include "uuid.h"

struct last {
    char vps[UUID_LEN + 1], boot[UUID_LEN + 1];
    char node_boot[UUID_LEN + 1]; // the kernel's boot_id, whose clock mono_ns is of
    int64_t at_ms, mono_ns;
    struct usage_counters counters;
};

// Leaves them, dated now; whole or not at all, and not synced: the start of a guest waits for its end. What a boot left already
// stays.
int last_leave(const char *state_dir, const char *vps, const char *boot,
               const struct usage_counters *counters, struct err *err) _must_check_;

// All that was left, a vps's in the order that they ended in. node_boot: the kernel's of now. What cannot be what we wrote is
// removed, and *ret_refused says how often. The caller frees the array.
int last_list(const char *state_dir, const char *node_boot, struct last **ret_lasts,
              size_t *ret_count, size_t *ret_refused, struct err *err) _must_check_;

int last_remove(const char *state_dir, const struct last *last, struct err *err) _must_check_;
