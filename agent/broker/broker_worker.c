// Worker processes as the broker sees them: started with a task, read line by line, killed at their
// deadline, reaped by SIGCHLD. The end of a worker is its death, never the end of its output: a
// container's monitor may have inherited that pipe.
#include "broker.h"
#include "file.h"
#include "json.h"
#include "log.h"
#include "template.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { LINE_MAX_BYTES = 16 * 1024, INPUT_TIMEOUT_S = 10, ORDER_S = 300 };

struct worker_process {
    struct broker *broker;
    struct job *job;
    pid_t pid;
    int out;
    struct event *readable, *deadline;
    bool timed_out;
    json_t *result;
    json_t *connections; // of as many lines as it takes, before the result
    size_t len;
    char line[LINE_MAX_BYTES];
};

static void take_line(struct worker_process *process, const char *line, size_t len)
{
    _cleanup_json_ json_t *message = NULL;
    if (json_read(line, len, JSON_DEPTH_MAX, &message, NULL) < 0 || !json_is_object(message)) {
        return; // a library that prints to standard output
    }
    if (json_object_get(message, "status")) {
        json_decref(process->result);
        process->result = STEAL(message);
        if (process->connections) {
            json_object_set(process->result, "connections", process->connections);
        }
        return;
    }
    json_t *connections = json_object_get(message, "connections");
    if (connections) {
        process->connections = process->connections ? process->connections : json_object();
        json_object_update(process->connections, connections);
        return;
    }
    struct job *job = process->job;
    if (json_object_get(message, "aside")) {
        job->aside = true;
        broker_arm(process->deadline, job->deadline_s * 1000);
        broker_wake(process->broker);
        return;
    }
    job->progress = (int)json_get_int(message, "progress", job->progress);
    snprintf(job->step, sizeof(job->step), "%.31s", json_get_string(message, "step", ""));
    if (*job->task) {
        broker_send(process->broker,
                    json_pack("{s:s, s:s, s:i, s:s}", "type", "task_progress", "task", job->task,
                              "progress", job->progress, "step", job->step));
    }
}

static void read_output(struct worker_process *process)
{
    ssize_t n;
    while ((n = read(process->out, process->line + process->len,
                     sizeof(process->line) - process->len)) > 0) {
        process->len += (size_t)n;
        char *start = process->line;
        char *end;
        while ((end = memchr(start, '\n', process->len - (size_t)(start - process->line)))) {
            take_line(process, start, (size_t)(end - start));
            start = end + 1;
        }
        process->len -= (size_t)(start - process->line);
        memmove(process->line, start, process->len);
        if (process->len == sizeof(process->line)) {
            process->len = 0; // no line of ours is that long
        }
    }
    if (n == 0) {
        event_del(process->readable);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    read_output(arg);
}

// Only the worker itself: the monitor of a container that it just started must live.
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct worker_process *process = arg;
    log_warn("worker_deadline", "task=%s vps=%s pid=%d step=%s", process->job->task,
             process->job->vps, process->pid, process->job->step);
    process->timed_out = true;
    kill(process->pid, SIGKILL);
}

// What others wait for has the time that they have, whatever comes after it.
static int64_t deadline_ms(const struct job *job)
{
    bool bounded = job->kind == &task_publish && job->mode == JOB_DO && !job->aside;
    return 1000 * (bounded && job->deadline_s > ORDER_S ? ORDER_S : job->deadline_s);
}

static json_t *input_of(const struct job *job)
{
    json_t *input =
        json_pack("{s:s, s:s, s:I, s:b}", "kind", job->kind->name, "vps", job->vps, "generation",
                  (json_int_t)job->generation, "undo", job->mode == JOB_UNDO);
    json_t *spec = json_object_get(job->message, "spec");
    if (spec) {
        json_object_set(input, "spec", spec);
    }
    json_t *args = json_object_get(job->message, "args");
    if (args) {
        json_object_set(input, "args", args);
    }
    return input;
}

// The whole task waits in the socket before the worker exists, so nothing here ever blocks.
static int write_input(const struct job *job, int fd, struct err *err)
{
    _cleanup_json_ json_t *input = input_of(job);
    _cleanup_free_ char *text = json_write(input);
    size_t len = strlen(text);
    int size = (int)len * 2 + 65536;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
        return err_errno(err, errno, "enlarging a socket");
    }
    ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != (ssize_t)len) {
        return err_set(err, ERR_TOO_LARGE, "a task of %zu bytes does not fit a socket", len);
    }
    return shutdown(fd, SHUT_WR) < 0 ? err_errno(err, errno, "closing a socket") : 0;
}

static void watch(struct broker *broker, struct job *job, pid_t pid, int out)
{
    struct worker_process *process = calloc(1, sizeof(*process));
    if (!process || evutil_make_socket_nonblocking(out) < 0) {
        abort();
    }
    process->broker = broker;
    process->job = job;
    process->pid = pid;
    process->out = out;
    process->readable = event_new(broker->base, out, EV_READ | EV_PERSIST, on_readable, process);
    process->deadline = evtimer_new(broker->base, on_deadline, process);
    if (!process->readable || !process->deadline) {
        abort();
    }
    event_add(process->readable, NULL);
    broker_arm(process->deadline, deadline_ms(job));
    job->process = process;
    job->state = JOB_RUNNING;
}

void worker_process_kill(const struct job *job)
{
    if (job->process) {
        kill(job->process->pid, SIGKILL);
    }
}

int worker_process_start(struct broker *broker, struct job *job, struct err *err)
{
    int in[2];
    int out[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0) {
        return err_errno(err, errno, "making a socket pair");
    }
    _cleanup_fd_ int in_ours = in[0];
    _cleanup_fd_ int in_theirs = in[1];
    if (pipe2(out, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "making a pipe");
    }
    _cleanup_fd_ int out_ours = out[0];
    _cleanup_fd_ int out_theirs = out[1];
    int r = write_input(job, in_ours, err);
    if (r < 0) {
        return r;
    }
    pid_t pid;
    r = template_fork(broker->template, in_theirs, out_theirs, &pid, err);
    if (r < 0) {
        return r;
    }
    watch(broker, job, pid, STEAL_FD(out_ours));
    return 0;
}

static struct job *find_by_pid(const struct broker *broker, pid_t pid)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (job->process && job->process->pid == pid) {
            return job;
        }
    }
    return NULL;
}

static void forget(struct job *job)
{
    struct worker_process *process = job->process;
    event_free(process->readable);
    event_free(process->deadline);
    close(process->out);
    json_decref(process->result);
    json_decref(process->connections);
    free(process);
    job->process = NULL;
}

static void end_process(struct broker *broker, struct job *job, int status)
{
    struct worker_process *process = job->process;
    read_output(process);
    if (WIFSIGNALED(status)) {
        log_warn("worker_died", "task=%s vps=%s pid=%d signal=%d step=%s", job->task, job->vps,
                 process->pid, WTERMSIG(status), job->step);
    }
    _cleanup_json_ json_t *result = json_incref(process->result);
    bool timed_out = process->timed_out;
    forget(job);
    broker_task_ended(broker, job, result, timed_out);
}

void broker_worker_reap(struct broker *broker)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct job *job = find_by_pid(broker, pid);
        if (job) {
            end_process(broker, job, status);
        } else {
            broker_console_reaped(broker, pid);
        }
    }
}

void broker_worker_abandon(struct broker *broker)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (job->process) {
            forget(job);
        }
    }
}
