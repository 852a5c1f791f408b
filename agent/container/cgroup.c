#include "cgroup.h"

#include "cgroup_base.h"
#include "cgroup_io.h"
#include "host.h"
#include "sysfile.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { PATH_SIZE = CGROUP_PATH_SIZE, POLL_MS = 1, TEXT_SIZE = 8192, MONITORS_MAX = 1000 };

bool cgroup_is_unified(void)
{
    static int version;
    if (version == 0) {
        struct host_facts facts;
        host_observe(&facts);
        version = facts.cgroup_version;
    }
    return version == 2;
}

static void group_path(char out[PATH_SIZE], const char *controller, const char *what,
                       const char *vps, const char *file)
{
    char base[CGROUP_BASE_SIZE];
    const char *tree = cgroup_is_unified() ? "" : controller;
    cgroup_base(tree, base);
    snprintf(out, PATH_SIZE, "/sys/fs/cgroup/%s%s/lxc.%s.%s/%s", tree, base, what, vps, file);
}

// The path of a file of the container, or of its folder for an empty one.
static void payload_path(char out[PATH_SIZE], const char *controller, const char *vps,
                         const char *file)
{
    group_path(out, controller, "payload", vps, file);
}

void cgroup_path(char out[CGROUP_PATH_SIZE], const char *controller, const char *vps,
                 const char *file)
{
    payload_path(out, controller, vps, file);
}

static int read_u64(const char *controller, const char *vps, const char *file, uint64_t *ret_value,
                    struct err *err)
{
    char path[PATH_SIZE];
    payload_path(path, controller, vps, file);
    return sysfile_read_u64(path, ret_value, err);
}

// Reads `key number` out of a file; a missing line leaves *value as it is.
static int read_line(const char *controller, const char *vps, const char *file, const char *key,
                     uint64_t *value, struct err *err)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    payload_path(path, controller, vps, file);
    int r = sysfile_read(path, text, sizeof(text), err);
    if (r == 0) {
        (void)!sysfile_find_u64(text, key, value, NULL);
    }
    return r;
}

int cgroup_pids(const char *vps, uint64_t *ret_pids, struct err *err)
{
    return read_u64("pids", vps, "pids.current", ret_pids, err);
}

static void read_io(const char *vps, const char *file, const struct io_words *words,
                    const struct pool_disks *disks, struct io_sums *sums)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    payload_path(path, "blkio", vps, file);
    if (sysfile_read(path, text, sizeof(text), NULL) == 0) {
        cgroup_io_sum(text, words, disks, sums);
    }
}

static void sample_io(const char *vps, const struct pool_disks *disks,
                      struct usage_counters *counters)
{
    static const struct io_words bytes = {" rbytes=", " wbytes="}, ops = {" rios=", " wios="},
                                 v1 = {" Read ", " Write "};
    bool unified = cgroup_is_unified();
    struct io_sums sums = {0};
    read_io(vps, unified ? "io.stat" : "blkio.throttle.io_service_bytes_recursive",
            unified ? &bytes : &v1, disks, &sums);
    counters->io_read_bytes = sums.reads;
    counters->io_write_bytes = sums.writes;
    sums = (struct io_sums){0};
    read_io(vps, unified ? "io.stat" : "blkio.throttle.io_serviced_recursive", unified ? &ops : &v1,
            disks, &sums);
    counters->io_read_ops = sums.reads;
    counters->io_write_ops = sums.writes;
}

static int sample_v1(const char *vps, struct usage_counters *counters, struct err *err)
{
    int r = read_u64("cpuacct", vps, "cpuacct.usage", &counters->cpu_ns, err);
    if (r == 0) {
        r = read_u64("memory", vps, "memory.usage_in_bytes", &counters->memory_bytes, err);
    }
    if (r == 0) {
        r = read_line("memory", vps, "memory.stat", "total_rss", &counters->memory_anon_bytes, err);
    }
    if (r == 0) {
        r = read_line("memory", vps, "memory.oom_control", "oom_kill", &counters->oom_kills, err);
    }
    return r;
}

