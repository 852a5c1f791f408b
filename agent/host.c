#include "host.h"

#include "sysfile.h"

#include <string.h>
#include <sys/vfs.h>

enum { FUSE_MAGIC = 0x65735546, CGROUP2_MAGIC = 0x63677270 };

static bool has_apparmor(void)
{
    char text[16];
    return sysfile_read("/sys/module/apparmor/parameters/enabled", text, sizeof(text), NULL) == 0 &&
           text[0] == 'Y';
}

// A dead FUSE mount still answers statfs in some kernels: only reading a file shows that it lives.
static bool has_lxcfs(void)
{
    struct statfs fs;
    char text[64];
    return statfs("/var/lib/lxcfs", &fs) == 0 && fs.f_type == FUSE_MAGIC &&
           sysfile_read("/var/lib/lxcfs/proc/uptime", text, sizeof(text), NULL) == 0 &&
           text[0] != '\0';
}

static bool has_core_pipe(void)
{
    char text[128];
    return sysfile_read("/proc/sys/kernel/core_pattern", text, sizeof(text), NULL) == 0 &&
           text[0] == '|';
}

static int cgroup_version(void)
{
    struct statfs fs;
    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_MAGIC ? 2 : 1;
}

static void warn(struct host_facts *facts, const char *sentence)
{
    if (facts->warning_count < HOST_WARNINGS_MAX) {
        facts->warnings[facts->warning_count++] = sentence;
    }
}

void host_observe(struct host_facts *ret_facts)
{
    *ret_facts = (struct host_facts){
        .cgroup_version = cgroup_version(),
        .apparmor = has_apparmor(),
        .lxcfs = has_lxcfs(),
        .core_pipe = has_core_pipe(),
    };
    if (!ret_facts->apparmor) {
        warn(ret_facts, "no AppArmor: guests are confined by user namespace, seccomp and "
                        "capabilities only");
    }
    if (!ret_facts->lxcfs) {
        warn(ret_facts, "no lxcfs at /var/lib/lxcfs: guests see the memory, processors and "
                        "uptime of the whole node");
    }
    if (ret_facts->core_pipe) {
        warn(ret_facts,
             "kernel.core_pattern is a program: guests get no core dumps, since it would run "
             "as the node's root, outside of their limits");
    }
    if (ret_facts->cgroup_version == 1) {
        warn(ret_facts, "cgroup v1: limits hold, but the layout is being retired by kernels");
    }
}
