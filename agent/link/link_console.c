// Consoles in the link process: for each viewer a connection to the worker that has its client, for each terminal a descriptor
// from the broker. What a guest prints goes to all viewers of its terminal, no faster than the slowest takes it.
#include "console.h"
#include "dial.h"
#include "handover.h"
#include "json.h"
#include "link_console_private.h"
#include "log.h"
#include "message.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    VIEWERS_MAX = 256,
    MESSAGE_MAX = 64 * 1024,
    BACKLOG_MAX = 1024 * 1024,
    INPUT_MAX = 64 * 1024, // with more untaken by the guest its viewers are not read
    PING_S = 10,
    // The worker may hear of its console after we do, or have no room at the moment.
    CLIENT_WAITS_MS = 15000,
    TRY_AGAIN_MS = 250, // doubled each time
    DEPTH_MAX = 4,
    PACE_MS = 100,
    PACE_ONE = 256 * 1024, // what one guest that prints without end gets through in a period
    PACE_ALL =
        1024 *
        1024, // and all together, so that they cannot have the process that speaks for the node
    CLOSE_NORMAL = 1000,
    CLOSE_POLICY = 1008,
    CLOSE_FAILED = 1011,
};

void consoles_pace(struct link_consoles *consoles)
{
    static const struct timeval period = {.tv_usec = PACE_MS * 1000};
    if (!evtimer_pending(consoles->turn, NULL)) {
        evtimer_add(consoles->turn, &period);
    }
}

// ---- Viewers

static void destroy_viewer(struct viewer *viewer)
{
    TAILQ_REMOVE(&viewer->of->viewers, viewer, link);
    viewer->of->viewer_count--;
    dial_cancel(viewer->dial);
    event_free(viewer->again);
    ws_destroy(viewer->ws);
    free(viewer);
}

// Takes the message.
static void close_with(struct viewer *viewer, json_t *message, unsigned code, const char *reason)
{
    _cleanup_json_ json_t *owned = message;
    viewer->terminal = NULL;
    if (owned) {
        json_object_set_new(owned, "type", json_string("error"));
        _cleanup_free_ char *text = json_write(owned);
        (void)!ws_send(viewer->ws, text, strlen(text), NULL); // it may be gone
    }
    bufferevent_enable(viewer->bev, EV_READ); // the closing handshake is read
    ws_close(viewer->ws, code, reason);
}

void viewer_close(struct viewer *viewer, const struct err *err)
{
    if (err) {
        close_with(viewer, message_error(err), CLOSE_FAILED, "failed");
    } else {
        close_with(viewer, NULL, CLOSE_NORMAL, "ended");
    }
}

void viewer_close_slow(struct viewer *viewer)
{
    close_with(viewer,
               json_pack("{s:s, s:s}", "code", "slow", "detail",
                         "This viewer does not read as fast as the others."),
               CLOSE_POLICY, "slow");
}

static void on_ws_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct viewer *viewer = arg;
    struct terminal_of_link *terminal = viewer->terminal;
    log_info("console_left", "console=%s code=%u", viewer->console, code);
    destroy_viewer(viewer);
    if (terminal) {
        terminal_left(terminal);
    }
}

static void on_ws_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct viewer *viewer = arg;
    struct err err = {0};
    _cleanup_json_ json_t *message = NULL;
    if (!viewer->terminal) {
        return;
    }
    if (json_read(text, len, DEPTH_MAX, &message, &err) == 0 &&
        strcmp(json_get_string(message, "type", ""), "resize") == 0) {
        terminal_resize(viewer->terminal, json_get_int(message, "cols", 0),
                        json_get_int(message, "rows", 0));
    }
}

static void on_ws_binary(struct ws *ws, const void *data, size_t len, void *arg)
{
    struct viewer *viewer = arg;
    if (viewer->terminal) {
        terminal_type(viewer->terminal, data, len);
    }
}

static void on_ws_drained(struct ws *ws, void *arg)
{
    struct viewer *viewer = arg;
    viewer->drained = true;
    if (viewer->terminal) {
        terminal_regulate(viewer->terminal);
    }
}

void viewer_ready(struct viewer *viewer)
{
    static const char ready[] = "{\"type\":\"ready\"}";
    (void)!ws_send(viewer->ws, ready, strlen(ready), NULL); // it may be gone
}

static void dial_later(struct viewer *viewer)
{
    int64_t ms = (int64_t)TRY_AGAIN_MS << (viewer->tries - 1);
    if (link_now_ms() + ms >= viewer->until_ms) {
        destroy_viewer(viewer);
        return;
    }
    const struct timeval pause = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(viewer->again, &pause);
}

