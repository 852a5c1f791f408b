#include "console_private.h"

#include "json.h"
#include "log.h"
#include "macro.h"

#include <event2/buffer.h>
#include <string.h>

enum {
    ATTACH_S = 15, // for the node to dial and to have the terminal ready
    CLIENT_MESSAGE_MAX = 64 * 1024,
    AGENT_MESSAGE_MAX = 64 * 1024,
    // With this much unwritten towards one side the other is not read. What both hold at most is that, a message and what
    // one read brought.
    CONGESTED = 64 * 1024,
    BACKLOG_MAX = 1024 * 1024,
    EARLY_MAX = 64 * 1024, // typed before the terminal is there
    PING_S = 10,
    CODE_BACKLOG = 1008, // ws.h, backlog_max
};

static const struct {
    const char *reason;
    unsigned code;
    const char *detail;
} ends[] = {
    [END_LEFT] = {"left", 1000, "The viewer left."},
    [END_EXITED] = {"exited", 1000, "The terminal has ended."},
    [END_REVOKED] = {"revoked", 1008, "Your access has ended or changed."},
    [END_EXPIRED] = {"expired", 1008, "Your session or token has ended."},
    [END_STOPPED] = {"stopped", 1000, "The vps is being stopped."},
    [END_IDLE] = {"idle", 1000, "Nothing was typed for too long."},
    [END_SLOW] = {"slow", 1008, "This viewer does not read what the terminal prints."},
    [END_PROTOCOL] = {"protocol", 1002, "A message was none of a console's."},
    [END_UNREACHABLE] = {"unreachable", 1011, "The node of this vps did not answer in time."},
    [END_FAILED] = {"failed", 1011, "The console could not be opened."},
    [END_NODE] = {"node", 1011, "The node of this vps is out of service."},
    [END_LOST] = {"lost", 1011, "The connection was lost on the way: open the console again."},
    [END_DRAIN] = {"drain", 1001, "The server starts anew: open the console again."},
};

// ---- Ends: noted once, then both connections are closed; it goes when they have and the end is recorded

static void reap_later(struct consoles *consoles)
{
    event_active(consoles->reap, EV_TIMEOUT, 0);
}

static void on_recorded(const struct db_outcome *outcome, void *arg)
{
    struct console *console = arg;
    console->closing = NULL;
    if (outcome->err) {
        log_warn("console_unrecorded", "console=%s error=%s", console->id,
                 LOGQ(outcome->err->text)); // housekeeping closes it
    }
    reap_later(console->of);
}

