#include "worker.h"

#include "config.h"
#include "file.h"
#include "json.h"
#include "message.h"
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { INPUT_MAX = 2 * 1024 * 1024, PACKS_MAX = 2 };

// Bytes of the lock file: those of vps are below.
#define PACKS_OFFSET ((off_t)1 << 62)

struct turn {
    const char *vps;
    int fd; // the lock file, open as long as this process lives: closing any descriptor of it drops all locks
    off_t pack; // that is held while aside
};

static void write_line(json_t *message)
{
    _cleanup_json_ json_t *owned = message;
    _cleanup_free_ char *text = json_write(owned);
    size_t len = strlen(text);
    text[len] = '\n'; // in the place of the NUL
    // Without a reader there is nobody to report to; the broker learns the rest by itself.
    if (file_write_all(STDOUT_FILENO, text, len + 1, NULL) < 0) {
        _exit(1);
    }
}

// In lines of their own, so that none grows with the node: what the broker takes for a line is bounded.
static void write_connections(const struct task *task)
{
    enum { A_LINE = 100 };
    _cleanup_json_ json_t *some = json_object();
    const char *vps;
    json_t *pair;
    json_object_foreach (task->connections, vps, pair) {
        json_object_set(some, vps, pair);
        if (json_object_size(some) == A_LINE) {
            write_line(json_pack("{s:O}", "connections", some));
            json_object_clear(some);
        }
    }
    if (json_object_size(some) > 0) {
        write_line(json_pack("{s:O}", "connections", some));
    }
}

static void report_step(const char *name, int percent, void *arg)
{
    write_line(json_pack("{s:s, s:i}", "step", name, "progress", percent));
}

static void report_end(const struct task *task, const struct err *err)
{
    bool failed = err->code < 0;
    json_t *result =
        json_pack("{s:s, s:s, s:I}", "status", failed ? "failed" : "done", "observed",
                  observed_name(task->observed), "generation", (json_int_t)task->state.generation);
    if (failed) {
        json_object_set_new(result, "error", message_error(err));
        json_object_set_new(result, "undone", json_boolean(!task->undo_failed));
    } else if (task->kind == &task_snapshot || task->kind == &task_publish) {
        json_object_set_new(result, "size_bytes", json_integer((json_int_t)task->snapshot_bytes));
    }
    if (!failed && *task->packed_sha256) {
        json_object_set_new(result, "packed",
                            json_pack("{s:s, s:I}", "sha256", task->packed_sha256, "size",
                                      (json_int_t)task->packed_bytes));
    }
    if (task->alarms) {
        json_object_set(result, "alarms", task->alarms);
    }
    if (!failed && task->found) {
        json_object_set(result, "found", task->found);
    }
    write_connections(task);
    write_line(result);
}

static int read_input(json_t **ret_input, struct err *err)
{
    _cleanup_free_ char *text = malloc(INPUT_MAX);
    if (!text) {
        return err_errno(err, ENOMEM, "reading the task");
    }
    size_t len = 0;
    ssize_t n;
    while (len < INPUT_MAX && (n = read(STDIN_FILENO, text + len, INPUT_MAX - len)) != 0) {
        if (n < 0 && errno != EINTR) {
            return err_errno(err, errno, "reading the task");
        }
        len += n > 0 ? (size_t)n : 0;
    }
    return json_read(text, len, JSON_DEPTH_MAX, ret_input, err);
}

// Where in the lock file a vps has its byte (FNV-1a of the id). Two vps that share one wait for each
// other, which is harmless.
static off_t lock_offset(const char *vps)
{
    uint64_t hash = 14695981039346656037U;
    for (const char *p = vps; *p; p++) {
        hash = (hash ^ (unsigned char)*p) * 1099511628211U;
    }
    return (off_t)(hash >> 2);
}

static int set_lock(const struct turn *turn, int command, short type, off_t at, struct err *err)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    return fcntl(turn->fd, command, &lock) < 0 ? err_errno(err, errno, "locking a worker's turn")
                                               : 0;
}

// Never two workers for one vps, also across a restart of the broker: a worker that was killed may take
// a moment to die. A POSIX lock, since the container's monitor, a fork of ours, must not inherit it.
static int lock_vps(const struct agent_config *config, struct turn *turn, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/run/workers.lock", config->state_dir);
    turn->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (turn->fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    return set_lock(turn, F_SETLKW, F_WRLCK, lock_offset(turn->vps), err);
}

static int take_pack(struct turn *turn, struct err *err)
{
    for (int i = 0; i < PACKS_MAX; i++) {
        turn->pack = PACKS_OFFSET + i;
        if (set_lock(turn, F_SETLK, F_WRLCK, turn->pack, NULL) == 0) {
            return 0;
        }
    }
    turn->pack = PACKS_OFFSET + getpid() % PACKS_MAX;
    return set_lock(turn, F_SETLKW, F_WRLCK, turn->pack, err);
}

// Beside the vps's other tasks, but few of the node at once; then after them again.
static int turn_aside(bool aside, void *arg, struct err *err)
{
    struct turn *turn = arg;
    off_t vps = lock_offset(turn->vps);
    if (!aside) {
        int r = set_lock(turn, F_SETLK, F_UNLCK, turn->pack, err);
        return r < 0 ? r : set_lock(turn, F_SETLKW, F_WRLCK, vps, err);
    }
    int r = set_lock(turn, F_SETLK, F_UNLCK, vps, err);
    if (r == 0) {
        write_line(json_pack("{s:b}", "aside", true));
        r = take_pack(turn, err);
    }
    return r;
}

static int run(struct task *task, json_t *input, struct turn *turn, struct err *err)
{
    if (!json_is_true(json_object_get(input, "undo"))) {
        const struct task_progress progress = {
            .step = report_step, .aside = turn_aside, .arg = turn};
        return task_run(task, &progress, err);
    }
    int r = task_undo(task, err);
    if (*task->vps && task_observe(task, NULL) < 0) {
        task->observed = OBSERVED_ERROR;
    }
    return r;
}

int worker_main(const struct agent_config *config)
{
    struct err err = {0};
    struct task task = {0};
    _cleanup_json_ json_t *input = NULL;
    struct turn turn = {.fd = -1};
    int r = read_input(&input, &err);
    if (r == 0) {
        turn.vps = json_get_string(input, "vps", "");
        r = lock_vps(config, &turn, &err);
    }
    if (r == 0) {
        r = task_init(&task, config, input, &err);
    }
    if (r == 0) {
        r = run(&task, input, &turn, &err);
    }
    err.code = r;
    report_end(&task, &err);
    task_finish(&task);
    return 0;
}
