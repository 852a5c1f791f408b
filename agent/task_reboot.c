#include "config.h"
#include "task.h"

// The guest goes down once, however often the task is run again: that it did is written down.
static int ensure_down(struct task *task, struct err *err)
{
    if (task->state.rebooted >= task->generation) {
        return 0;
    }
    int r = ensure_stopped(task, err);
    if (r < 0) {
        return r;
    }
    task->state.rebooted = task->generation;
    return vps_state_save(task->config, &task->state, err);
}

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},
    {"state", ensure_state, NULL},
    {"stop", ensure_down, NULL},
    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},
    {"network", ensure_network, undo_network},
    {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},
    {"verify", verify_power, NULL},
};

const struct task_kind task_reboot = {"vps_reboot", steps, ARRAY_LEN(steps)};
