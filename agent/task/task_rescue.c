#include "config.h"
#include "guest.h"
#include "image.h"
#include "json.h"
#include "task.h"

// Into the rescue mode when the spec names an image for it, else out of it. The guest goes down once.

static bool is_entering(const struct task *task)
{
    return task->spec.rescue.sha256[0] != '\0';
}

static bool is_done(const struct task *task)
{
    return task->state.created && task->state.generation >= task->generation;
}

static int ensure_image(struct task *task, struct err *err)
{
    struct vps_spec spec = task->spec; // shares what it points to
    spec.image = task->spec.rescue;
    return is_entering(task) && !is_done(task)
               ? image_install(task->config, &task->drivers, &spec, err)
               : 0;
}

// The rescue root is made anew for each rescue; the vps's own disk is not touched.
static int ensure_scratch(struct task *task, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    return is_entering(task) ? volume->scratch(task->config, &task->spec, err)
                             : volume->scratch_delete(task->config, task->vps, err);
}

// The rescue system is a machine of its own, which its customer's keys open.
static int ensure_guest(struct task *task, struct err *err)
{
    struct volume_root root;
    if (!is_entering(task) || is_done(task)) {
        return 0;
    }
    int r = task_observe(task, err);
    if (r < 0 || task->observed == OBSERVED_RUNNING) {
        return r; // its files are its own by now
    }
    r = task->drivers.volume->scratch_root(task->config, task->vps, &root, err);
    return r < 0 ? r : guest_prepare(task->config, &task->spec, &root, err);
}

// The record forgets the rescue first, so that nothing starts into it again.
static int forget_rescue(struct task *task, struct err *err)
{
    json_decref(task->state.spec);
    task->state.spec = json_copy(task->spec_json);
    json_object_del(task->state.spec, "rescue");
    task->spec.rescue = (struct spec_image){0};
    return vps_state_save(task->config, &task->state, err);
}

// Back to the vps's own disk, which the guest has left only if it was stopped for this order.
static int undo_scratch(struct task *task, struct err *err)
{
    if (!is_entering(task) || is_done(task)) {
        return 0;
    }
    bool went_down = task->state.rebooted >= task->generation;
    int r = went_down ? ensure_killed(task, err) : 0;
    if (r == 0) {
        r = forget_rescue(task, err);
    }
    if (r == 0) {
        r = task->drivers.volume->scratch_delete(task->config, task->vps, err);
    }
    return r < 0 || !went_down ? r : ensure_as_before(task, err);
}

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},
    {"state", ensure_state, NULL},
    {"image", ensure_image, NULL},
    {"stop", ensure_down_once, NULL},
    {"scratch", ensure_scratch, undo_scratch},
    {"guest", ensure_guest, NULL},
    {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},
    {"network", ensure_network, NULL},
    {"start", ensure_started, NULL},
    {"attach", ensure_attached, NULL},
    {"verify", verify_power, NULL},
};

const struct task_kind task_rescue = {"vps_rescue", steps, ARRAY_LEN(steps), TASK_STOPS};
