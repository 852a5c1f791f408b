// The root of a vps as a task needs it: to write into its files, or to start from.
#include "task.h"

// Of a guest that runs, a layered root is what its monitor has: a second mount of it would be another file system above the
// same files.
static int mount_own(struct task *task, struct volume_root *root, struct err *err)
{
    pid_t monitor = 0;
    if (!root->layered[0]) {
        return 0;
    }
    int r = task->drivers.container->monitor_pid(task->config, task->vps, &monitor, err);
    return r < 0 ? r : task->drivers.volume->mount(task->config, &task->spec, monitor, root, err);
}

int task_open_root(struct task *task, struct volume_root *ret_root, struct err *err)
{
    int r = task->drivers.volume->root(task->config, task->vps, ret_root, err);
    return r < 0 ? r : mount_own(task, ret_root, err);
}

int task_open_staged(struct task *task, struct volume_root *ret_root, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    int r = volume->staged(task->config, &task->spec, ret_root, err);
    return r < 0 ? r : volume->mount(task->config, &task->spec, 0, ret_root, err);
}

int task_boot_root(struct task *task, struct volume_root *ret_root, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    return task->spec.rescue.sha256[0]
               ? volume->scratch_root(task->config, task->vps, ret_root, err)
               : volume->root(task->config, task->vps, ret_root, err);
}

int task_start_container(struct task *task, int timeout_s, struct err *err)
{
    struct volume_root root = {0};
    const struct container_start how = {task->state.start, &task->drivers.disks, timeout_s};
    task_find_disks(task);
    int r = task->observed == OBSERVED_RUNNING ? 0 : task_boot_root(task, &root, err);
    if (r == 0) {
        r = task->drivers.volume->mount(task->config, &task->spec, 0, &root, err);
    }
    return r < 0 ? r : task->drivers.container->start(task->config, &task->spec, &root, &how, err);
}
