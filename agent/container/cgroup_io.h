// The kernel's counters of I/O, a line or more a device: "8:0 rbytes=1 wbytes=2 …" or "8:0 Read 1".
#pragma once

#include "drivers.h"

struct io_words {
    const char *read, *write; // what stands before the number
};

struct io_sums {
    uint64_t reads, writes;
};

// Adds what the lines of these disks say; of all when there is none.
void cgroup_io_sum(const char *text, const struct io_words *words, const struct pool_disks *disks,
                   struct io_sums *sums);
