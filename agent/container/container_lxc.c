// Containers by liblxc: unprivileged, one monitor process each, which outlives us. Whether one runs
// is asked of its cgroup, which takes microseconds; liblxc is asked only by workers.
#include "container_lxc.h"

#include "bounds.h"
#include "cgroup.h"
#include "config.h"
#include "container_live.h"
#include "container_lxc_log.h"
#include "layer.h"
#include "ns_owner.h"
#include "sysfile.h"

#include <errno.h>
#include <glob.h>
#include <lxc/lxccontainer.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PATH_SIZE = 512, CLEAN_MS = 10000, MONITOR_END_MS = 1000 };

// Loads vps/<id>/config.
int lxc_load(const struct agent_config *config, const char *vps, struct lxc_container **ret,
             struct err *err)
{
    char path[PATH_SIZE];
    int r = sysfile_path(path, sizeof(path), err, "%s/vps", config->state_dir);
    if (r < 0) {
        return r;
    }
    struct lxc_container *container = lxc_container_new(vps, path);
    if (!container) {
        return err_set(err, ERR_SYSTEM, "liblxc does not take the configuration of vps %s", vps);
    }
    *ret = container;
    return 0;
}

static int lxc_define(const struct agent_config *config, const struct vps_spec *spec,
                      const struct volume_root *root, struct err *err)
{
    static const char *const folders[] = {"/vps", "/vps/"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char path[PATH_SIZE];
        int r = sysfile_path(path, sizeof(path), err, "%s%s%s", config->state_dir, folders[i],
                             i ? spec->vps : "");
        if (r < 0) {
            return r;
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            return err_errno(err, errno, "making %s", path);
        }
    }
    return lxc_config_write(config, spec, root, err);
}

// Without newuidmap on the PATH liblxc writes the id maps itself, which is 5 ms faster and needs no
// /etc/subuid; apparmor_parser is in sbin.
static bool start_with_short_path(struct lxc_container *container)
{
    const char *path = getenv("PATH");
    _cleanup_free_ char *saved = path ? strdup(path) : NULL;
    setenv("PATH", "/usr/sbin:/sbin", 1);
    bool ok = container->start(container, 0, NULL);
    if (saved) {
        setenv("PATH", saved, 1);
    } else {
        unsetenv("PATH");
    }
    return ok;
}

