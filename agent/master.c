#include "master.h"

#include "config.h"
#include "file.h"
#include "log.h"
#include "process.h"
#include "state_dir.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

enum {
    PAUSE_MIN_MS = 200,
    GOOD_RUN_MS = 30000, // after which the pause is short again
    STOP_MS = 10000,
    REAP_MS = 2000,
};

struct child {
    const char *title;
    pid_t pid; // 0: none
};

struct master {
    const struct agent_config *config;
    struct child broker, link;
    sigset_t signals;
    int64_t pause_ms, started_ms;
};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// For people and tests: on a full disk the agent runs without.
static void note_pid(const struct agent_config *config, const char *title, pid_t pid)
{
    struct err err = {0};
    if (state_dir_write_pid(config, title, pid, &err) < 0) {
        log_warn("pid_file", "title=%s error=%s", title, LOGQ(err.text));
    }
}

static int start_child(struct master *master, struct child *child, int channel, int handover,
                       struct err *err)
{
    const struct process_spec spec = {.title = child->title,
                                      .in = -1,
                                      .out = -1,
                                      .channel = channel,
                                      .handover = handover,
                                      .death_signal = SIGKILL};
    pid_t pid = process_spawn(&spec, err);
    if (pid < 0) {
        return (int)pid;
    }
    child->pid = pid;
    note_pid(master->config, child->title, pid);
    return 0;
}

static int start_both(struct master *master, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_errno(err, errno, "making a socket pair");
    }
    _cleanup_fd_ int broker_end = pair[0];
    _cleanup_fd_ int link_end = pair[1];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_errno(err, errno, "making a socket pair");
    }
    _cleanup_fd_ int broker_hands = pair[0];
    _cleanup_fd_ int link_takes = pair[1];
    master->started_ms = now_ms();
    int r = start_child(master, &master->broker, broker_end, broker_hands, err);
    return r < 0 ? r : start_child(master, &master->link, link_end, link_takes, err);
}

static void signal_child(const struct child *child, int number)
{
    if (child->pid > 0) {
        kill(child->pid, number);
    }
}

static void note_exit(struct child *child, pid_t pid, int status)
{
    if (child->pid == pid) {
        log_warn("process_ended", "title=%s child=%d %s=%d", child->title, pid,
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        child->pid = 0;
    }
}

static void reap(struct master *master)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        note_exit(&master->broker, pid, status);
        note_exit(&master->link, pid, status);
    }
}

// Waits for a signal of ours; 0 when the time is over.
static int wait_signal(struct master *master, int64_t ms)
{
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    int number = sigtimedwait(&master->signals, NULL, &limit);
    reap(master);
    return number > 0 ? number : 0;
}

static bool is_stop(int number)
{
    return number == SIGTERM || number == SIGINT;
}

// Both are ended: SIGTERM, and SIGKILL for what is left after limit_ms.
static void stop_both(struct master *master, int64_t limit_ms)
{
    int64_t end = now_ms() + limit_ms;
    signal_child(&master->broker, SIGTERM);
    signal_child(&master->link, SIGTERM);
    while ((master->broker.pid || master->link.pid) && now_ms() < end) {
        wait_signal(master, end - now_ms());
    }
    signal_child(&master->broker, SIGKILL);
    signal_child(&master->link, SIGKILL);
    while (master->broker.pid || master->link.pid) {
        wait_signal(master, REAP_MS);
    }
}

// True: go on; false: stop was asked for.
static bool pause_before_restart(struct master *master)
{
    if (now_ms() - master->started_ms > GOOD_RUN_MS) {
        master->pause_ms = PAUSE_MIN_MS;
    }
    int64_t end = now_ms() + master->pause_ms;
    int64_t longest = master->config->restart_max_ms;
    master->pause_ms = master->pause_ms * 2 < longest ? master->pause_ms * 2 : longest;
    for (int64_t left; (left = end - now_ms()) > 0;) {
        if (is_stop(wait_signal(master, left))) {
            return false;
        }
    }
    return true;
}

// Runs both until either has died or stop is asked for; true: start them again.
static bool run_once(struct master *master)
{
    struct err err = {0};
    if (start_both(master, &err) < 0) {
        log_error("start", "error=%s", LOGQ(err.text));
    }
    while (master->broker.pid > 0 && master->link.pid > 0) {
        if (is_stop(wait_signal(master, 3600 * 1000))) {
            stop_both(master, STOP_MS);
            return false;
        }
    }
    // They share one conversation: the survivor cannot go on with it.
    signal_child(&master->link, SIGKILL);
    signal_child(&master->broker, SIGKILL);
    stop_both(master, REAP_MS);
    return pause_before_restart(master);
}

static void run(struct master *master)
{
    sigemptyset(&master->signals);
    sigaddset(&master->signals, SIGTERM);
    sigaddset(&master->signals, SIGINT);
    sigaddset(&master->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &master->signals, NULL);
    signal(SIGHUP, SIG_IGN);
    while (run_once(master)) {
    }
}

static int write_pid_files(const struct agent_config *config, const char *pid_file, struct err *err)
{
    char text[16];
    snprintf(text, sizeof(text), "%d\n", getpid());
    note_pid(config, "master", getpid());
    return pid_file ? file_write_atomic(pid_file, text, strlen(text), 0644, err) : 0;
}

int master_main(const struct agent_config *config, const char *pid_file)
{
    struct err err = {0};
    struct master master = {
        .config = config,
        .broker = {.title = "broker"},
        .link = {.title = "link"},
        .pause_ms = PAUSE_MIN_MS,
    };
    _cleanup_fd_ int lock = -1;
    int r = state_dir_prepare(config, &err);
    if (r == 0) {
        r = state_dir_lock(config, &lock, &err);
    }
    if (r == 0) {
        r = write_pid_files(config, pid_file, &err);
    }
    if (r < 0) {
        log_error("agent_start", "error=%s", LOGQ(err.text));
        return 1;
    }
    log_info("agent_start", "version=%s state_dir=%s", CROFT_VERSION, config->state_dir);
    run(&master);
    log_info("agent_stop", "version=%s", CROFT_VERSION);
    if (pid_file) {
        unlink(pid_file);
    }
    return 0;
}
