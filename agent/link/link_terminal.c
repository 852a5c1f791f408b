// One terminal of a guest in the link process. Its bytes are opaque: they are passed on, and of a login console the last of
// them kept for whoever joins later; nothing else looks at them.
#include "console.h"
#include "json.h"
#include "link_console_private.h"
#include "log.h"
#include "uuid.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    READ_SIZE = 16 * 1024,
    CONGESTED = 64 * 1024,
    INPUT_MAX = 64 * 1024,
    REPLAY_MAX = 8 * 1024,
    REST_MAX = 256 * 1024, // read of one that has ended
    // Nobody has it open in the guest at this moment; somebody may again, until the broker says that it has ended.
    HUNG_UP_MS = 200,
    SLOW_S = 5,
};

struct terminal_of_link {
    LIST_ENTRY(terminal_of_link) link;
    struct link_consoles *of;
    char id[37], vps[37];
    bool login;
    int fd; // -1: not there yet
    int64_t cols, rows;
    struct event *readable, *writable, *again, *slow;
    struct pace_of pace;
    struct evbuffer *input; // not taken by the guest yet
    struct evbuffer *replay; // the last that was printed; of a login console
    bool ended;
};

#define FOREACH_VIEWER(viewer, terminal)                                                           \
    TAILQ_FOREACH (viewer, &(terminal)->of->viewers, link)                                         \
        if ((viewer)->terminal == (terminal))

static void destroy(struct terminal_of_link *terminal)
{
    struct event *events[] = {terminal->readable, terminal->writable, terminal->again,
                              terminal->slow};
    LIST_REMOVE(terminal, link);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (events[i]) {
            event_free(events[i]);
        }
    }
    if (terminal->fd >= 0) {
        close(terminal->fd);
    }
    evbuffer_free(terminal->input);
    evbuffer_free(terminal->replay);
    free(terminal);
}

struct terminal_of_link *terminal_find(const struct link_consoles *consoles, const char *id)
{
    struct terminal_of_link *terminal;
    LIST_FOREACH (terminal, &consoles->terminals, link) {
        if (strcmp(terminal->id, id) == 0) {
            return terminal;
        }
    }
    return NULL;
}

// ---- What the guest prints

static unsigned congested(const struct terminal_of_link *terminal, unsigned *ret_all)
{
    unsigned count = 0;
    const struct viewer *viewer;
    *ret_all = 0;
    FOREACH_VIEWER(viewer, terminal)
    {
        *ret_all += 1;
        count += ws_backlog(viewer->ws) >= CONGESTED;
    }
    return count;
}

static void keep(struct terminal_of_link *terminal, const void *data, size_t len)
{
    if (!terminal->login) {
        return;
    }
    evbuffer_add(terminal->replay, data, len);
    size_t kept = evbuffer_get_length(terminal->replay);
    if (kept > REPLAY_MAX) {
        evbuffer_drain(terminal->replay, kept - REPLAY_MAX);
    }
}

