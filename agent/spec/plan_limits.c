#include "plan_limits.h"

#include "macro.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// What a throttled guest without a rate of its own is held to a tenth of: 1 Gbit/s.
static const int64_t throttle_net_bps = 1000000000;

struct list {
    struct limit *limits;
    size_t count;
};

_printf_(3, 4) static void add(struct list *list, const char *file, const char *fmt, ...)
{
    struct limit *limit = &list->limits[list->count++];
    va_list ap;
    va_start(ap, fmt);
    snprintf(limit->file, sizeof(limit->file), "%s", file);
    vsnprintf(limit->value, sizeof(limit->value), fmt, ap);
    va_end(ap);
}

// As many processors as the plan has, spread over the node by slot, so that the guest also counts
// them (nproc asks for the affinity); the quota is what is enforced. All that there are when it may use all.
static void add_cpus(struct list *list, const struct vps_spec *spec)
{
    cpu_set_t usable;
    int cpus[CPU_SETSIZE], count = 0;
    struct limit *limit = &list->limits[list->count];
    if (sched_getaffinity(0, sizeof(usable), &usable) < 0) {
        return;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &usable)) {
            cpus[count++] = cpu;
        }
    }
    uint64_t wanted = (uint64_t)(spec->limits.vcpus < count ? spec->limits.vcpus : count);
    uint64_t first = (uint64_t)spec->slot * wanted;
    add(list, "cpuset.cpus", "%s", "");
    size_t used = 0;
    for (uint64_t i = 0; i < wanted && used < sizeof(limit->value) - 16; i++) {
        used += (size_t)snprintf(limit->value + used, sizeof(limit->value) - used, "%s%d",
                                 i ? "," : "", cpus[(first + i) % (uint64_t)count]);
    }
}

static long long cpu_quota_us(const struct vps_spec *spec)
{
    long long quota = (long long)spec->limits.vcpus * LIMIT_CPU_PERIOD_US;
    return spec->suspended == SUSPENDED_THROTTLE ? quota / LIMIT_THROTTLE : quota;
}

int64_t plan_limits_millicores(const struct vps_spec *spec)
{
    return cpu_quota_us(spec) * 1000 / LIMIT_CPU_PERIOD_US;
}

static void add_io_v1(struct list *list, const struct vps_spec *spec, dev_t disk)
{
    static const char *const bytes[] = {"blkio.throttle.read_bps_device",
                                        "blkio.throttle.write_bps_device"};
    static const char *const operations[] = {"blkio.throttle.read_iops_device",
                                             "blkio.throttle.write_iops_device"};
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) { // 0 takes a limit away
        add(list, bytes[i], "%u:%u %lld", major(disk), minor(disk), (long long)spec->rates.io_bps);
        add(list, operations[i], "%u:%u %lld", major(disk), minor(disk),
            (long long)spec->rates.iops);
    }
}

static void list_v1(struct list *list, const struct vps_spec *spec, dev_t disk)
{
    long long memory = spec->limits.memory_bytes;
    add(list, "memory.limit_in_bytes", "%lld", memory);
    if (access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0) {
        add(list, "memory.memsw.limit_in_bytes", "%lld",
            memory + (long long)spec->limits.swap_bytes);
    }
    add(list, "cpu.cfs_period_us", "%d", LIMIT_CPU_PERIOD_US);
    add(list, "cpu.cfs_quota_us", "%lld", cpu_quota_us(spec));
    add(list, "pids.max", "%lld", (long long)spec->limits.pids);
    add_cpus(list, spec);
    if (disk) {
        add_io_v1(list, spec, disk);
    }
}

static void add_io_v2(struct list *list, const struct vps_spec *spec, dev_t disk)
{
    char bytes[24] = "max", operations[24] = "max";
    if (spec->rates.io_bps) {
        snprintf(bytes, sizeof(bytes), "%lld", (long long)spec->rates.io_bps);
    }
    if (spec->rates.iops) {
        snprintf(operations, sizeof(operations), "%lld", (long long)spec->rates.iops);
    }
    add(list, "io.max", "%u:%u rbps=%s wbps=%s riops=%s wiops=%s", major(disk), minor(disk), bytes,
        bytes, operations, operations);
}

static void list_v2(struct list *list, const struct vps_spec *spec, dev_t disk)
{
    add(list, "memory.max", "%lld", (long long)spec->limits.memory_bytes);
    if (access("/proc/swaps", F_OK) == 0) { // else the kernel has no such file
        add(list, "memory.swap.max", "%lld", (long long)spec->limits.swap_bytes);
    }
    add(list, "cpu.max", "%lld %d", cpu_quota_us(spec), LIMIT_CPU_PERIOD_US);
    add(list, "pids.max", "%lld", (long long)spec->limits.pids);
    add_cpus(list, spec);
    if (disk) {
        add_io_v2(list, spec, disk);
    }
}

size_t plan_limits_list(const struct vps_spec *spec, int cgroup_version, dev_t disk,
                        struct limit limits[LIMITS_MAX])
{
    struct list list = {.limits = limits};
    (cgroup_version == 2 ? list_v2 : list_v1)(&list, spec, disk);
    return list.count;
}

int64_t plan_limits_net_bps(const struct vps_spec *spec)
{
    int64_t bps = spec->rates.net_bps;
    if (spec->suspended != SUSPENDED_THROTTLE) {
        return bps;
    }
    return (bps ? bps : throttle_net_bps) / LIMIT_THROTTLE;
}
