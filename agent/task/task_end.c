// What a guest has used at its end. liblxc has it left by a program of ours (docs/decisions/0064); where there was nobody to do so, since the
// engine leaves no process behind or a monitor was killed, the cgroups are still there, and are read before they go.
#include "config.h"
#include "last.h"
#include "sampler.h"
#include "task.h"

void task_find_disks(struct task *task)
{
    struct err unheard = {0};
    if (task->drivers.volume->disks(task->config, &task->drivers.disks, &unheard) < 0) {
        task->drivers.disks.count = 0;
    }
}

// Best effort: what a guest is charged for is no reason not to start or to stop it.
void task_leave_last(struct task *task)
{
    struct usage_counters counters;
    struct err unheard = {0};
    if (!*task->state.start) {
        return;
    }
    task_find_disks(task);
    if (sampler_sample(task->config, &task->drivers, &task->spec, &counters, &unheard) == 0) {
        (void)!last_leave(task->config->state_dir, task->vps, task->state.start, &counters,
                          &unheard);
    }
}

int task_stop_container(struct task *task, int timeout_s, struct err *err)
{
    const struct container_driver *container = task->drivers.container;
    enum observed observed = OBSERVED_ERROR;
    int r = container->shut_down ? container->shut_down(task->config, task->vps, timeout_s, err)
                                 : container->observe(task->config, task->vps, &observed, err);
    if (r < 0) {
        return r;
    }
    if (container->shut_down || observed == OBSERVED_STOPPED) {
        task_leave_last(task);
    }
    return container->stop(task->config, task->vps, container->shut_down ? 0 : timeout_s, err);
}