// liblxc says RUNNING before init is executed; until then the process still runs our own program.
static bool has_executed(pid_t pid)
{
    char path[64];
    struct stat ours, theirs;
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return stat("/proc/self/exe", &ours) == 0 && stat(path, &theirs) == 0 &&
           (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Waits until init runs its own program and is still there a moment later.
static int wait_for_init(struct lxc_container *container, int timeout_s, struct err *err)
{
    int64_t deadline = now_ms() + timeout_s * INT64_C(1000);
    _cleanup_fd_ int pidfd = container->init_pidfd(container);
    pid_t pid = container->init_pid(container);
    if (pidfd < 0 || pid <= 0) {
        return err_set(err, ERR_SYSTEM, "init ended at once");
    }
    // The last look is a millisecond after init was executed.
    for (bool executed = has_executed(pid);;) {
        struct pollfd ended = {.fd = pidfd, .events = POLLIN};
        if (poll(&ended, 1, 1) > 0) {
            return err_set(err, ERR_SYSTEM, "init ended at once");
        }
        if (executed) {
            return 0;
        }
        executed = has_executed(pid);
        if (now_ms() > deadline) {
            return err_set(err, ERR_TIMEOUT, "init did not start in time");
        }
    }
}

static bool has_processes(const char *vps)
{
    uint64_t pids;
    return cgroup_pids(vps, &pids, NULL) == 0 && pids > 0;
}

// The log goes when the create is taken back: its reason is said now.
static int refused(const struct agent_config *config, const struct vps_spec *spec, const char *log,
                   off_t log_from, struct err *err)
{
    char reason[LXC_REASON_SIZE];
    lxc_log_reason(log, log_from, config->state_dir, reason);
    cgroup_forget_monitor(spec->vps, MONITOR_END_MS);
    return err_set(err, ERR_SYSTEM, "liblxc could not start vps %s: %s", spec->vps,
                   *reason ? reason : "it gave no reason");
}

// A layered root is there for liblxc's children only: the monitor lives on where we were when it was started.
static int start_from(struct lxc_container *container, const struct volume_root *root,
                      uint32_t id_base, bool *ret_started, struct err *err)
{
    int home = -1;
    int r = root->space > 0 ? layer_enter(root->space, &home, err) : 0;
    if (r < 0) {
        return r;
    }
    ns_owner_set(id_base, bounds_take);
    *ret_started = start_with_short_path(container);
    ns_owner_set(0, NULL);
    if (home >= 0) {
        layer_leave(home);
    }
    return 0;
}

static int lxc_start(const struct agent_config *config, const struct vps_spec *spec,
                     const struct volume_root *root, const struct container_start *how,
                     struct err *err)
{
    char log[PATH_SIZE];
    _cleanup_container_ struct lxc_container *container = NULL;
    int r = sysfile_path(log, sizeof(log), err, "%s/vps/%s/log", config->state_dir, spec->vps);
    if (r == 0) {
        r = lxc_load(config, spec->vps, &container, err);
    }
    if (r < 0) {
        return r;
    }
    struct timespec before;
    clock_gettime(CLOCK_REALTIME, &before);
    if (container->is_running(container)) {
        return wait_for_init(container, how->timeout_s, err);
    }
    // What a killed monitor left behind would share the root with the new one.
    r = cgroup_reap(spec->vps, CLEAN_MS, err);
    if (r < 0) {
        return r;
    }
    cgroup_forget_monitor(spec->vps, 0);
    bounds_set();
    container->want_daemonize(container, true);
    container->want_close_all_fds(container, true);
    off_t log_from = lxc_log_end(log);
    bool started = false;
    r = lxc_config_count_end(container, config, spec, how, err);
    if (r < 0) {
        return r;
    }
    r = start_from(container, root, spec->id_base, &started, err);
    if (r == 0 && !started) {
        return refused(config, spec, log, log_from, err);
    }
    if (r == 0) {
        r = wait_for_init(container, how->timeout_s, err);
    }
    if (r < 0) {
        return err_wrap(err, "starting vps %s", spec->vps);
    }
    lxc_config_forget_reboot(spec->vps, &before);
    return 0;
}

// True when it shut itself down in time. Init is asked again each second: while it starts it has no
// handler for the signal yet, and the kernel drops what the first process of a namespace does not handle.
static bool shut_down(struct lxc_container *container, int timeout_s)
{
    for (int second = 0; second < timeout_s; second++) {
        if (container->shutdown(container, 1)) {
            return true;
        }
    }
    return false;
}

static int lxc_stop(const struct agent_config *config, const char *vps, int timeout_s,
                    struct err *err)
{
    if (has_processes(vps)) {
        _cleanup_container_ struct lxc_container *container = NULL;
        int r = lxc_load(config, vps, &container, err);
        if (r < 0) {
            return r;
        }
        (void)!lxc_thaw(config, vps, NULL); // else it hears nothing; a monitor that is gone cannot
        if (container->is_running(container) && !shut_down(container, timeout_s)) {
            container->stop(container);
        }
    }
    // The monitor now removes devices and cgroups; if it is dead, that is for us to do.
    if (cgroup_wait_gone(vps, has_processes(vps) ? 0 : CLEAN_MS / 5, NULL) < 0) {
        int r = cgroup_reap(vps, CLEAN_MS, err);
        if (r < 0) {
            return err_wrap(err, "stopping vps %s", vps);
        }
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    lxc_config_forget_reboot(vps, &now); // also where it answered with one
    return 0;
}

// liblxc has profiles compiled into a cache of all containers, a folder for each kernel's features, and never takes one out.
static void forget_compiled_profile(const char *vps)
{
    char pattern[PATH_SIZE];
    glob_t found;
    if (sysfile_path(pattern, sizeof(pattern), NULL, "/var/cache/lxc/apparmor/*/lxc-%s_*", vps) <
            0 ||
        glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        unlink(found.gl_pathv[i]);
    }
    globfree(&found);
}

static int lxc_undefine(const struct agent_config *config, const char *vps, struct err *err)
{
    static const char *const files[] = {
        "config", "config.new", "seccomp", "seccomp.new", "log", "console.log", "console.log.1",
    };
    char path[PATH_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        int r =
            sysfile_path(path, sizeof(path), err, "%s/vps/%s/%s", config->state_dir, vps, files[i]);
        if (r < 0) {
            return r;
        }
        if (unlink(path) < 0 && errno != ENOENT) {
            return err_errno(err, errno, "removing %s", path);
        }
    }
    // With the generated AppArmor profile: the monitor removes it when the container stops, one that was killed did not.
    int r = sysfile_path(path, sizeof(path), err, "%s/vps/%s/apparmor", config->state_dir, vps);
    if (r == 0) {
        r = container_remove_folder(path, err);
    }
    if (r < 0) {
        return r;
    }
    forget_compiled_profile(vps);
    // One that was killed a moment ago may still be on its way out.
    cgroup_forget_monitor(vps, MONITOR_END_MS);
    // liblxc's lock file, which it never removes; best effort.
    if (sysfile_path(path, sizeof(path), NULL, "/run/lxc/lock/%s/vps/.%s", config->state_dir,
                     vps) == 0) {
        unlink(path);
    }
    return 0;
}

static int lxc_observe(const struct agent_config *config, const char *vps,
                       enum observed *ret_observed, struct err *err)
{
    char path[PATH_SIZE];
    if (has_processes(vps)) {
        *ret_observed = OBSERVED_RUNNING;
        return 0;
    }
    int r = sysfile_path(path, sizeof(path), err, "%s/vps/%s/config", config->state_dir, vps);
    if (r < 0) {
        return r;
    }
    *ret_observed = access(path, F_OK) == 0 ? OBSERVED_STOPPED : OBSERVED_ABSENT;
    return 0;
}

static int lxc_sample(const struct agent_config *config, const char *vps,
                      const struct pool_disks *disks, struct usage_counters *counters,
                      struct err *err)
{
    return cgroup_sample(vps, disks, counters, err);
}

static int lxc_limits_met(const struct agent_config *config, const char *vps,
                          struct limits_met *ret_met, struct err *err)
{
    return cgroup_limits_met(vps, ret_met, err);
}

static bool lxc_is_coming_back(const struct agent_config *config, const char *vps,
                               enum observed recorded)
{
    return lxc_config_rebooted(vps) || (recorded == OBSERVED_RUNNING && cgroup_monitor_died(vps));
}

const struct container_driver container_lxc = {
    .name = "lxc",
    .define = lxc_define,
    .start = lxc_start,
    .stop = lxc_stop,
    .apply = lxc_apply,
    .freeze = lxc_freeze,
    .thaw = lxc_thaw,
    .monitor_pid = lxc_monitor_pid,
    .init_pid = lxc_init_pid,
    .is_coming_back = lxc_is_coming_back,
    .console = lxc_console,
    .undefine = lxc_undefine,
    .observe = lxc_observe,
    .sample = lxc_sample,
    .limits_met = lxc_limits_met,
};
