#include "task.h"

// A vps that is not here is not made stopped by saying so.
static int ensure_present(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r == 0 && task->observed == OBSERVED_ABSENT) {
        r = err_set(err, ERR_NOT_FOUND, "the vps is not on this node");
    }
    return r;
}

static int verify(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r == 0 && task->observed != OBSERVED_STOPPED) {
        r = err_set(err, ERR_INTERNAL, "the container is %s", observed_name(task->observed));
    }
    return r;
}

static const struct task_step steps[] = {
    {"present", ensure_present, NULL}, {"state", ensure_state, NULL},
    {"stop", ensure_stopped, NULL},    {"network", ensure_no_network, NULL},
    {"verify", verify, NULL},
};

const struct task_kind task_stop = {"vps_stop", steps, ARRAY_LEN(steps)};
