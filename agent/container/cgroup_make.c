// The cgroups of a container whose engine makes none: in every tree, by the name that liblxc would give them, so that whoever
// counts, limits or ends a guest need not know which engine runs it.
#include "cgroup.h"
#include "cgroup_base.h"
#include "surface.h"
#include "sysfile.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *const trees[] = {
    "blkio",   "cpu",     "cpuacct", "cpuset",   "devices", "freezer",    "memory", "pids",
    "systemd", "unified", "net_cls", "net_prio", "hugetlb", "perf_event", "rdma",   "misc",
};

static size_t tree_count(void)
{
    return cgroup_is_unified() ? 1 : ARRAY_LEN(trees);
}

// Version 2: what its children may limit, each by itself, since a kernel may lack one.
static void enable_controllers(void)
{
    static const char *const wanted[] = {"+cpu", "+cpuset", "+io", "+memory", "+pids"};
    char base[CGROUP_BASE_SIZE], path[CGROUP_PATH_SIZE];
    cgroup_base("", base);
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.subtree_control", base);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct err ignored = {0};
        (void)!sysfile_write(path, wanted[i], &ignored);
    }
}

// Version 1: a fresh group has no processor and no memory to run on.
static int fill_cpuset(const char *vps, struct err *err)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    char base[CGROUP_BASE_SIZE], path[CGROUP_PATH_SIZE], text[SYSFILE_MAX];
    cgroup_base("cpuset", base);
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(files) && r == 0; i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/cpuset%s/%s", base, files[i]);
        r = sysfile_read(path, text, sizeof(text), err);
        if (r == 0) {
            cgroup_path(path, "cpuset", vps, files[i]);
            r = sysfile_write(path, text, err);
        }
    }
    return r;
}

static int restrict_devices(const char *vps, struct err *err)
{
    char path[CGROUP_PATH_SIZE];
    cgroup_path(path, "devices", vps, "devices.deny");
    int r = sysfile_write(path, "a", err);
    cgroup_path(path, "devices", vps, "devices.allow");
    for (size_t i = 0; surface_devices[i] && r == 0; i++) {
        r = sysfile_write(path, surface_devices[i], err);
    }
    return r;
}

// The guest's init makes groups below its own; what limits it stays root's.
static int hand_over(const char *tree, const char *vps, uint32_t id, struct err *err)
{
    static const char *const files[] = {"", "cgroup.procs", "cgroup.threads",
                                        "cgroup.subtree_control", "tasks"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[CGROUP_PATH_SIZE];
        cgroup_path(path, tree, vps, files[i]);
        if (chown(path, id, id) < 0 && errno != ENOENT) {
            return err_errno(err, errno, "giving %s to the guest", path);
        }
    }
    return 0;
}

static bool is_tree(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/cgroup.procs", name);
    return access(path, F_OK) == 0;
}

int cgroup_make(const char *vps, uint32_t id_base, struct err *err)
{
    int r = 0;
    if (cgroup_is_unified()) {
        enable_controllers();
    }
    for (size_t i = 0; i < tree_count() && r == 0; i++) {
        char path[CGROUP_PATH_SIZE];
        if (!cgroup_is_unified() && !is_tree(trees[i])) {
            continue;
        }
        cgroup_path(path, trees[i], vps, "");
        if (mkdir(path, 0755) < 0 && errno != EEXIST) {
            return err_errno(err, errno, "making %s", path);
        }
        r = hand_over(trees[i], vps, id_base, err);
    }
    if (r == 0 && !cgroup_is_unified()) {
        r = fill_cpuset(vps, err);
        r = r < 0 ? r : restrict_devices(vps, err);
    }
    return r;
}

int cgroup_enter(const char *vps, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < tree_count() && r == 0; i++) {
        char path[CGROUP_PATH_SIZE];
        if (cgroup_is_unified() || is_tree(trees[i])) {
            cgroup_path(path, trees[i], vps, "cgroup.procs");
            r = sysfile_write(path, "0", err);
        }
    }
    return r;
}

bool cgroup_holds(const char *vps, pid_t pid)
{
    char path[64], text[SYSFILE_MAX], wanted[80];
    struct err ignored = {0};
    snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
    snprintf(wanted, sizeof(wanted), "/lxc.payload.%s", vps);
    return sysfile_read(path, text, sizeof(text), &ignored) == 0 && strstr(text, wanted) != NULL;
}

int cgroup_freeze(const char *vps, int timeout_ms, struct err *err)
{
    bool unified = cgroup_is_unified();
    char path[CGROUP_PATH_SIZE], text[SYSFILE_MAX];
    cgroup_path(path, "freezer", vps, unified ? "cgroup.freeze" : "freezer.state");
    int r = sysfile_write(path, unified ? "1" : "FROZEN", err);
    cgroup_path(path, "freezer", vps, unified ? "cgroup.events" : "freezer.state");
    for (int waited = 0; r == 0; waited++) {
        r = sysfile_read(path, text, sizeof(text), err);
        if (r < 0 || strstr(text, unified ? "frozen 1" : "FROZEN")) {
            return r;
        }
        if (waited >= timeout_ms) {
            cgroup_thaw(vps);
            return err_set(err, ERR_TIMEOUT, "processes of vps %s do not stand still", vps);
        }
        usleep(1000);
    }
    return r;
}
