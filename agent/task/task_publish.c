// vps_publish: a snapshot of the disk is packed into outgoing/; what then is done with it is the broker's
// (broker_upload.c): the task has ended when the control plane has it. From the pack on it is in nobody's way.
#include "layer.h"
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

static int pack(struct task *task, const struct volume_root *root, struct err *err)
{
    int home = -1;
    int r = root->space > 0 ? layer_enter(root->space, &home, err) : 0;
    if (r < 0) {
        return r;
    }
    r = outgoing_make(task->config, task->args.image, root->path, task->args.max_bytes, err);
    if (home >= 0) {
        layer_leave(home);
    }
    return r;
}

static int ensure_packed(struct task *task, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    const char *image = task->args.image;
    struct volume_root root;
    int r = volume->snapshot_root(task->config, task->vps, image, &root, err);
    if (r == 0) {
        r = volume->mount(task->config, &task->spec, 0, &root, err);
    }
    if (r == 0) {
        r = pack(task, &root, err);
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
