// What a plan allows, as cgroup files and what stands in them: one list for the container's configuration and for
// a guest that runs.
#pragma once

#include "spec.h"

#include <sys/types.h>

enum { LIMITS_MAX = 16, LIMIT_CPU_PERIOD_US = 100000, LIMIT_THROTTLE = 10 };

struct limit {
    char file[64]; // "memory.max"; its first part names the controller of version 1
    char value[256];
};

// In the order in which a fresh cgroup takes them. disk: what the guest's file system lies on; 0: unknown, I/O
// is not limited. Only files that this kernel has.
size_t plan_limits_list(const struct vps_spec *spec, int cgroup_version, dev_t disk,
                        struct limit limits[LIMITS_MAX]);

// CPU time that the guest may use, in thousandths of a processor.
int64_t plan_limits_millicores(const struct vps_spec *spec);

// Bits a second that the guest may send, and as many that it may receive; 0: any.
int64_t plan_limits_net_bps(const struct vps_spec *spec);