static int sample_v2(const char *vps, struct usage_counters *counters, struct err *err)
{
    uint64_t cpu_us = 0;
    int r = read_line("", vps, "cpu.stat", "usage_usec", &cpu_us, err);
    counters->cpu_ns = cpu_us * 1000;
    if (r == 0) {
        r = read_u64("", vps, "memory.current", &counters->memory_bytes, err);
    }
    if (r == 0) {
        r = read_line("", vps, "memory.stat", "anon", &counters->memory_anon_bytes, err);
    }
    if (r == 0) {
        r = read_line("", vps, "memory.events", "oom_kill", &counters->oom_kills, err);
    }
    return r;
}

int cgroup_sample(const char *vps, const struct pool_disks *disks, struct usage_counters *counters,
                  struct err *err)
{
    int r = cgroup_is_unified() ? sample_v2(vps, counters, err) : sample_v1(vps, counters, err);
    sample_io(vps, disks, counters);
    return r < 0 ? r : cgroup_pids(vps, &counters->pids, err);
}

static void kill_procs_of(const char *folder)
{
    char path[512];
    if (sysfile_path(path, sizeof(path), NULL, "%s/cgroup.procs", folder) < 0) {
        return;
    }
    _cleanup_file_ FILE *procs = fopen(path, "re");
    int pid;
    while (procs && fscanf(procs, "%d", &pid) == 1) {
        if (pid > 1) {
            kill(pid, SIGKILL);
        }
    }
}

static int visit_kill(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_DP) {
        kill_procs_of(path);
    }
    return 0;
}

static int visit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_DP) {
        rmdir(path);
    }
    return 0;
}

static const char *const v1_controllers[] = {
    "blkio",   "cpu",     "cpuacct", "cpuset",   "devices", "freezer",    "memory", "pids",
    "systemd", "unified", "net_cls", "net_prio", "hugetlb", "perf_event", "rdma",   "misc",
};

