// What changes in a container of liblxc's that runs: limits, host name, standing still.
#include "cgroup.h"
#include "container_live.h"
#include "container_lxc.h"
#include "sysfile.h"

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

int lxc_apply(const struct agent_config *config, const struct vps_spec *spec,
              const struct volume_root *root, struct err *err)
{
    pid_t init;
    int r = lxc_init_pid(config, spec->vps, &init, err);
    if (r < 0 || init == 0) {
        return r;
    }
    r = container_set_limits(spec, root->disk, err);
    return r < 0 ? r : container_set_hostname(init, spec->hostname, err);
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
