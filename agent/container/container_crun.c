// Containers by crun, an OCI runtime: the second engine, which shows what of a guest is liblxc's and what is ours. crun leaves no
// process behind, so it is our cgroups that say whether a guest runs, and nobody learns that a guest asked for a reboot.
// docs/decisions/0060-a-second-engine.md
#include "container_crun.h"

#include "address.h"
#include "bounds.h"
#include "cgroup.h"
#include "config.h"
#include "container_live.h"
#include "file.h"
#include "json.h"
#include "netdev.h"
#include "sysfile.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>

enum { PATH_SIZE = 512, CLEAN_MS = 10000, FREEZE_MS = 5000 };

static int folder_of(const struct agent_config *config, const char *vps, char path[PATH_SIZE],
                     struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/vps/%s", config->state_dir, vps);
}

static int path_of(const struct agent_config *config, const char *vps, const char *name,
                   char path[PATH_SIZE], struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/vps/%s/%s", config->state_dir, vps, name);
}

static bool has_processes(const char *vps)
{
    uint64_t pids;
    struct err ignored = {0};
    return cgroup_pids(vps, &pids, &ignored) == 0 && pids > 0;
}

static int crun_define(const struct agent_config *config, const struct vps_spec *spec,
                       const struct volume_root *root, struct err *err)
{
    char path[PATH_SIZE];
    if (spec->features.tun || spec->features.fuse || spec->features.nesting) {
        return err_set(err, ERR_CONFLICT,
                       "the node's container driver has no tun, fuse and nesting");
    }
    if (root->layered[0]) {
        return err_set(err, ERR_CONFLICT, "the node's container driver has no layered disks");
    }
    _cleanup_json_ json_t *described = NULL;
    int r = folder_of(config, spec->vps, path, err);
    if (r == 0) {
        r = crun_config(path, spec, root, &described, err);
    }
    if (r == 0) {
        r = path_of(config, "", "", path, err);
    }
    if (r == 0) {
        r = file_make_dir(path, 0700, err);
    }
    if (r == 0) {
        r = folder_of(config, spec->vps, path, err);
    }
    if (r == 0) {
        r = file_make_dir(path, 0700, err);
    }
    if (r == 0) {
        r = path_of(config, spec->vps, "config.json", path, err);
    }
    if (r < 0) {
        return r;
    }
    _cleanup_free_ char *text = json_write(described);
    return sysfile_replace(path, 0600, text, err);
}

// ---- The first process

// Its number, as crun noted it, as long as it is in the container; 0: it does not run.
static int crun_init_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                         struct err *err)
{
    char path[PATH_SIZE];
    uint64_t pid = 0;
    *ret_pid = 0;
    int r = path_of(config, vps, "pid", path, err);
    if (r == 0) {
        r = sysfile_read_u64(path, &pid, err);
    }
    if (r == 0 && pid > 1 && pid <= INT32_MAX && cgroup_holds(vps, (pid_t)pid)) {
        *ret_pid = (pid_t)pid;
    }
    return r == ERR_NOT_FOUND ? 0 : r;
}

