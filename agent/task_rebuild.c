#include "config.h"
#include "guest.h"
#include "image.h"
#include "task.h"

// Restore and reinstall: another root is made beside the vps's while it still runs, exchanged with it while
// it is stopped, and the old one removed only when the guest runs from the new one. Until then everything
// can be taken back.

// The last thing that such an order does is to write its generation down: from then on it is done, however
// often it is run again, and nothing is taken back.
static bool is_done(const struct task *task)
{
    return task->state.created && task->state.generation >= task->generation;
}

static int ensure_image(struct task *task, struct err *err)
{
    return is_done(task) ? 0 : image_install(task->config, &task->drivers, &task->spec, err);
}

static int ensure_staged(struct task *task, struct err *err)
{
    struct volume_source source = {.vps = task->vps, .snapshot = task->args.snapshot};
    if (task->kind == &task_reinstall) {
        source = (struct volume_source){.image = task->spec.image.sha256};
    }
    return is_done(task) ? 0 : task->drivers.volume->stage(task->config, &task->spec, &source, err);
}

static int undo_staged(struct task *task, struct err *err)
{
    return is_done(task) ? 0 : task->drivers.volume->settle(task->config, &task->spec, err);
}

// Only while the guest has not seen it: its path is empty once it was exchanged.
static int ensure_guest(struct task *task, struct err *err)
{
    struct volume_root root;
    if (is_done(task)) {
        return 0;
    }
    int r = task->drivers.volume->staged(task->config, &task->spec, &root, err);
    return r < 0 || !root.path[0] ? r : guest_prepare(task->config, &task->spec, &root, err);
}

// Nobody waits for the guest's own shutdown when its disk is thrown away.
static int ensure_off(struct task *task, struct err *err)
{
    struct volume_root root;
    if (is_done(task)) {
        return 0;
    }
    int r = task->drivers.volume->staged(task->config, &task->spec, &root, err);
    return r < 0 || !root.path[0] ? r : ensure_killed(task, err);
}

static int undo_off(struct task *task, struct err *err)
{
    return is_done(task) ? 0 : ensure_as_before(task, err);
}

static int ensure_swapped(struct task *task, struct err *err)
{
    return is_done(task) ? 0 : task->drivers.volume->swap(task->config, &task->spec, err);
}

static int undo_swapped(struct task *task, struct err *err)
{
    struct volume_root root;
    if (is_done(task) || task->drivers.volume->staged(task->config, &task->spec, &root, NULL) < 0 ||
        root.path[0]) {
        return 0; // the guest, if it runs, runs from its own root
    }
    int r = ensure_killed(task, err);
    return r < 0 ? r : task->drivers.volume->unswap(task->config, &task->spec, err);
}

static int ensure_settled(struct task *task, struct err *err)
{
    if (!is_done(task)) {
        task->state.generation = task->generation;
        int r = vps_state_save(task->config, &task->state, err);
        if (r < 0) {
            return r;
        }
    }
    return task->drivers.volume->settle(task->config, &task->spec, err);
}

static const struct task_step restore_steps[] = {
    {"present", ensure_present, NULL},      {"state", ensure_state, NULL},
    {"stage", ensure_staged, undo_staged},  {"stop", ensure_off, undo_off},
    {"swap", ensure_swapped, undo_swapped}, {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},       {"network", ensure_network, NULL},
    {"start", ensure_started, NULL},        {"attach", ensure_attached, NULL},
    {"verify", verify_power, NULL},         {"settle", ensure_settled, NULL},
};

static const struct task_step reinstall_steps[] = {
    {"present", ensure_present, NULL},      {"state", ensure_state, NULL},
    {"image", ensure_image, NULL},          {"stage", ensure_staged, undo_staged},
    {"guest", ensure_guest, NULL},          {"stop", ensure_off, undo_off},
    {"swap", ensure_swapped, undo_swapped}, {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},       {"network", ensure_network, NULL},
    {"start", ensure_started, NULL},        {"attach", ensure_attached, NULL},
    {"verify", verify_power, NULL},         {"settle", ensure_settled, NULL},
};

const struct task_kind task_restore = {"vps_restore", restore_steps, ARRAY_LEN(restore_steps),
                                       TASK_STOPS};
const struct task_kind task_reinstall = {"vps_reinstall", reinstall_steps,
                                         ARRAY_LEN(reinstall_steps), TASK_STOPS};
