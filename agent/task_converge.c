#include "task.h"

// A start and an update are the same: both bring the vps, running or not, to all that its spec says. Only
// what it is for differs: a start always means running.

static int ensure_volume(struct task *task, struct err *err)
{
    struct volume_root root;
    return task->drivers.volume->root(task->config, task->vps, &root, err);
}

// For a guest that is to be off; one that is to run is left alone here.
static int ensure_off(struct task *task, struct err *err)
{
    if (task_is_wanted_running(task)) {
        return 0;
    }
    int r = ensure_stopped(task, err);
    return r < 0 ? r : ensure_no_network(task, err);
}

static const struct task_step steps[] = {
    {"volume", ensure_volume, NULL},
    {"state", ensure_state, NULL},
    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},
    {"off", ensure_off, NULL},
    {"network", ensure_network, undo_network},
    {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},
    {"verify", verify_power, NULL},
};

const struct task_kind task_start = {"vps_start", steps, ARRAY_LEN(steps)};
const struct task_kind task_update = {"vps_update", steps, ARRAY_LEN(steps)};