static void record(struct console *console, const char *reason)
{
    _cleanup_json_ json_t *input =
        json_pack("{s:s, s:s, s:I, s:I}", "id", console->id, "reason", reason, "bytes_in",
                  (json_int_t)console->client.bytes, "bytes_out", (json_int_t)console->agent.bytes);
    _cleanup_free_ char *text = json_write(input);
    struct db_request request = {
        .steps =
            {{.sql = SQL_CONSOLE_CLOSE, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
        .step_count = 1,
        .deadline_ms = CONSOLE_QUERY_MS,
    };
    struct err err;
    if (db_run(console->of->db, &request, on_recorded, console, &console->closing, &err) < 0) {
        console->closing = NULL;
        log_warn("console_unrecorded", "console=%s error=%s", console->id, LOGQ(err.text));
    }
}

static void close_side(const struct side *side, unsigned code, const char *reason)
{
    if (side->ws) {
        bufferevent_enable(side->bev, EV_READ); // the closing handshake is read
        ws_close(side->ws, code, reason);
    }
}

static void end_because(struct console *console, enum console_end end, const char *detail)
{
    if (console->ended) {
        return;
    }
    console->ended = true;
    log_info("console_closed", "console=%s node=%s reason=%s bytes_in=%llu bytes_out=%llu",
             console->id, console->node, ends[end].reason,
             (unsigned long long)console->client.bytes, (unsigned long long)console->agent.bytes);
    evtimer_del(console->timer);
    revocation_end(STEAL(console->watch));
    revocation_end(STEAL(console->vps_watch));
    if (console->client.ws && end != END_LEFT) {
        _cleanup_free_ char *text =
            console_write_closed(ends[end].reason, detail ? detail : ends[end].detail);
        (void)!ws_send(console->client.ws, text, strlen(text), NULL); // it may be gone
    }
    close_side(&console->client, ends[end].code, ends[end].reason);
    close_side(&console->agent, 1000, ends[end].reason);
    record(console, ends[end].reason);
    reap_later(console->of);
}

void console_end(struct console *console, enum console_end end)
{
    end_because(console, end, NULL);
}

bool console_is_over(const struct console *console)
{
    return console->ended && !console->client.ws && !console->agent.ws && !console->closing;
}

void console_destroy(struct console *console)
{
    LIST_REMOVE(console, link);
    console->of->count--;
    if (console->closing) {
        db_cancel(console->closing);
    }
    ws_destroy(console->client.ws);
    ws_destroy(console->agent.ws);
    revocation_end(console->watch);
    revocation_end(console->vps_watch);
    event_free(console->timer);
    evbuffer_free(console->early);
    free(console);
}

static void on_cut(enum revocation_cause cause, void *arg)
{
    static const enum console_end by_cause[] = {[REVOCATION_SAID] = END_REVOKED,
                                                [REVOCATION_EXPIRED] = END_EXPIRED,
                                                [REVOCATION_UNSURE] = END_LOST};
    console_end(arg, by_cause[cause]);
}

static void on_stopped(enum revocation_cause cause, void *arg)
{
    console_end(arg, cause == REVOCATION_SAID ? END_STOPPED : END_LOST);
}

// ---- Bytes

static void arm(struct event *timer, int64_t ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    evtimer_add(timer, &tv);
}

static bool client_is_behind(const struct console *console)
{
    return console->client.ws && ws_backlog(console->client.ws) >= CONGESTED;
}

// The agent is read while its client takes what it says and its part of this period is not used up.
static void regulate(struct console *console)
{
    if (console->ended || !console->agent.ws) {
        return;
    }
    if (!client_is_behind(console) && pace_may(&console->of->pace, &console->pace)) {
        bufferevent_enable(console->agent.bev, EV_READ);
    } else {
        bufferevent_disable(console->agent.bev, EV_READ);
    }
    if (console->ready && ws_backlog(console->agent.ws) < CONGESTED) {
        bufferevent_enable(console->client.bev, EV_READ);
    } else if (console->ready) {
        bufferevent_disable(console->client.bev, EV_READ);
    }
}

void console_turn(struct console *console)
{
    pace_turn(&console->of->pace, &console->pace);
}

void console_resume(struct console *console)
{
    regulate(console);
}

static void count_pace(struct console *console, size_t len)
{
    struct consoles *consoles = console->of;
    pace_take(&consoles->pace, &console->pace, len);
    if (!evtimer_pending(consoles->turn, NULL)) {
        arm(consoles->turn, CONSOLE_PACE_MS);
    }
}

static void pass(struct console *console, const struct side *to, const void *data, size_t len)
{
    // A failure means that the connection is ending: `closed` follows.
    if (ws_send_binary(to->ws, data, len, NULL) < 0) {
        log_debug("console_send_failed", "console=%s", console->id);
    }
    regulate(console);
}

static void send_size(const struct console *console)
{
    char text[80];
    if (console->size.cols > 0) {
        console_write_size(&console->size, text);
        (void)!ws_send(console->agent.ws, text, strlen(text), NULL); // as above
    }
}

static void on_drained(struct ws *ws, void *arg)
{
    regulate(arg);
}

// ---- The client

static void on_client_text(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct console *console = arg;
    if (console->ended) {
        return;
    }
    struct err err;
    if (console_read_client(text, len, &console->size, &err) < 0) {
        console_end(console, END_PROTOCOL);
    } else if (console->ready) {
        send_size(console);
    }
}

static void on_client_binary(struct ws *ws, const void *data, size_t len, void *arg)
{
    struct console *console = arg;
    if (console->ended) {
        return;
    }
    console->client.bytes += len;
    if (console->ready) {
        arm(console->timer, console->of->config->consoles.idle_s * 1000);
        pass(console, &console->agent, data, len);
    } else if (evbuffer_get_length(console->early) + len > EARLY_MAX) {
        console_end(console, END_PROTOCOL);
    } else {
        evbuffer_add(console->early, data, len);
        bufferevent_disable(console->client.bev, EV_READ); // the rest waits in its connection
    }
}

static void on_client_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct console *console = arg;
    ws_destroy(STEAL(console->client.ws));
    console_end(console, code == CODE_BACKLOG ? END_SLOW : END_LEFT);
    reap_later(console->of);
}

// ---- The agent

static void begin(struct console *console)
{
    static const char ready[] = "{\"type\":\"ready\"}";
    if (console->ready) {
        console_end(console, END_PROTOCOL);
        return;
    }
    console->ready = true;
    arm(console->timer, console->of->config->consoles.idle_s * 1000);
    (void)!ws_send(console->client.ws, ready, strlen(ready), NULL); // as above
    send_size(console);
    size_t len = evbuffer_get_length(console->early);
    if (len > 0) {
        pass(console, &console->agent, evbuffer_pullup(console->early, -1), len);
        evbuffer_drain(console->early, len);
    }
    regulate(console);
}

static void on_agent_text(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct console *console = arg;
    struct err err;
    enum console_said said = CONSOLE_FAILED;
    char detail[CONSOLE_DETAIL_MAX];
    if (console->ended) {
        return;
    }
    if (console_read_agent(text, len, &said, detail, &err) < 0) {
        log_warn("console_agent", "console=%s node=%s error=%s", console->id, console->node,
                 LOGQ(err.text));
        console_end(console, END_FAILED);
    } else if (said == CONSOLE_READY) {
        begin(console);
    } else {
        end_because(console, said == CONSOLE_SLOW ? END_SLOW : END_FAILED, detail);
    }
}

static void on_agent_binary(struct ws *ws, const void *data, size_t len, void *arg)
{
    struct console *console = arg;
    if (console->ended) {
        return;
    }
    if (!console->ready) {
        console_end(console, END_FAILED);
        return;
    }
    console->agent.bytes += len;
    count_pace(console, len);
    pass(console, &console->client, data, len);
}

static enum console_end agent_end(const struct console *console, unsigned code)
{
    if (code == 1000) {
        return END_EXITED;
    }
    if (code == CODE_BACKLOG || client_is_behind(console)) {
        return END_SLOW; // the node said so behind what its client did not let us read
    }
    return console->ready ? END_LOST : END_UNREACHABLE;
}

static void on_agent_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct console *console = arg;
    ws_destroy(STEAL(console->agent.ws));
    console_end(console, agent_end(console, code));
    reap_later(console->of);
}

