#include "guest.h"
#include "guest_boot.h"
#include "image.h"
#include "task.h"

// Whatever is taken back belongs to a creation that never was completed; a vps that was is its
// customer's, and a repeated create that fails on it leaves it alone.

static int undo_state(struct task *task, struct err *err)
{
    return task->state.created ? 0 : vps_state_remove(task->config, task->vps, err);
}

static int ensure_image(struct task *task, struct err *err)
{
    if (task->state.created) {
        return 0;
    }
    int r = image_install(task->config, &task->drivers, &task->spec, err);
    if (r == ERR_NOT_FOUND) {
        return err_set(err, ERR_IMAGE, "the image %s is not on this node", task->spec.image.name);
    }
    return r;
}

static int ensure_volume(struct task *task, struct err *err)
{
    // The image may be gone from the node by now.
    if (task->state.created) {
        return 0;
    }
    return task->drivers.volume->create(task->config, &task->spec, err);
}

static int ensure_copy(struct task *task, struct err *err)
{
    const struct volume_source source = {
        .vps = task->args.source,
        .snapshot = task->args.snapshot,
    };
    return task->state.created
               ? 0
               : task->drivers.volume->copy(task->config, &task->spec, &source, err);
}

static int undo_volume(struct task *task, struct err *err)
{
    return task->state.created ? 0 : task->drivers.volume->destroy(task->config, task->vps, err);
}

static int undo_defined(struct task *task, struct err *err)
{
    return task->state.created ? 0
                               : task->drivers.container->undefine(task->config, task->vps, err);
}

// Once only: later the guest's files are the customer's. Written down by the next save, which comes
// before the guest runs for the first time.
static int ensure_guest(struct task *task, struct err *err)
{
    if (task->state.prepared || task->state.created) {
        return 0;
    }
    struct volume_root root;
    int r = task_open_root(task, &root, err);
    if (r == 0) {
        r = guest_prepare(task->config, &task->spec, &root, err);
    }
    if (r == 0 && task->args.user_data) {
        r = guest_set_user_data(&task->spec, &root, task->args.user_data, err);
    }
    if (r == 0) {
        task_note_identity(task);
        task->state.prepared = true;
    }
    return r;
}

static int verify(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r < 0) {
        return r;
    }
    enum observed wanted = task->spec.desired_running ? OBSERVED_RUNNING : OBSERVED_STOPPED;
    if (task->observed != wanted && !(task->state.created && task->observed == OBSERVED_RUNNING)) {
        return err_set(err, ERR_INTERNAL, "the container is %s", observed_name(task->observed));
    }
    return 0;
}

static const struct task_step steps[] = {
    {"state", ensure_state, undo_state},       {"image", ensure_image, NULL},
    {"volume", ensure_volume, undo_volume},    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, undo_defined},  {"guest", ensure_guest, NULL},
    {"network", ensure_network, undo_network}, {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},         {"verify", verify, NULL},
};

const struct task_kind task_create = {"vps_create", steps, ARRAY_LEN(steps)};

// The same from another vps's disk, which its owner wrote: machine-id, host keys and random seed are made
// anew by `guest`, as for an image.
static const struct task_step clone_steps[] = {
    {"state", ensure_state, undo_state},
    {"volume", ensure_copy, undo_volume},
    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, undo_defined},
    {"guest", ensure_guest, NULL},
    {"network", ensure_network, undo_network},
    {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},
    {"verify", verify, NULL},
};

const struct task_kind task_clone = {"vps_clone", clone_steps, ARRAY_LEN(clone_steps)};
