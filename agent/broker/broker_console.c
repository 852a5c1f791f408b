// Terminals of guests: link asks for one, a process of its own makes it and hands it to link (console.h). When the process has
// ended, for whatever reason, link is told.
#include "broker.h"
#include "console.h"
#include "handover.h"
#include "json.h"
#include "log.h"
#include "message.h"
#include "process.h"
#include "uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
    CONSOLES_MAX = 64,
    VPS_MAX = 16, // the server lets ten be open; the others are about to end
    OPEN_MS = 10000, // for the terminal to be there; a guest may hold up whoever enters it
    CLOSE_MS = 2000, // for the process to end, likewise
    ANSWER_MAX = 4096,
};

struct broker_console {
    LIST_ENTRY(broker_console) entry;
    struct broker_consoles *of;
    char terminal[UUID_LEN + 1], vps[UUID_LEN + 1];
    pid_t pid;
    int in; // its standard input, whose end is its own; -1: was closed
    int out;
    struct event *late; // to open; then to end
    struct event *answered; // it says that it is open, or why not
    char answer[ANSWER_MAX];
    size_t len;
};

struct broker_consoles {
    struct broker *broker;
    LIST_HEAD(, broker_console) list;
    unsigned count;
};

static void tell_ended(struct broker *broker, const char *terminal, const struct err *err)
{
    json_t *error = err ? message_error(err) : json_null();
    broker_send_link(broker, json_pack("{s:s, s:s, s:o}", "type", "console_ended", "terminal",
                                       terminal, "error", error));
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct broker_console *console = arg;
    log_warn("console_late", "terminal=%s vps=%s pid=%d", console->terminal, console->vps,
             console->pid);
    kill(console->pid, SIGKILL);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    struct broker_console *console = arg;
    ssize_t n = -1;
    while (console->len < sizeof(console->answer) &&
           (n = read(fd, console->answer + console->len, sizeof(console->answer) - console->len)) >
               0) {
        console->len += (size_t)n;
    }
    if (memchr(console->answer, '\n', console->len) || n == 0) {
        event_del(console->answered);
        if (console->in >= 0) {
            evtimer_del(console->late);
        }
    }
}

// What it said went wrong; NULL: it was open, and has ended.
static const struct err *failure_of(struct broker_console *console, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    on_answer(console->out, 0, console);
    const char *end = memchr(console->answer, '\n', console->len);
    if (!end || json_read(console->answer, (size_t)(end - console->answer), JSON_DEPTH_MAX, &answer,
                          err) < 0) {
        err_set(err, ERR_TIMEOUT, "the console did not open in time");
        return err;
    }
    const json_t *error = json_object_get(answer, "error");
    if (!error) {
        return NULL;
    }
    err_set(err, err_code_from_slug(json_get_string(error, "code", "")), "%s",
            json_get_string(error, "detail", ""));
    return err;
}

static void destroy(struct broker_console *console)
{
    LIST_REMOVE(console, entry);
    console->of->count--;
    if (console->in >= 0) {
        close(console->in);
    }
    event_free(console->late);
    event_free(console->answered);
    close(console->out);
    free(console);
}

void broker_console_reaped(struct broker *broker, pid_t pid)
{
    struct broker_console *console;
    LIST_FOREACH (console, &broker->consoles->list, entry) {
        if (console->pid == pid) {
            struct err err = {0};
            const struct err *failure = failure_of(console, &err);
            log_info("console_ended", "terminal=%s vps=%s pid=%d error=%s", console->terminal,
                     console->vps, pid, LOGQ(failure ? failure->text : "none"));
            tell_ended(broker, console->terminal, failure);
            destroy(console);
            return;
        }
    }
}

static struct broker_console *find(const struct broker *broker, const char *terminal)
{
    struct broker_console *console;
    LIST_FOREACH (console, &broker->consoles->list, entry) {
        if (strcmp(console->terminal, terminal) == 0) {
            return console;
        }
    }
    return NULL;
}

static unsigned count_of_vps(const struct broker *broker, const char *vps)
{
    unsigned count = 0;
    const struct broker_console *console;
    LIST_FOREACH (console, &broker->consoles->list, entry) {
        count += strcmp(console->vps, vps) == 0;
    }
    return count;
}

