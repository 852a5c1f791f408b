#include "config.h"
#include "task.h"
#include "uuid.h"

#include <string.h>

enum { START_TIMEOUT_S = 60 };

// The record comes before anything that it is the record of.
int ensure_state(struct task *task, struct err *err)
{
    json_decref(task->state.spec);
    task->state.spec = json_incref(task->spec_json);
    task_note_asked(task);
    return vps_state_save(task->config, &task->state, err);
}

int ensure_limit(struct task *task, struct err *err)
{
    return task->drivers.volume->limit(task->config, &task->spec, err);
}

int ensure_defined(struct task *task, struct err *err)
{
    struct volume_root root;
    int r = task_boot_root(task, &root, err);
    if (r < 0) {
        return r;
    }
    return task->drivers.container->define(task->config, &task->spec, &root, err);
}

bool task_is_wanted_running(const struct task *task)
{
    if (task->kind == &task_stop || task->spec.suspended == SUSPENDED_STOP || task->keep_off) {
        return false;
    }
    return task->kind == &task_start || task->spec.desired_running;
}

int ensure_network(struct task *task, struct err *err)
{
    if (!task_is_wanted_running(task)) {
        return 0;
    }
    return task->drivers.network->prepare(task->config, &task->spec, err);
}

// A start gets its UUID on disk before it happens: counters that begin at zero always have a new one.
int ensure_started(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r < 0 || !task_is_wanted_running(task)) {
        return r;
    }
    if (task->observed != OBSERVED_RUNNING) {
        task_leave_last(task);
    }
    if (task->observed != OBSERVED_RUNNING || !*task->state.start) {
        uuid_make(task->state.start);
        r = vps_state_save(task->config, &task->state, err);
        if (r < 0) {
            return r;
        }
    }
    return task_start_container(task, START_TIMEOUT_S, err);
}

int ensure_attached(struct task *task, struct err *err)
{
    if (!task_is_wanted_running(task)) {
        return 0;
    }
    return task->drivers.network->attach(task->config, &task->spec, err);
}

// A vps that is not here is not made anything by saying so.
int ensure_present(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r == 0 && task->observed == OBSERVED_ABSENT) {
        r = err_set(err, ERR_NOT_FOUND, "the vps is not on this node");
    }
    return r < 0 ? r : task_take_back_rebuild(task, err);
}

int verify_power(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    enum observed wanted = task_is_wanted_running(task) ? OBSERVED_RUNNING : OBSERVED_STOPPED;
    if (r == 0 && task->observed != wanted) {
        r = err_set(err, ERR_INTERNAL, "the container is %s", observed_name(task->observed));
    }
    return r;
}

int ensure_stopped(struct task *task, struct err *err)
{
    int64_t timeout_s = task->args.force            ? 0
                        : task->args.timeout_s >= 0 ? task->args.timeout_s
                                                    : task->config->stop_timeout_s;
    return task_stop_container(task, (int)timeout_s, err);
}

int ensure_no_network(struct task *task, struct err *err)
{
    return task->drivers.network->remove(task->config, &task->spec, err);
}

// Only what this task itself started is stopped again: state.observed is from before the task. In a
// vps that was never completed nothing ran before; there the broker may have noted what a worker that
// was killed had started.
static bool ran_before(const struct task *task)
{
    return task->state.created && task->state.observed == OBSERVED_RUNNING;
}

int undo_started(struct task *task, struct err *err)
{
    if (ran_before(task)) {
        return 0;
    }
    return task_stop_container(task, 0, err);
}

int undo_network(struct task *task, struct err *err)
{
    if (ran_before(task)) {
        return 0;
    }
    return task->drivers.network->remove(task->config, &task->spec, err);
}

// However often the task is run again: that it did is written down.
int ensure_down_once(struct task *task, struct err *err)
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

int ensure_killed(struct task *task, struct err *err)
{
    return task_stop_container(task, 0, err);
}

int ensure_as_before(struct task *task, struct err *err)
{
    static const task_function steps[] = {ensure_limit, ensure_defined, ensure_network,
                                          ensure_started, ensure_attached};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps) && r == 0 && ran_before(task); i++) {
        r = steps[i](task, err);
    }
    return r;
}

// Limits, host name and addresses of a guest that ran before. One that was just started has them.
int ensure_live(struct task *task, struct err *err)
{
    struct volume_root root;
    pid_t init = 0;
    if (!task_is_wanted_running(task)) {
        return 0;
    }
    int r = task->drivers.volume->root(task->config, task->vps, &root, err);
    if (r == 0) {
        r = task->drivers.container->apply(task->config, &task->spec, &root, err);
    }
    if (r == 0) {
        r = task->drivers.container->init_pid(task->config, task->vps, &init, err);
    }
    return r < 0 || init == 0
               ? r
               : task->drivers.network->readdress(task->config, &task->spec, init, err);
}

int ensure_standing(struct task *task, struct err *err)
{
    const struct container_driver *container = task->drivers.container;
    if (!task_is_wanted_running(task)) {
        return 0;
    }
    return task->spec.frozen ? container->freeze(task->config, task->vps, err)
                             : container->thaw(task->config, task->vps, err);
}