// A descriptor of it, so that nobody else is meant when its number is used again. ERR_NOT_FOUND: it does not run.
static int open_init(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                     int *ret_fd, struct err *err)
{
    pid_t before, after;
    int r = crun_init_pid(config, vps, &before, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = before > 0 ? pidfd_open(before, 0) : -1;
    r = crun_init_pid(config, vps, &after, err);
    if (r == 0 && (fd < 0 || after != before)) {
        r = err_set(err, ERR_NOT_FOUND, "init ended at once");
    }
    if (r == 0) {
        *ret_pid = before;
        *ret_fd = STEAL_FD(fd);
    }
    return r;
}

static bool ended_within(int pidfd, int ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    return poll(&ended, 1, ms) > 0;
}

// ---- Start

// Between create and start: init waits, its network namespace is there and empty.
static int connect_network(const struct vps_spec *spec, pid_t init, struct err *err)
{
    char device[16];
    unsigned slot = spec->slot;
    const unsigned char hardware[] = {0x02,
                                      0xc4,
                                      (unsigned char)(slot >> 24),
                                      (unsigned char)(slot >> 16),
                                      (unsigned char)(slot >> 8),
                                      (unsigned char)slot};
    snprintf(device, sizeof(device), "crv%u", slot);
    int r = netdev_delete(device, err);
    if (r == 0) {
        r = netdev_make_pair(device, init, hardware, err);
    }
    return r < 0 ? r : address_sync(spec, device, init, err);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool same_program(pid_t pid, const struct stat *before)
{
    char path[64];
    struct stat now;
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return stat(path, &now) < 0 || (now.st_dev == before->st_dev && now.st_ino == before->st_ino);
}

// Lets init go on, and waits until it runs its own program and is still there a moment later.
static int let_go(const struct crun_place *place, pid_t init, int pidfd, int timeout_s,
                  struct err *err)
{
    char path[64];
    struct stat waiting;
    int64_t deadline = now_ms() + timeout_s * INT64_C(1000);
    snprintf(path, sizeof(path), "/proc/%d/exe", init);
    if (stat(path, &waiting) < 0) {
        return err_set(err, ERR_SYSTEM, "init ended at once");
    }
    int r = crun_start(place, err);
    for (bool executed = false; r == 0;) {
        if (ended_within(pidfd, 1)) {
            return err_set(err, ERR_SYSTEM, "init ended at once");
        }
        if (executed) {
            return 0;
        }
        executed = !same_program(init, &waiting);
        if (now_ms() > deadline) {
            return err_set(err, ERR_TIMEOUT, "init did not start in time");
        }
    }
    return r;
}

static int create(const struct agent_config *config, const struct vps_spec *spec,
                  const struct crun_place *place, int timeout_s, struct err *err)
{
    _cleanup_fd_ int pidfd = -1;
    pid_t init = 0;
    int r = cgroup_make(spec->vps, spec->id_base, err);
    if (r == 0) {
        r = container_set_limits(spec, place->root.disk, err);
    }
    if (r == 0) {
        r = crun_create(place, err);
    }
    if (r == 0) {
        r = open_init(config, spec->vps, &init, &pidfd, err);
    }
    if (r == 0) {
        r = connect_network(spec, init, err);
    }
    return r < 0 ? r : let_go(place, init, pidfd, timeout_s, err);
}

static int crun_driver_start(const struct agent_config *config, const struct vps_spec *spec,
                             const struct volume_root *root, const struct container_start *how,
                             struct err *err)
{
    char folder[PATH_SIZE];
    const struct crun_place place = {
        .vps = spec->vps, .folder = folder, .id_base = spec->id_base, .root = *root};
    if (has_processes(spec->vps)) {
        return 0;
    }
    int r = folder_of(config, spec->vps, folder, err);
    if (r == 0) {
        r = cgroup_reap(spec->vps, CLEAN_MS, err);
    }
    if (r < 0) {
        return r;
    }
    crun_forget(spec->vps);
    bounds_set();
    r = create(config, spec, &place, how->timeout_s, err);
    if (r < 0) {
        struct err ignored = {0};
        (void)!cgroup_reap(spec->vps, CLEAN_MS, &ignored);
        crun_forget(spec->vps);
        return err_wrap(err, "starting vps %s", spec->vps);
    }
    return 0;
}

// ---- Stop

// Init is asked again each second: while it starts it has no handler for the signal yet.
static void ask_to_end(const struct agent_config *config, const char *vps, int timeout_s)
{
    _cleanup_fd_ int pidfd = -1;
    pid_t init;
    struct err ignored = {0};
    if (open_init(config, vps, &init, &pidfd, &ignored) < 0) {
        return;
    }
    for (int second = 0; second < timeout_s; second++) {
        (void)pidfd_send_signal(pidfd, container_off_signal(init), NULL, 0);
        if (ended_within(pidfd, 1000)) {
            return;
        }
    }
}

// The cgroups stay, with what they have counted.
static int crun_shut_down(const struct agent_config *config, const char *vps, int timeout_s,
                          struct err *err)
{
    if (has_processes(vps)) {
        cgroup_thaw(vps); // else it hears nothing
        ask_to_end(config, vps, timeout_s);
    }
    return 0;
}

static int crun_driver_stop(const struct agent_config *config, const char *vps, int timeout_s,
                            struct err *err)
{
    int r = crun_shut_down(config, vps, timeout_s, err);
    if (r == 0) {
        r = cgroup_reap(vps, CLEAN_MS, err);
    }
    crun_forget(vps);
    return r < 0 ? err_wrap(err, "stopping vps %s", vps) : 0;
}

static int crun_undefine(const struct agent_config *config, const char *vps, struct err *err)
{
    static const char *const files[] = {"config.json", "config.json.new", "ids", "ids.new", "log",
                                        "pid"};
    int r = cgroup_reap(vps, CLEAN_MS, err);
    for (size_t i = 0; i < ARRAY_LEN(files) && r == 0; i++) {
        char path[PATH_SIZE];
        r = path_of(config, vps, files[i], path, err);
        if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
            r = err_errno(err, errno, "removing %s", path);
        }
    }
    crun_forget(vps);
    return r;
}

// ---- While it runs

static int crun_apply(const struct agent_config *config, const struct vps_spec *spec,
                      const struct volume_root *root, struct err *err)
{
    pid_t init;
    int r = crun_init_pid(config, spec->vps, &init, err);
    if (r < 0 || init == 0) {
        return r;
    }
    r = container_set_limits(spec, root->disk, err);
    return r < 0 ? r : container_set_hostname(init, spec->hostname, err);
}

static int crun_freeze(const struct agent_config *config, const char *vps, struct err *err)
{
    return has_processes(vps) ? cgroup_freeze(vps, FREEZE_MS, err) : 0;
}

static int crun_thaw(const struct agent_config *config, const char *vps, struct err *err)
{
    cgroup_thaw(vps);
    return 0;
}

static int crun_observe(const struct agent_config *config, const char *vps,
                        enum observed *ret_observed, struct err *err)
{
    char path[PATH_SIZE];
    if (has_processes(vps)) {
        *ret_observed = OBSERVED_RUNNING;
        return 0;
    }
    int r = path_of(config, vps, "config.json", path, err);
    if (r == 0) {
        *ret_observed = access(path, F_OK) == 0 ? OBSERVED_STOPPED : OBSERVED_ABSENT;
    }
    return r;
}

// None that a root would be mounted for: layered ones are refused.
static int crun_monitor_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                            struct err *err)
{
    *ret_pid = 0;
    return 0;
}

