#include "task.h"

static int verify(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r == 0 && task->observed != OBSERVED_RUNNING) {
        r = err_set(err, ERR_INTERNAL, "the container is %s", observed_name(task->observed));
    }
    return r;
}

static int ensure_volume(struct task *task, struct err *err)
{
    struct volume_root root;
    return task->drivers.volume->root(task->config, task->vps, &root, err);
}

static const struct task_step steps[] = {
    {"volume", ensure_volume, NULL},
    {"state", ensure_state, NULL},
    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},
    {"network", ensure_network, undo_network},
    {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},
    {"verify", verify, NULL},
};

const struct task_kind task_start = {"vps_start", steps, ARRAY_LEN(steps)};
