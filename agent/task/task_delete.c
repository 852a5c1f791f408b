#include "config.h"
#include "task.h"

static int ensure_undefined(struct task *task, struct err *err)
{
    return task->drivers.container->undefine(task->config, task->vps, err);
}

static int ensure_no_volume(struct task *task, struct err *err)
{
    return task->drivers.volume->destroy(task->config, task->vps, err);
}

static int ensure_no_state(struct task *task, struct err *err)
{
    task->observed = OBSERVED_ABSENT;
    return vps_state_remove(task->config, task->vps, err);
}

// Nobody waits for the guest's own shutdown when its disk goes with it.
static const struct task_step steps[] = {
    {"stop", ensure_killed, NULL},        {"network", ensure_no_network, NULL},
    {"undefine", ensure_undefined, NULL}, {"volume", ensure_no_volume, NULL},
    {"state", ensure_no_state, NULL},
};

const struct task_kind task_delete = {"vps_delete", steps, ARRAY_LEN(steps), TASK_STOPS};