static bool crun_is_coming_back(const struct agent_config *config, const char *vps,
                                enum observed recorded)
{
    return false; // nobody heard what it ended with
}

static int crun_sample(const struct agent_config *config, const char *vps,
                       const struct pool_disks *disks, struct usage_counters *counters,
                       struct err *err)
{
    return cgroup_sample(vps, disks, counters, err);
}

static int crun_limits_met(const struct agent_config *config, const char *vps,
                           struct limits_met *ret_met, struct err *err)
{
    return cgroup_limits_met(vps, ret_met, err);
}

const struct container_driver container_crun = {
    .name = "crun",
    .lacks = "container driver crun: guests have no terminal, no AppArmor profile, no tun, fuse or "
             "nesting, and one "
             "that reboots itself stays off until it is started",
    .define = crun_define,
    .start = crun_driver_start,
    .shut_down = crun_shut_down,
    .stop = crun_driver_stop,
    .apply = crun_apply,
    .freeze = crun_freeze,
    .thaw = crun_thaw,
    .monitor_pid = crun_monitor_pid,
    .init_pid = crun_init_pid,
    .is_coming_back = crun_is_coming_back,
    .undefine = crun_undefine,
    .observe = crun_observe,
    .sample = crun_sample,
    .limits_met = crun_limits_met,
};