// ---- Life

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct console *console = arg;
    console_end(console, console->ready ? END_IDLE : END_UNREACHABLE);
}

static struct ws *open_ws(struct console *console, struct side *side, struct bufferevent *bev,
                          const struct ws_handlers *handlers, size_t message_max)
{
    struct ws_limits limits = {
        .message_max = message_max, .backlog_max = BACKLOG_MAX, .ping_s = PING_S};
    side->bev = bev;
    side->ws = ws_create(bev, WS_SERVER, handlers, &limits, console);
    return side->ws;
}

static struct console *make(struct consoles *consoles, const struct console_start *start)
{
    struct console *console = calloc(1, sizeof(*console));
    if (!console || !(console->early = evbuffer_new()) ||
        !(console->timer = evtimer_new(consoles->base, on_timer, console))) {
        abort();
    }
    console->of = consoles;
    snprintf(console->id, sizeof(console->id), "%s", start->id);
    snprintf(console->node, sizeof(console->node), "%s", start->node);
    LIST_INSERT_HEAD(&consoles->list, console, link);
    consoles->count++;
    return console;
}

void console_start(struct consoles *consoles, const struct console_start *start,
                   struct bufferevent *client)
{
    static const struct ws_handlers handlers = {.message = on_client_text,
                                                .binary = on_client_binary,
                                                .closed = on_client_closed,
                                                .drained = on_drained};
    struct console *console = make(consoles, start);
    if (!client) {
        console_end(console, END_LEFT);
        return;
    }
    open_ws(console, &console->client, client, &handlers, CLIENT_MESSAGE_MAX);
    struct revocation_who vps = {.vps = start->vps};
    console->watch =
        revocation_watch(start->revocations, &start->who, start->since_ms, on_cut, console);
    console->vps_watch =
        revocation_watch(start->revocations, &vps, start->since_ms, on_stopped, console);
    arm(console->timer, ATTACH_S * 1000);
    if (consoles->draining) {
        console_end(console, END_DRAIN);
    }
}

void console_attach(struct console *console, struct bufferevent *agent)
{
    static const struct ws_handlers handlers = {.message = on_agent_text,
                                                .binary = on_agent_binary,
                                                .closed = on_agent_closed,
                                                .drained = on_drained};
    open_ws(console, &console->agent, agent, &handlers, AGENT_MESSAGE_MAX);
    regulate(console);
}
