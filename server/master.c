#include "master.h"

#include "limiter.h"
#include "listener.h"
#include "log.h"
#include "macro.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKOFF_FIRST_MS = 200, BACKOFF_MAX_MS = 5000, GOOD_RUN_MS = 10000, READY_MAX_S = 30 };
enum { WORKERS_MAX = 64, KILL_GRACE_S = 5, EXEC_FAILED = 127, LISTEN_MAX = 256 };

// A listening socket that outlives its workers, and where it listens.
struct listener {
    int fd; // 0: none, workers open their own
    char at[LISTEN_MAX];
};

struct slot {
    struct master *master;
    int index;
    pid_t pid; // 0: not running
    pid_t old; // the one that this one replaces, draining
    int ready_fd; // says a byte when it takes connections; -1: it did, or nothing is awaited
    struct listener api, agents;
    int backoff_ms;
    struct timeval started;
    struct event *timer; // starts it again
    struct event *ready; // watches ready_fd
};

struct master {
    struct event_base *base;
    const char *config_path;
    int count; // workers wanted
    int64_t drain_s;
    char api_listen[LISTEN_MAX], agents_listen[LISTEN_MAX];
    int limits_fd; // inherited by every worker
    struct slot slots[WORKERS_MAX];
    bool stopping;
    int reloading; // the slot that is being replaced; -1: none
    bool again; // a reload was asked for while one was under way
    struct event *reload_timer; // the new one of a slot has had time enough to start
    struct event *kill_timer;
};

// ---- Listening sockets

static void close_listener(struct listener *listener)
{
    if (listener->fd > 0) {
        close(listener->fd);
    }
    *listener = (struct listener){0};
}

static void close_listeners(struct slot *slot)
{
    close_listener(&slot->api);
    close_listener(&slot->agents);
}

// The one that is there, if it listens where it should. A worker that gets none opens its own, and says why it cannot.
static void open_listener(struct listener *listener, const char *at)
{
    if (listener->fd > 0 && strcmp(listener->at, at) == 0) {
        return;
    }
    close_listener(listener);
    struct err err = {0};
    int fd;
    if (listener_open(at, LISTENER_SHARED, &fd, &err) == 0) {
        listener->fd = fd;
        snprintf(listener->at, sizeof(listener->at), "%s", at);
    }
}

// For the program that this process is about to become.
static void keep_listener(const struct listener *listener)
{
    if (listener->fd > 0) {
        fcntl(listener->fd, F_SETFD, 0);
    }
}

// ---- Workers

static _noreturn_ void become_worker(const struct slot *slot, pid_t parent, int ready_fd)
{
    char index[12], limits[12], ready[12], api[12], agents[12];
    snprintf(index, sizeof(index), "%d", slot->index);
    snprintf(limits, sizeof(limits), "%d", slot->master->limits_fd);
    snprintf(ready, sizeof(ready), "%d", ready_fd);
    snprintf(api, sizeof(api), "%d", slot->api.fd);
    snprintf(agents, sizeof(agents), "%d", slot->agents.fd);
    fcntl(ready_fd, F_SETFD, 0);
    keep_listener(&slot->api);
    keep_listener(&slot->agents);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) { // else the master died in between
        execl("/proc/self/exe", "croft-server", "worker", "--config", slot->master->config_path,
              "--index", index, "--limits", limits, "--ready", ready, "--api", api, "--agents",
              agents, (char *)NULL);
    }
    _exit(EXEC_FAILED);
}

static void schedule(struct slot *slot, int ms)
{
    struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
    evtimer_add(slot->timer, &tv);
}

static void replaced(struct master *master, bool is_ready);

static void await_nothing(struct slot *slot)
{
    if (slot->ready_fd >= 0) {
        event_free(slot->ready);
        close(slot->ready_fd);
        slot->ready_fd = -1;
    }
}

// It takes connections, or died before it could; the latter is on_worker_died's.
static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct slot *slot = arg;
    char byte;
    bool is_ready = read(fd, &byte, 1) == 1;
    await_nothing(slot);
    if (is_ready && slot->master->reloading == slot->index) {
        replaced(slot->master, true);
    }
}

static void await_ready(struct slot *slot, int fd)
{
    await_nothing(slot);
    slot->ready_fd = fd;
    slot->ready = event_new(slot->master->base, fd, EV_READ, on_ready, slot);
    event_add(slot->ready, NULL);
}