static void on_dialled(struct bufferevent *bev, const struct err *err, void *arg)
{
    static const struct ws_handlers handlers = {.message = on_ws_message,
                                                .binary = on_ws_binary,
                                                .closed = on_ws_closed,
                                                .drained = on_ws_drained};
    static const struct ws_limits limits = {
        .message_max = MESSAGE_MAX, .backlog_max = BACKLOG_MAX, .ping_s = PING_S};
    struct viewer *viewer = arg;
    viewer->dial = NULL;
    if (!bev) {
        log_warn("console_connect", "console=%s try=%u error=%s", viewer->console, viewer->tries,
                 LOGQ(err->text));
        dial_later(viewer);
        return;
    }
    viewer->bev = bev;
    viewer->ws = ws_create(bev, WS_CLIENT, &handlers, &limits, viewer);
    terminal_join(viewer);
}

static void on_dial(evutil_socket_t fd, short what, void *arg)
{
    struct viewer *viewer = arg;
    const struct link *link = viewer->of->of;
    char path[64];
    const struct dial_config config = {.base = link->base,
                                       .dns = link->dns,
                                       .ctx = link->ctx,
                                       .server = viewer->server,
                                       .path = path,
                                       .protocol = "croft.console.v1"};
    snprintf(path, sizeof(path), "/agent/v1/consoles/%s", viewer->console);
    viewer->tries++;
    viewer->dial = dial_start(&config, on_dialled, viewer);
}

// ---- Orders of the server

static int add_viewer(struct link *link, const struct console_open_message *open, struct err *err)
{
    struct link_consoles *consoles = link->consoles;
    char address[LINK_HOST_MAX + 8];
    struct link_server server;
    snprintf(address, sizeof(address), "%s:%lld", open->host, (long long)open->port);
    int r = link_server_parse(address, &server, err);
    if (r < 0) {
        return r;
    }
    if (consoles->viewer_count >= VIEWERS_MAX) {
        return err_set(err, ERR_UNAVAILABLE, "too many consoles");
    }
    struct viewer *viewer = calloc(1, sizeof(*viewer));
    if (!viewer || !(viewer->again = evtimer_new(link->base, on_dial, viewer))) {
        abort();
    }
    viewer->of = consoles;
    viewer->server = server;
    viewer->until_ms = link_now_ms() + CLIENT_WAITS_MS;
    snprintf(viewer->console, sizeof(viewer->console), "%s", open->console);
    snprintf(viewer->vps, sizeof(viewer->vps), "%s", open->vps);
    viewer->login = strcmp(open->kind, "login") == 0;
    TAILQ_INSERT_TAIL(&consoles->viewers, viewer, link);
    consoles->viewer_count++;
    on_dial(-1, EV_TIMEOUT, viewer);
    return 0;
}

void link_console_open(struct link *link, json_t *message)
{
    struct err err = {0};
    struct console_open_message open;
    int r = message_console_open(message, &open, &err);
    if (r == 0) {
        r = add_viewer(link, &open, &err);
    }
    if (r < 0) {
        log_warn("console_open", "error=%s", LOGQ(err.text)); // the server's client waits in vain
    }
}

// ---- Of the broker

static void on_handover(evutil_socket_t fd, short what, void *arg)
{
    struct link_consoles *consoles = arg;
    struct err err = {0};
    char id[HANDOVER_ID + 1];
    int terminal_fd = -1;
    int r;
    while ((r = handover_receive(fd, id, &terminal_fd, &err)) == 0) {
        struct terminal_of_link *terminal = terminal_find(consoles, id);
        if (terminal) {
            terminal_begin(terminal, terminal_fd);
        } else {
            close(terminal_fd); // its viewers have left
        }
    }
    if (r == ERR_SYSTEM) {
        event_del(consoles->handed); // the broker is gone, and we are about to be
    } else if (r == ERR_PROTOCOL) {
        log_error("handover", "error=%s", LOGQ(err.text));
    }
}

void link_console_ended(struct link *link, json_t *message)
{
    struct link_consoles *consoles = link->consoles;
    on_handover(link->handover, EV_READ, consoles); // it may have ended as soon as it was there
    struct terminal_of_link *terminal =
        terminal_find(consoles, json_get_string(message, "terminal", ""));
    if (terminal) {
        const json_t *error = json_object_get(message, "error");
        struct err err = {0};
        err_set(&err, err_code_from_slug(json_get_string(error, "code", "")), "%s",
                json_get_string(error, "detail", ""));
        terminal_ended(terminal, json_is_object(error) ? &err : NULL);
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct link_consoles *consoles = arg;
    if (terminals_turn(consoles)) {
        consoles_pace(consoles);
    }
}

void link_console_start(struct link *link)
{
    struct link_consoles *consoles = calloc(1, sizeof(*consoles));
    if (!consoles || fcntl(link->handover, F_SETFD, FD_CLOEXEC) < 0 ||
        !(consoles->turn = evtimer_new(link->base, on_turn, consoles)) ||
        !(consoles->handed =
              event_new(link->base, link->handover, EV_READ | EV_PERSIST, on_handover, consoles))) {
        abort();
    }
    consoles->of = link;
    consoles->pace = (struct pace){.all = PACE_ALL, .one = PACE_ONE};
    TAILQ_INIT(&consoles->viewers);
    LIST_INIT(&consoles->terminals);
    event_add(consoles->handed, NULL);
    link->consoles = consoles;
}
