#include "check.h"

#include "host.h"
#include "sysfile.h"

#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static void add(json_t *features, const char *name, bool present, const char *consequence)
{
    json_array_append_new(features, json_pack("{s:s, s:b, s:s}", "name", name, "present", present,
                                              "consequence", present ? "" : consequence));
}

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

static bool is_number(const char *path, uint64_t least)
{
    uint64_t value;
    return sysfile_read_u64(path, &value, NULL) == 0 && value >= least;
}

static json_t *host(const struct host_facts *facts)
{
    struct utsname name;
    struct sysinfo info;
    uname(&name);
    sysinfo(&info);
    return json_pack("{s:s, s:s, s:i, s:i, s:I}", "kernel", name.release, "machine", name.machine,
                     "cgroup_version", facts->cgroup_version, "processors", get_nprocs(),
                     "memory_bytes", (json_int_t)info.totalram * (json_int_t)info.mem_unit);
}

void check_features(struct check *check)
{
    struct host_facts facts;
    json_t *features = json_array();
    host_observe(&facts);
    json_object_set_new(check->report, "host", host(&facts));
    json_object_set_new(check->report, "features", features);
    add(features, "cgroup v2", facts.cgroup_version == 2,
        "limits hold, but writeback is charged to nobody: io limits do not bound buffered writes");
    add(features, "AppArmor", facts.apparmor,
        "guests are confined by user namespace, seccomp and capabilities only");
    add(features, "lxcfs", facts.lxcfs,
        "guests see the memory, processors and uptime of the whole node");
    add(features, "core dumps as files", !facts.core_pipe, "guests get no core dumps");
    add(features, "swap accounting",
        is_readable("/proc/swaps") &&
            (facts.cgroup_version == 2 ||
             is_readable("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")),
        "swap of a plan cannot be bounded: sell plans without it");
    add(features, "pressure stall information", is_readable("/proc/pressure/cpu"),
        "customers are not shown how long they waited");
    add(features, "kernel log kept from users", is_number("/proc/sys/kernel/dmesg_restrict", 1),
        "guests are refused it by seccomp alone");
    add(features, "unprivileged bpf disabled",
        is_number("/proc/sys/kernel/unprivileged_bpf_disabled", 1) ||
            !is_readable("/proc/sys/kernel/unprivileged_bpf_disabled"),
        "guests are refused it by seccomp alone");
}
