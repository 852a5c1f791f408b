#include "json.h"
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

// A start and an update are the same: both bring the vps, running or not, to all that its spec says. Only
// what it is for differs: a start always means running.

static int ensure_volume(struct task *task, struct err *err)
{
    struct volume_root root;
    int r = task->drivers.volume->root(task->config, task->vps, &root, err);
    if (r == 0) {
        r = task_take_back_rebuild(task, err);
    }
    if (r == 0) {
        r = task_observe(task, err);
    }
    bool due =
        task->drivers.container->is_coming_back(task->config, task->vps, task->state.observed);
    task->keep_off = task->args.keep_power && task->observed == OBSERVED_STOPPED && !due;
    return r;
}

// The disk limit that the record still has, if it has one.
static int restore_limit(struct task *task, struct err *err)
{
    struct vps_spec before = task->spec; // shares what it points to
    before.limits.disk_bytes =
        json_get_int(json_object_get(task->state.spec, "limits"), "disk_bytes", 0);
    return before.limits.disk_bytes > 0 ? task->drivers.volume->limit(task->config, &before, err)
                                        : 0;
}

// What its disk holds now, what was just written or removed included.
static int sample_disk(struct task *task, uint64_t *ret_bytes, struct err *err)
{
    struct usage_counters used = {0};
    struct volume_root root;
    int r = task->drivers.volume->root(task->config, task->vps, &root, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = open(root.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0) {
        return err_errno(err, errno, "writing the guest's disk");
    }
    r = task->drivers.volume->sample(task->config, task->vps, &used, err);
    *ret_bytes = used.disk_bytes;
    return r;
}

static int check_fit(struct task *task, struct err *err)
{
    uint64_t used;
    int r = sample_disk(task, &used, err);
    if (r == 0 && used > (uint64_t)task->spec.limits.disk_bytes) {
        r = err_set(err, ERR_CONFLICT, "%llu bytes of its disk are used, more than %lld",
                    (unsigned long long)used, (long long)task->spec.limits.disk_bytes);
    }
    return r;
}

// Looked at before and after: what is written in between is found by the second look.
static int ensure_fit(struct task *task, struct err *err)
{
    const struct volume_driver *volume = task->drivers.volume;
    if (!task->args.fit) {
        return volume->limit(task->config, &task->spec, err);
    }
    int r = check_fit(task, err);
    if (r == 0) {
        r = volume->limit(task->config, &task->spec, err);
    }
    if (r < 0) {
        return r;
    }
    r = check_fit(task, err);
    if (r < 0) {
        (void)!restore_limit(task, NULL);
    }
    return r;
}

// For a guest that is to be off; one that is to run is left alone here.
static int ensure_off(struct task *task, struct err *err)
{
    if (task_is_wanted_running(task)) {
        return 0;
    }
    int r = ensure_stopped(task, err);
    return r < 0 ? r : ensure_no_network(task, err);
}

// A guest that boots reads its name from its files.
static int ensure_named_start(struct task *task, struct err *err)
{
    int r = task_observe(task, err);
    if (r < 0) {
        return r;
    }
    if (task->observed != OBSERVED_RUNNING) {
        struct err unheard = {0}; // `identity` tries again, and tells
        (void)!task_write_identity(task, &unheard);
    }
    return ensure_started(task, err);
}

// What the guest itself can break, its files, comes last: it cannot hold up its own limits or its suspension.
static const struct task_step steps[] = {
    {"volume", ensure_volume, NULL},
    {"limit", ensure_fit, NULL},
    {"state", ensure_state, NULL},
    {"define", ensure_defined, NULL},
    {"off", ensure_off, NULL},
    {"network", ensure_network, undo_network},
    {"start", ensure_named_start, undo_started},
    {"attach", ensure_attached, NULL},
    {"live", ensure_live, NULL},
    {"stand", ensure_standing, NULL},
    {"identity", ensure_identity, NULL},
    {"verify", verify_power, NULL},
};

const struct task_kind task_start = {"vps_start", steps, ARRAY_LEN(steps)};
const struct task_kind task_update = {"vps_update", steps, ARRAY_LEN(steps)};
