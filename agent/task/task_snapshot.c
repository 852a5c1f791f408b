#include "task.h"

static int ensure_observed(struct task *task, struct err *err)
{
    return task_observe(task, err);
}

static int ensure_snapshot(struct task *task, struct err *err)
{
    return task->drivers.volume->snapshot(task->config, task->vps, task->args.snapshot,
                                          &task->snapshot_bytes, err);
}

static int ensure_no_snapshot(struct task *task, struct err *err)
{
    return task->drivers.volume->snapshot_delete(task->config, task->vps, task->args.snapshot, err);
}

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},
    {"snapshot", ensure_snapshot, ensure_no_snapshot},
    {"verify", ensure_observed, NULL},
};

// Of a vps that is gone its snapshots are, too.
static const struct task_step delete_steps[] = {
    {"delete", ensure_no_snapshot, NULL},
    {"verify", ensure_observed, NULL},
};

const struct task_kind task_snapshot = {"vps_snapshot", steps, ARRAY_LEN(steps), TASK_BESIDE};
const struct task_kind task_snapshot_delete = {"vps_snapshot_delete", delete_steps,
                                               ARRAY_LEN(delete_steps), TASK_BESIDE};
