// vps_publish: a snapshot of the disk is packed into outgoing/; what then is done with it is the broker's
// (broker_upload.c): the task has ended when the control plane has it. From the pack on it is in nobody's way.
#include "outgoing.h"
#include "task.h"

// Under the image's id: it is nobody's snapshot.
static int ensure_snapshot(struct task *task, struct err *err)
{
    return task->drivers.volume->snapshot(task->config, task->vps, task->args.image,
                                          &task->snapshot_bytes, err);
}

static int ensure_no_snapshot(struct task *task, struct err *err)
{
    return task->drivers.volume->snapshot_delete(task->config, task->vps, task->args.image, err);
}

static int ensure_packed(struct task *task, struct err *err)
{
    char path[256];
    const char *image = task->args.image;
    int r =
        task->drivers.volume->snapshot_path(task->config, task->vps, task->args.image, path, err);
    if (r == 0) {
        r = outgoing_make(task->config, image, path, task->args.max_bytes, err);
    }
    return r < 0 ? r
                 : outgoing_describe(task->config, image, task->packed_sha256, &task->packed_bytes,
                                     err);
}

static int undo_packed(struct task *task, struct err *err)
{
    return outgoing_remove(task->config, task->args.image, err);
}

static int ensure_observed(struct task *task, struct err *err)
{
    return task_observe(task, err);
}

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},
    {"snapshot", ensure_snapshot, ensure_no_snapshot},
    {"pack", ensure_packed, undo_packed, .aside = true},
    {"drop", ensure_no_snapshot, NULL},
    {"verify", ensure_observed, NULL},
};

const struct task_kind task_publish = {"vps_publish", steps, ARRAY_LEN(steps), TASK_BESIDE};
