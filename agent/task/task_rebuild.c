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

// What lies beside the vps's root: nothing, the root that this order made, or the one that it put aside.
enum beside { BESIDE_NOTHING, BESIDE_NEW, BESIDE_OLD };

static int look_beside(struct task *task, enum beside *ret_beside, struct err *err)
{
    struct volume_root root;
    struct err failure = {0};
    int r = task->drivers.volume->staged(task->config, &task->spec, &root, &failure);
    if (r < 0 && r != ERR_NOT_FOUND) {
        *err = failure;
        return r;
    }
    *ret_beside = r < 0 ? BESIDE_NOTHING : root.path[0] ? BESIDE_NEW : BESIDE_OLD;
    return 0;
}

// Never what may be the vps's own disk.
static int undo_staged(struct task *task, struct err *err)
{
    enum beside beside;
    if (is_done(task)) {
        return 0;
    }
    int r = look_beside(task, &beside, err);
    if (r == 0 && beside == BESIDE_OLD) {
        r = err_set(err, ERR_INTERNAL, "the vps's own disk is not back in its place");
    }
    return r < 0 ? r : task->drivers.volume->settle(task->config, &task->spec, err);
}

// Only while the guest has not seen it: its path is empty once it was exchanged.
static int ensure_guest(struct task *task, struct err *err)
{
    struct volume_root root;
    if (is_done(task)) {
        return 0;
    }
    int r = task_open_staged(task, &root, err);
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

// Written down before the exchange and after it was taken back or settled. What was written into one disk says
// nothing about the other.
static int note_exchanged(struct task *task, int64_t generation, struct err *err)
{
    if (task->state.exchanged == generation) {
        return 0;
    }
    task->state.exchanged = generation;
    task->state.hostname[0] = task->state.keys[0] = '\0';
    return vps_state_save(task->config, &task->state, err);
}

static int ensure_swapped(struct task *task, struct err *err)
{
    if (is_done(task)) {
        return 0;
    }
    int r = note_exchanged(task, task->generation, err);
    return r < 0 ? r : task->drivers.volume->swap(task->config, &task->spec, err);
}

static int undo_swapped(struct task *task, struct err *err)
{
    enum beside beside;
    if (is_done(task)) {
        return 0;
    }
    int r = look_beside(task, &beside, err);
    if (r == 0 && beside == BESIDE_OLD) { // else the guest, if it runs, runs from its own root
        r = ensure_killed(task, err);
        if (r == 0) {
            r = task->drivers.volume->unswap(task->config, &task->spec, err);
        }
    }
    return r < 0 ? r : note_exchanged(task, 0, err);
}

static bool is_rebuild(const struct task *task)
{
    return task->kind == &task_restore || task->kind == &task_reinstall;
}

int task_take_back_rebuild(struct task *task, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    int64_t left = task->state.exchanged;
    if (left == 0 || (is_rebuild(task) && left == task->generation)) {
        return 0;
    }
    struct vps_spec spec = task->spec; // shares what it points to
    spec.generation = left;
    int r = ensure_killed(task, err);
    if (r == 0) {
        r = volume->unswap(task->config, &spec, err);
    }
    if (r == 0) {
        r = note_exchanged(task, 0, err);
    }
    if (r == 0) {
        r = volume->settle(task->config, &spec, err);
    }
    return r < 0 ? err_wrap(err, "taking an earlier rebuild back") : 0;
}

static int ensure_settled(struct task *task, struct err *err)
{
    if (!is_done(task)) {
        task->state.generation = task->generation;
        task->state.exchanged = 0;
        int r = vps_state_save(task->config, &task->state, err);
        if (r < 0) {
            return r;
        }
    }
    return task->drivers.volume->settle(task->config, &task->spec, err);
}

static int ensure_disk_identity(struct task *task, struct err *err)
{
    return is_done(task) ? 0 : ensure_identity_of_disk(task, err);
}

static const struct task_step restore_steps[] = {
    {"present", ensure_present, NULL},      {"state", ensure_state, NULL},
    {"stage", ensure_staged, undo_staged},  {"stop", ensure_off, undo_off},
    {"swap", ensure_swapped, undo_swapped}, {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},       {"identity", ensure_disk_identity, NULL},
    {"network", ensure_network, NULL},      {"start", ensure_started, NULL},
    {"attach", ensure_attached, NULL},      {"verify", verify_power, NULL},
    {"settle", ensure_settled, NULL},
};

static const struct task_step reinstall_steps[] = {
    {"present", ensure_present, NULL},      {"state", ensure_state, NULL},
    {"image", ensure_image, NULL},          {"stage", ensure_staged, undo_staged},
    {"guest", ensure_guest, NULL},          {"stop", ensure_off, undo_off},
    {"swap", ensure_swapped, undo_swapped}, {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},       {"identity", ensure_disk_identity, NULL},
    {"network", ensure_network, NULL},      {"start", ensure_started, NULL},
    {"attach", ensure_attached, NULL},      {"verify", verify_power, NULL},
    {"settle", ensure_settled, NULL},
};

const struct task_kind task_restore = {"vps_restore", restore_steps, ARRAY_LEN(restore_steps),
                                       TASK_STOPS};
const struct task_kind task_reinstall = {"vps_reinstall", reinstall_steps,
                                         ARRAY_LEN(reinstall_steps), TASK_STOPS};
