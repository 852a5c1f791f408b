// The cgroups of a container, by the names that liblxc gives them: lxc.payload.<vps> and lxc.monitor.<vps>, in both layouts: version 1 (a
// tree for each controller) and version 2 (one tree). Only cgroups of that name are ever touched.
#pragma once

#include "drivers.h"

#include <stdbool.h>
#include <sys/types.h>

enum { CGROUP_PATH_SIZE = 1024 };

// Processes and threads of the container; ERR_NOT_FOUND when it has no cgroup [loop].
int cgroup_pids(const char *vps, uint64_t *ret_pids, struct err *err) _must_check_;

// Fills cpu_ns, memory_*, io_*, pids and oom_kills [loop]. What a kernel does not count stays 0; version 1 counts a kill where
// the process was, which the broker makes good by the kernel's log.
int cgroup_sample(const char *vps, const struct pool_disks *disks, struct usage_counters *counters,
                  struct err *err) _must_check_;

// cgroup_limits_hit.c: how often it met its limits [loop]; ERR_NOT_FOUND when it has no cgroup.
int cgroup_limits_met(const char *vps, struct limits_met *ret_met, struct err *err) _must_check_;

// The disk that a partition is on, since limits and counters are of disks; any other device is itself.
dev_t cgroup_disk_of(dev_t device);

// Kills whatever is still in the container's cgroups and removes them, for a container whose
// monitor is gone. Waits at most timeout_ms.
int cgroup_reap(const char *vps, int timeout_ms, struct err *err) _must_check_;

// Removes what a dead monitor, or a start that was refused, left of the monitor's cgroups; takes the calling
// process out of them first. Waits at most timeout_ms for a monitor that is about to end; one that lives keeps its own.
void cgroup_forget_monitor(const char *vps, int timeout_ms);

// Version 1: has the kernel count the containers' I/O on this disk, which since 6.9 it does only after a
// limit was once set on it. Best effort.
void cgroup_count_io(dev_t disk);

// Whether the monitor's cgroup is there without a process [loop]: one that ends by itself removes it, one that was killed does not.
bool cgroup_monitor_died(const char *vps);

// Waits until the container's monitor has removed the cgroups; ERR_TIMEOUT after timeout_ms.
int cgroup_wait_gone(const char *vps, int timeout_ms, struct err *err) _must_check_;

// True for version 2.
bool cgroup_is_unified(void);

// The path of a file of the container's cgroup, or of its folder for an empty one.
void cgroup_path(char out[CGROUP_PATH_SIZE], const char *controller, const char *vps,
                 const char *file);

// cgroup_limits.c: one limit of a container that runs. file: "memory.max"; its first part is the controller.
int cgroup_set(const char *vps, const char *file, const char *value, struct err *err) _must_check_;

// ERR_CONFLICT when its programs hold more memory than that, which they would be killed for.
int cgroup_check_memory(const char *vps, uint64_t bytes, struct err *err) _must_check_;

// Lets go on what stands still, also without a monitor that could.
void cgroup_thaw(const char *vps);

// cgroup_make.c, for an engine that makes none itself: makes them, with the devices that a guest may open; what is below them is the
// guest's to arrange. id_base: its root.
int cgroup_make(const char *vps, uint32_t id_base, struct err *err) _must_check_;

// Moves the calling process in.
int cgroup_enter(const char *vps, struct err *err) _must_check_;

// Whether the process is in it, or below.
bool cgroup_holds(const char *vps, pid_t pid);

// ERR_TIMEOUT: some process does not stand still; then all go on.
int cgroup_freeze(const char *vps, int timeout_ms, struct err *err) _must_check_;
