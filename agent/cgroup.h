// The cgroups that liblxc makes for a container, lxc.payload.<vps> and lxc.monitor.<vps>, in both layouts: version 1 (a
// tree for each controller) and version 2 (one tree). Only cgroups of that name are ever touched.
#pragma once

#include "drivers.h"

#include <sys/types.h>

// Processes and threads of the container; ERR_NOT_FOUND when it has no cgroup [loop].
int cgroup_pids(const char *vps, uint64_t *ret_pids, struct err *err) _must_check_;

// Fills cpu_ns, memory_*, io_*, pids and oom_kills [loop]. What a kernel does not count stays 0.
int cgroup_sample(const char *vps, struct usage_counters *counters, struct err *err) _must_check_;

// Kills whatever is still in the container's cgroups and removes them, for a container whose
// monitor is gone. Waits at most timeout_ms.
int cgroup_reap(const char *vps, int timeout_ms, struct err *err) _must_check_;

// Removes what a dead monitor, or a start that was refused, left of the monitor's cgroups; takes the calling
// process out of them first. Waits at most timeout_ms for a monitor that is about to end; one that lives keeps its own.
void cgroup_forget_monitor(const char *vps, int timeout_ms);

// Version 1: has the kernel count the containers' I/O on this disk, which since 6.9 it does only after a
// limit was once set on it. Best effort.
void cgroup_count_io(dev_t disk);

// Waits until the container's monitor has removed the cgroups; ERR_TIMEOUT after timeout_ms.
int cgroup_wait_gone(const char *vps, int timeout_ms, struct err *err) _must_check_;