static void print(struct terminal_of_link *terminal, const void *data, size_t len)
{
    struct viewer *viewer;
    keep(terminal, data, len);
    FOREACH_VIEWER(viewer, terminal)
    {
        (void)!ws_send_binary(viewer->ws, data, len, NULL); // one that cannot take it is closing
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    static char buffer[READ_SIZE];
    static const struct timeval pause = {.tv_usec = HUNG_UP_MS * 1000};
    struct terminal_of_link *terminal = arg;
    ssize_t n = read(terminal->fd, buffer, sizeof(buffer));
    if (n > 0) {
        pace_take(&terminal->of->pace, &terminal->pace, (size_t)n);
        consoles_pace(terminal->of);
        print(terminal, buffer, (size_t)n);
        terminal_regulate(terminal);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        event_del(terminal->readable);
        evtimer_add(terminal->again, &pause);
    }
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    terminal_regulate(arg);
}

static bool is_slow(const struct viewer *viewer)
{
    return ws_backlog(viewer->ws) >= CONGESTED && !viewer->drained;
}

// One viewer who does not read holds up the others for so long only. Where none is left to be held up, all may be slow: they
// are looked at again.
static void on_slow(evutil_socket_t fd, short what, void *arg)
{
    struct terminal_of_link *terminal = arg;
    unsigned held_up = 0;
    struct viewer *viewer;
    FOREACH_VIEWER(viewer, terminal)
    {
        held_up += !is_slow(viewer);
    }
    FOREACH_VIEWER(viewer, terminal)
    {
        if (held_up > 0 && is_slow(viewer)) {
            viewer_close_slow(viewer);
        }
    }
    terminal_regulate(terminal);
}

static void watch_slow(struct terminal_of_link *terminal)
{
    static const struct timeval slow = {.tv_sec = SLOW_S};
    struct viewer *viewer;
    if (evtimer_pending(terminal->slow, NULL)) {
        return;
    }
    FOREACH_VIEWER(viewer, terminal)
    {
        viewer->drained = false;
    }
    evtimer_add(terminal->slow, &slow);
}

// ---- What is typed

static void flush(struct terminal_of_link *terminal)
{
    while (terminal->fd >= 0 && evbuffer_get_length(terminal->input) > 0) {
        int n = evbuffer_write(terminal->input, terminal->fd);
        if (n <= 0) {
            if (n < 0 && errno != EAGAIN && errno != EINTR) {
                evbuffer_drain(terminal->input, evbuffer_get_length(terminal->input));
            } else {
                event_add(terminal->writable, NULL);
            }
            return;
        }
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    flush(arg);
    terminal_regulate(arg);
}

void terminal_type(struct terminal_of_link *terminal, const void *data, size_t len)
{
    evbuffer_add(terminal->input, data, len);
    flush(terminal);
    terminal_regulate(terminal);
}

void terminal_resize(struct terminal_of_link *terminal, int64_t cols, int64_t rows)
{
    if (cols < 1 || rows < 1 || cols > CONSOLE_SIDE_MAX || rows > CONSOLE_SIDE_MAX) {
        return;
    }
    terminal->cols = cols;
    terminal->rows = rows;
    const struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};
    if (terminal->fd >= 0 && ioctl(terminal->fd, TIOCSWINSZ, &size) < 0) {
        log_debug("console_size", "terminal=%s error=%s", terminal->id, strerrordesc_np(errno));
    }
}

void terminal_regulate(struct terminal_of_link *terminal)
{
    if (terminal->fd < 0 || terminal->ended) {
        return;
    }
    unsigned all;
    if (congested(terminal, &all) > 0) {
        event_del(terminal->readable);
        watch_slow(terminal);
    } else if (!pace_may(&terminal->of->pace, &terminal->pace)) {
        event_del(terminal->readable);
    } else if (!evtimer_pending(terminal->again, NULL)) {
        event_add(terminal->readable, NULL);
    }
    bool takes = evbuffer_get_length(terminal->input) < INPUT_MAX;
    struct viewer *viewer;
    FOREACH_VIEWER(viewer, terminal)
    {
        if (takes) {
            bufferevent_enable(viewer->bev, EV_READ);
        } else {
            bufferevent_disable(viewer->bev, EV_READ);
        }
    }
}

// ---- Life

static struct terminal_of_link *make(struct link_consoles *consoles, const struct viewer *viewer)
{
    struct terminal_of_link *terminal = calloc(1, sizeof(*terminal));
    if (!terminal || !(terminal->input = evbuffer_new()) || !(terminal->replay = evbuffer_new())) {
        abort();
    }
    terminal->of = consoles;
    terminal->login = viewer->login;
    terminal->fd = -1;
    terminal->cols = 80;
    terminal->rows = 24;
    uuid_make(terminal->id);
    memcpy(terminal->vps, viewer->vps, sizeof(terminal->vps));
    LIST_INSERT_HEAD(&consoles->terminals, terminal, link);
    link_to_broker(consoles->of, json_pack("{s:s, s:s, s:s, s:s}", "type", "console_open",
                                           "terminal", terminal->id, "vps", terminal->vps, "kind",
                                           terminal->login ? "login" : "shell"));
    return terminal;
}

static struct terminal_of_link *find_login(const struct link_consoles *consoles, const char *vps)
{
    struct terminal_of_link *terminal;
    LIST_FOREACH (terminal, &consoles->terminals, link) {
        if (terminal->login && !terminal->ended && strcmp(terminal->vps, vps) == 0) {
            return terminal;
        }
    }
    return NULL;
}

void terminal_join(struct viewer *viewer)
{
    struct link_consoles *consoles = viewer->of;
    struct terminal_of_link *terminal = viewer->login ? find_login(consoles, viewer->vps) : NULL;
    viewer->terminal = terminal ? terminal : make(consoles, viewer);
    if (terminal && terminal->fd >= 0) {
        viewer_ready(viewer);
        size_t len = evbuffer_get_length(terminal->replay);
        if (len > 0) {
            (void)!ws_send_binary(viewer->ws, evbuffer_pullup(terminal->replay, -1), len, NULL);
        }
        terminal_regulate(terminal); // it may be held up by who was there
    }
}

bool terminals_turn(struct link_consoles *consoles)
{
    struct terminal_of_link *terminal;
    LIST_FOREACH (terminal, &consoles->terminals, link) {
        pace_turn(&consoles->pace, &terminal->pace);
    }
    bool again = pace_next(&consoles->pace);
    LIST_FOREACH (terminal, &consoles->terminals, link) {
        terminal_regulate(terminal);
    }
    return again;
}

void terminal_begin(struct terminal_of_link *terminal, int fd)
{
    struct event_base *base = terminal->of->of->base;
    if (terminal->fd >= 0 || terminal->ended) {
        close(fd);
        return;
    }
    terminal->fd = fd;
    terminal->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, terminal);
    terminal->writable = event_new(base, fd, EV_WRITE, on_writable, terminal);
    terminal->again = evtimer_new(base, on_again, terminal);
    terminal->slow = evtimer_new(base, on_slow, terminal);
    if (evutil_make_socket_nonblocking(fd) < 0 || !terminal->readable || !terminal->writable ||
        !terminal->again || !terminal->slow) {
        abort();
    }
    terminal_resize(terminal, terminal->cols, terminal->rows);
    struct viewer *viewer;
    FOREACH_VIEWER(viewer, terminal)
    {
        viewer_ready(viewer);
    }
    flush(terminal);
    terminal_regulate(terminal);
}

void terminal_left(struct terminal_of_link *terminal)
{
    unsigned all;
    congested(terminal, &all);
    if (all > 0) {
        terminal_regulate(terminal);
        return;
    }
    link_to_broker(terminal->of->of,
                   json_pack("{s:s, s:s}", "type", "console_close", "terminal", terminal->id));
    destroy(terminal);
}

void terminal_ended(struct terminal_of_link *terminal, const struct err *err)
{
    char buffer[4096];
    ssize_t n = 0;
    for (size_t rest = 0; terminal->fd >= 0 && rest < REST_MAX; rest += (size_t)n) {
        n = read(terminal->fd, buffer, sizeof(buffer)); // its last words
        if (n <= 0) {
            break;
        }
        print(terminal, buffer, (size_t)n);
    }
    terminal->ended = true;
    struct viewer *viewer;
    FOREACH_VIEWER(viewer, terminal)
    {
        viewer_close(viewer, err);
    }
    destroy(terminal);
}