// Calls visit, children first, for the container's folders in every tree.
static void walk(const char *vps,
                 int (*visit)(const char *, const struct stat *, int, struct FTW *))
{
    size_t trees = cgroup_is_unified() ? 1 : ARRAY_LEN(v1_controllers);
    for (size_t i = 0; i < trees; i++) {
        char path[PATH_SIZE];
        payload_path(path, v1_controllers[i], vps, "");
        nftw(path, visit, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
}

static bool any_exists(const char *what, const char *vps)
{
    size_t trees = cgroup_is_unified() ? 1 : ARRAY_LEN(v1_controllers);
    for (size_t i = 0; i < trees; i++) {
        char path[PATH_SIZE];
        group_path(path, v1_controllers[i], what, vps, "");
        if (access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static bool holds(const char *procs, pid_t wanted)
{
    _cleanup_file_ FILE *file = fopen(procs, "re");
    int pid;
    while (file && fscanf(file, "%d", &pid) == 1) {
        if (pid == wanted) {
            return true;
        }
    }
    return false;
}

// liblxc moves whoever asks it to start a container into the monitor's cgroups. A start that was refused leaves
// us there; where liblxc's own monitors go when they end, so do we.
static void leave_monitor(const char *controller, const char *monitor)
{
    char path[PATH_SIZE], base[CGROUP_BASE_SIZE], text[16];
    const char *tree = cgroup_is_unified() ? "" : controller;
    if (sysfile_path(path, sizeof(path), NULL, "%s/cgroup.procs", monitor) < 0 ||
        !holds(path, getpid())) {
        return;
    }
    cgroup_base(tree, base);
    snprintf(text, sizeof(text), "%d", getpid());
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/lxc.pivot", tree, base);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/lxc.pivot/cgroup.procs", tree, base);
    (void)!sysfile_write(path, text, NULL);
}

// liblxc gives a second monitor's cgroup the name with -1 behind it, and so on.
static void forget_monitors(const char *controller, const char *vps)
{
    for (int i = 0; i < MONITORS_MAX; i++) {
        char name[64], path[PATH_SIZE];
        snprintf(name, sizeof(name), i ? "%s-%d" : "%s", vps, i);
        group_path(path, controller, "monitor", name, "");
        if (access(path, F_OK) < 0) {
            if (i > 0) {
                return;
            }
            continue;
        }
        leave_monitor(controller, path);
        rmdir(path); // fails while a process is in it
    }
}

bool cgroup_monitor_died(const char *vps)
{
    char path[PATH_SIZE], text[TEXT_SIZE];
    struct err err;
    group_path(path, "pids", "monitor", vps, "cgroup.procs");
    return sysfile_read(path, text, sizeof(text), &err) == 0 && text[0] == '\0';
}

void cgroup_forget_monitor(const char *vps, int timeout_ms)
{
    size_t trees = cgroup_is_unified() ? 1 : ARRAY_LEN(v1_controllers);
    for (int waited = 0;; waited += POLL_MS) {
        for (size_t i = 0; i < trees; i++) {
            forget_monitors(v1_controllers[i], vps);
        }
        if (waited >= timeout_ms || !any_exists("monitor", vps)) {
            return;
        }
        sleep_ms(POLL_MS);
    }
}

dev_t cgroup_disk_of(dev_t device)
{
    char path[PATH_SIZE], text[32];
    unsigned major_number, minor_number;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(device), minor(device));
    if (access(path, F_OK) < 0) {
        return device;
    }
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", major(device), minor(device));
    return sysfile_read(path, text, sizeof(text), NULL) == 0 &&
                   sscanf(text, "%u:%u", &major_number, &minor_number) == 2
               ? makedev(major_number, minor_number)
               : device;
}

void cgroup_count_io(dev_t device)
{
    static const char folder[] = "/sys/fs/cgroup/blkio/croft.count";
    static const char file[] = "/sys/fs/cgroup/blkio/croft.count/blkio.throttle.write_bps_device";
    // A terabyte a second on a cgroup without processes, then none: counting stays on.
    static const char *const limits[] = {"1099511627776", "0"};
    dev_t disk = cgroup_disk_of(device);
    if (cgroup_is_unified() || (mkdir(folder, 0755) < 0 && errno != EEXIST)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        char line[64];
        snprintf(line, sizeof(line), "%u:%u %s", major(disk), minor(disk), limits[i]);
        (void)!sysfile_write(file, line, NULL);
    }
    rmdir(folder);
}

int cgroup_reap(const char *vps, int timeout_ms, struct err *err)
{
    char path[PATH_SIZE];
    payload_path(path, "pids", vps, "pids.max");
    (void)!sysfile_write(path, "0", NULL); // no process can escape by forking faster than we kill
    for (int waited = 0; any_exists("payload", vps); waited += 10) {
        payload_path(path, "", vps, "cgroup.kill");
        if (!cgroup_is_unified() || sysfile_write(path, "1", NULL) < 0) {
            walk(vps, visit_kill);
        }
        cgroup_thaw(vps); // what stands still does not die in version 1
        walk(vps, visit_remove);
        if (waited > timeout_ms) {
            return err_set(err, ERR_TIMEOUT, "processes of vps %s do not die", vps);
        }
        if (any_exists("payload", vps)) {
            sleep_ms(10);
        }
    }
    return 0;
}

int cgroup_wait_gone(const char *vps, int timeout_ms, struct err *err)
{
    for (int waited = 0; any_exists("payload", vps); waited += POLL_MS) {
        if (waited >= timeout_ms) {
            return err_set(err, ERR_TIMEOUT, "the cgroups of vps %s stay", vps);
        }
        sleep_ms(POLL_MS);
    }
    return 0;
}