static int check(const struct broker *broker, const struct console_order *order, struct err *err)
{
    const struct vps_entry *entry = vps_table_find(broker->vps, order->vps);
    if (!entry || !entry->has_spec || entry->observed != OBSERVED_RUNNING) {
        return err_set(err, ERR_CONFLICT, "the vps does not run on this node");
    }
    if (broker->stopping || find(broker, order->terminal) ||
        broker->consoles->count >= CONSOLES_MAX) {
        return err_set(err, ERR_UNAVAILABLE, "the node has no room for another console");
    }
    if (count_of_vps(broker, order->vps) >= VPS_MAX) {
        return err_set(err, ERR_CONFLICT, "the vps has too many consoles that have not ended yet");
    }
    return 0;
}

static int write_order(int fd, const struct console_order *order, struct err *err)
{
    _cleanup_json_ json_t *message = json_pack(
        "{s:s, s:s, s:s, s:I, s:I}", "terminal", order->terminal, "vps", order->vps, "kind",
        order->kind, "cols", (json_int_t)order->cols, "rows", (json_int_t)order->rows);
    _cleanup_free_ char *text = json_write(message);
    size_t len = strlen(text);
    text[len] = '\n'; // in the place of the NUL
    return send(fd, text, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len + 1
               ? 0
               : err_errno(err, errno, "ordering a console");
}

static void watch(struct broker *broker, const struct console_order *order, pid_t pid, int in,
                  int out)
{
    struct broker_console *console = calloc(1, sizeof(*console));
    if (!console || evutil_make_socket_nonblocking(out) < 0 ||
        !(console->late = evtimer_new(broker->base, on_late, console)) ||
        !(console->answered =
              event_new(broker->base, out, EV_READ | EV_PERSIST, on_answer, console))) {
        abort();
    }
    console->of = broker->consoles;
    snprintf(console->terminal, sizeof(console->terminal), "%s", order->terminal);
    snprintf(console->vps, sizeof(console->vps), "%s", order->vps);
    console->pid = pid;
    console->in = in;
    console->out = out;
    event_add(console->answered, NULL);
    broker_arm(console->late, OPEN_MS);
    LIST_INSERT_HEAD(&broker->consoles->list, console, entry);
    broker->consoles->count++;
    log_info("console_started", "terminal=%s vps=%s kind=%s pid=%d", order->terminal, order->vps,
             order->kind, pid);
}

static int start(struct broker *broker, const struct console_order *order, struct err *err)
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
    int r = write_order(in_ours, order, err);
    if (r < 0) {
        return r;
    }
    const struct process_spec spec = {.title = "console",
                                      .program = "croft-agent-worker",
                                      .in = in_theirs,
                                      .out = out_theirs,
                                      .channel = broker->handover,
                                      .death_signal = SIGKILL};
    pid_t pid = process_spawn(&spec, err);
    if (pid < 0) {
        return (int)pid;
    }
    watch(broker, order, pid, STEAL_FD(in_ours), STEAL_FD(out_ours));
    return 0;
}

void broker_console_open(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct console_order order;
    if (console_order_read(message, &order, &err) < 0) {
        log_warn("console_order", "error=%s", LOGQ(err.text));
        return;
    }
    int r = check(broker, &order, &err);
    if (r == 0) {
        r = start(broker, &order, &err);
    }
    if (r < 0) {
        log_warn("console_refused", "vps=%s error=%s", order.vps, LOGQ(err.text));
        tell_ended(broker, order.terminal, &err);
    }
}

void broker_console_close(struct broker *broker, json_t *message)
{
    struct broker_console *console = find(broker, json_get_string(message, "terminal", ""));
    if (console && console->in >= 0) {
        close(console->in);
        console->in = -1;
        broker_arm(console->late, CLOSE_MS);
    }
}

void broker_console_start(struct broker *broker)
{
    broker->consoles = calloc(1, sizeof(*broker->consoles));
    if (!broker->consoles || fcntl(broker->handover, F_SETFD, FD_CLOEXEC) < 0) {
        abort();
    }
    LIST_INIT(&broker->consoles->list);
}

void broker_console_finish(struct broker *broker)
{
    struct broker_console *console;
    while (broker->consoles && (console = LIST_FIRST(&broker->consoles->list))) {
        destroy(console); // whose process ends with its input, or with us
    }
    free(broker->consoles);
}