static void start_worker(struct slot *slot)
{
    open_listener(&slot->api, slot->master->api_listen);
    open_listener(&slot->agents, slot->master->agents_listen);
    pid_t parent = getpid();
    _cleanup_fd_ int heard = -1, said = -1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) == 0) {
        heard = ends[0];
        said = ends[1];
    }
    pid_t pid = said < 0 ? -1 : fork();
    if (pid == 0) {
        become_worker(slot, parent, said);
    }
    if (pid < 0) {
        log_error("worker_fork_failed", "index=%d error=%s", slot->index,
                  LOGQ(strerrordesc_np(errno)));
        schedule(slot, slot->backoff_ms);
        return;
    }
    await_ready(slot, STEAL_FD(heard));
    slot->pid = pid;
    evutil_gettimeofday(&slot->started, NULL);
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
    struct slot *slot = arg;
    if (slot->pid == 0 && !slot->master->stopping && slot->index < slot->master->count) {
        start_worker(slot);
    }
}

static int64_t ran_ms(const struct slot *slot)
{
    struct timeval now;
    evutil_gettimeofday(&now, NULL);
    return (now.tv_sec - slot->started.tv_sec) * 1000 +
           (now.tv_usec - slot->started.tv_usec) / 1000;
}

static void on_worker_died(struct slot *slot, int status)
{
    struct master *master = slot->master;
    slot->pid = 0;
    if (master->stopping || slot->index >= master->count) {
        return;
    }
    if (ran_ms(slot) > GOOD_RUN_MS) {
        slot->backoff_ms = BACKOFF_FIRST_MS;
    }
    log_warn("worker_died", "index=%d exit=%d signal=%d restart_ms=%d", slot->index,
             WIFEXITED(status) ? WEXITSTATUS(status) : -1,
             WIFSIGNALED(status) ? WTERMSIG(status) : 0, slot->backoff_ms);
    if (master->reloading == slot->index && slot->old) {
        replaced(master, false);
        return;
    }
    close_listeners(slot); // or connections would wait for it that others can take
    schedule(slot, slot->backoff_ms);
    slot->backoff_ms =
        slot->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : slot->backoff_ms * 2;
}

static bool any_left(const struct master *master)
{
    for (int i = 0; i < WORKERS_MAX; i++) {
        if (master->slots[i].pid || master->slots[i].old) {
            return true;
        }
    }
    return false;
}

static void reload(struct master *master);

static void on_child(evutil_socket_t signal, short what, void *arg)
{
    struct master *master = arg;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int i = 0; i < WORKERS_MAX; i++) {
            struct slot *slot = &master->slots[i];
            if (slot->pid == pid) {
                on_worker_died(slot, status);
            } else if (slot->old == pid) {
                slot->old = 0;
            }
        }
    }
    if (master->stopping && !any_left(master)) {
        event_base_loopbreak(master->base);
    } else if (master->again) {
        reload(master);
    }
}

// ---- Stopping

static void signal_all(const struct master *master, int signal)
{
    for (int i = 0; i < WORKERS_MAX; i++) {
        if (master->slots[i].pid) {
            kill(master->slots[i].pid, signal);
        }
        if (master->slots[i].old) {
            kill(master->slots[i].old, signal);
        }
    }
}

static void on_kill(evutil_socket_t fd, short what, void *arg)
{
    signal_all(arg, SIGKILL);
}

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
    struct master *master = arg;
    if (!master->stopping) {
        log_info("stopping", "signal=%d", (int)signal);
        struct timeval tv = {master->drain_s + KILL_GRACE_S, 0};
        evtimer_add(master->kill_timer, &tv);
    }
    master->stopping = true;
    signal_all(master, SIGTERM);
    // Nobody comes after: who connects now is refused, and goes elsewhere.
    for (int i = 0; i < WORKERS_MAX; i++) {
        close_listeners(&master->slots[i]);
    }
    if (!any_left(master)) {
        event_base_loopbreak(master->base);
    }
}

// ---- Reloading: a fresh worker beside the old one; once it takes connections, the old one drains; one after another

static void replace_next(struct master *master)
{
    static const struct timeval at_most = {READY_MAX_S, 0}, at_once = {0, 0};
    master->reloading++;
    if (master->stopping || master->reloading >= WORKERS_MAX) {
        master->reloading = -1;
        if (master->again) {
            reload(master);
        }
        return;
    }
    struct slot *slot = &master->slots[master->reloading];
    slot->old = slot->pid;
    slot->pid = 0;
    slot->backoff_ms = BACKOFF_FIRST_MS;
    if (slot->index < master->count) {
        start_worker(slot);
    }
    evtimer_add(master->reload_timer, slot->index < master->count ? &at_most : &at_once);
}

