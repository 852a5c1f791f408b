// What changes in a container that runs: limits, host name, standing still.
#include "cgroup.h"
#include "container_lxc.h"
#include "host.h"
#include "plan_limits.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

int lxc_init_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                 struct err *err)
{
    *ret_pid = 0;
    uint64_t pids;
    if (cgroup_pids(vps, &pids, NULL) < 0 || pids == 0) {
        return 0;
    }
    _cleanup_container_ struct lxc_container *container = NULL;
    int r = lxc_load(config, vps, &container, err);
    if (r == 0) {
        pid_t pid = container->init_pid(container);
        *ret_pid = pid > 0 ? pid : 0;
    }
    return r;
}

// The monitor is whose child init is.
int lxc_monitor_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                    struct err *err)
{
    char path[64], status[SYSFILE_MAX];
    pid_t init;
    *ret_pid = 0;
    int r = lxc_init_pid(config, vps, &init, err);
    if (r < 0 || init == 0) {
        return r;
    }
    snprintf(path, sizeof(path), "/proc/%d/status", init);
    r = sysfile_read(path, status, sizeof(status), err);
    const char *line = r < 0 ? NULL : strstr(status, "\nPPid:");
    if (line) {
        *ret_pid = (pid_t)strtol(line + sizeof("\nPPid:"), NULL, 10);
    }
    return r;
}

// In the guest's own UTS namespace, and back: a worker's name is the host's.
static int set_hostname(pid_t init, const char *hostname, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/uts", init);
    _cleanup_fd_ int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWUTS) < 0) {
        return err_errno(err, errno, "entering the guest's host name");
    }
    int e = sethostname(hostname, strlen(hostname)) < 0 ? errno : 0;
    if (setns(own, CLONE_NEWUTS) < 0) {
        return err_errno(err, errno, "coming back from the guest's host name");
    }
    return e ? err_errno(err, e, "setting the host name") : 0;
}

static void keep_first(struct err *first, const struct err *failure)
{
    if (first->code == ERR_OK) {
        *first = *failure;
    }
}

// All that can be set is set, whatever else is refused: what is lowered holds though memory does not fit.
static int write_limits(const struct vps_spec *spec, dev_t disk, struct err *err)
{
    struct limit limits[LIMITS_MAX];
    struct host_facts facts;
    struct err first = {0};
    host_observe(&facts);
    size_t count = plan_limits_list(spec, facts.cgroup_version, disk, limits);
    bool fits = cgroup_check_memory(spec->vps, (uint64_t)spec->limits.memory_bytes, &first) == 0;
    bool tight = false;
    for (size_t i = 0; i < count; i++) {
        struct err failure = {0};
        if (!fits && strncmp(limits[i].file, "memory.", 7) == 0) {
            continue;
        }
        if (cgroup_set(spec->vps, limits[i].file, limits[i].value, &failure) < 0) {
            // Version 1 wants memory below memory with swap at every moment: growing, that goes first.
            if (i == 0) {
                tight = true;
            } else {
                keep_first(&first, &failure);
            }
        }
    }
    struct err failure = {0};
    if (tight && cgroup_set(spec->vps, limits[0].file, limits[0].value, &failure) < 0) {
        keep_first(&first, &failure);
    }
    if (first.code < 0) {
        *err = first;
        return err_wrap(err, "limits");
    }
    return 0;
}

int lxc_apply(const struct agent_config *config, const struct vps_spec *spec,
              const struct volume_root *root, struct err *err)
{
    pid_t init;
    int r = lxc_init_pid(config, spec->vps, &init, err);
    if (r < 0 || init == 0) {
        return r;
    }
    r = write_limits(spec, root->disk, err);
    return r < 0 ? r : set_hostname(init, spec->hostname, err);
}

static bool is_frozen(struct lxc_container *container)
{
    const char *state = container->state(container);
    return state && strcmp(state, "FROZEN") == 0;
}

static int stand(const struct agent_config *config, const char *vps, bool frozen, struct err *err)
{
    uint64_t pids;
    if (cgroup_pids(vps, &pids, NULL) < 0 || pids == 0) {
        return 0;
    }
    _cleanup_container_ struct lxc_container *container = NULL;
    int r = lxc_load(config, vps, &container, err);
    if (r < 0 || is_frozen(container) == frozen) {
        return r;
    }
    bool done = frozen ? container->freeze(container) : container->unfreeze(container);
    return done ? 0
                : err_set(err, ERR_SYSTEM, "liblxc could not %s vps %s", frozen ? "freeze" : "thaw",
                          vps);
}

int lxc_freeze(const struct agent_config *config, const char *vps, struct err *err)
{
    return stand(config, vps, true, err);
}

int lxc_thaw(const struct agent_config *config, const char *vps, struct err *err)
{
    return stand(config, vps, false, err);
}