// The old one stays if the new one does not come to be.
static void replaced(struct master *master, bool is_ready)
{
    struct slot *slot = &master->slots[master->reloading];
    evtimer_del(master->reload_timer);
    if (slot->old && !is_ready && slot->index < master->count) {
        log_error("reload_refused", "index=%d error=\"the new worker does not start\"",
                  slot->index);
        evtimer_del(slot->timer);
        await_nothing(slot);
        if (slot->pid) {
            kill(slot->pid, SIGKILL);
        }
        slot->pid = slot->old;
        slot->old = 0;
        close_listeners(slot); // the old one has its own; at these nobody would answer
    } else if (slot->old) {
        kill(slot->old, SIGTERM);
    }
    if (slot->index >= master->count) {
        close_listeners(slot);
    }
    do {
        slot++; // slots that are neither used nor wanted have nothing to replace
    } while (slot < master->slots + WORKERS_MAX && !slot->pid && slot->index >= master->count &&
             ++master->reloading);
    replace_next(master);
}

static void on_replaced(evutil_socket_t fd, short what, void *arg)
{
    replaced(arg, false);
}

static bool is_reloading(const struct master *master)
{
    bool draining = false;
    for (int i = 0; i < WORKERS_MAX; i++) {
        draining |= master->slots[i].old != 0;
    }
    return draining || master->reloading >= 0;
}

static void take_settings(struct master *master, const struct server_config *config)
{
    master->count = (int)config->workers;
    master->drain_s = config->timing.drain_s;
    snprintf(master->api_listen, sizeof(master->api_listen), "%s", config->api.listen);
    snprintf(master->agents_listen, sizeof(master->agents_listen), "%s", config->agents.listen);
}

// One at a time, up to the end of the last draining worker (drain_s at most); the last wish counts.
static void reload(struct master *master)
{
    master->again = is_reloading(master);
    if (master->stopping || master->again) {
        return;
    }
    struct server_config config;
    struct err err = {0};
    if (server_config_load(master->config_path, &config, &err) < 0) {
        log_error("reload_refused", "place=%s error=%s", LOGQ(err.pointer), LOGQ(err.text));
        return;
    }
    take_settings(master, &config);
    log_set_level((enum log_level)log_level_parse(config.log_level));
    log_info("reloading", "workers=%d", master->count);
    server_config_finish(&config);
    replace_next(master);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
    reload(arg);
}

// ---- Life

static int write_pid_file(const char *path)
{
    _cleanup_file_ FILE *file = fopen(path, "we");
    if (!file || fprintf(file, "%d\n", getpid()) < 0 || fflush(file) != 0) {
        log_error("pid_file_failed", "path=%s error=%s", LOGQ(path), LOGQ(strerrordesc_np(errno)));
        return -1;
    }
    return 0;
}

static void run(struct master *master)
{
    static const struct {
        int signal;
        event_callback_fn callback;
    } signals[] = {{SIGCHLD, on_child}, {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
    struct event *events[ARRAY_LEN(signals)];
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        events[i] = evsignal_new(master->base, signals[i].signal, signals[i].callback, master);
        evsignal_add(events[i], NULL);
    }
    for (int i = 0; i < master->count; i++) {
        start_worker(&master->slots[i]);
    }
    event_base_dispatch(master->base);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        event_free(events[i]);
    }
}

int master_run(const char *config_path, const struct server_config *config, const char *pid_file)
{
    if (pid_file && write_pid_file(pid_file) < 0) {
        return EXIT_FAILURE;
    }
    _cleanup_fd_ int limits_fd = -1;
    struct err err = {0};
    if (limits_create(&limits_fd, &err) < 0) {
        log_error("master_failed", "error=%s", LOGQ(err.text));
        return EXIT_FAILURE;
    }
    struct master master = {
        .limits_fd = limits_fd,
        .base = event_base_new(),
        .config_path = config_path,
        .reloading = -1,
    };
    take_settings(&master, config);
    master.reload_timer = evtimer_new(master.base, on_replaced, &master);
    master.kill_timer = evtimer_new(master.base, on_kill, &master);
    for (int i = 0; i < WORKERS_MAX; i++) {
        struct slot *slot = &master.slots[i];
        *slot = (struct slot){
            .master = &master, .index = i, .ready_fd = -1, .backoff_ms = BACKOFF_FIRST_MS};
        slot->timer = evtimer_new(master.base, on_start, slot);
    }
    log_info("started", "version=" CROFT_VERSION " workers=%d config=%s", master.count,
             LOGQ(config_path));
    run(&master);
    log_info("stopped", "pid=%d", getpid());
    for (int i = 0; i < WORKERS_MAX; i++) {
        await_nothing(&master.slots[i]);
        close_listeners(&master.slots[i]);
        event_free(master.slots[i].timer);
    }
    event_free(master.reload_timer);
    event_free(master.kill_timer);
    event_base_free(master.base);
    if (pid_file) {
        unlink(pid_file);
    }
    return EXIT_SUCCESS;
}
