#include "hub_link.h"

#include "hub_lane.h"
#include "hub_message.h"
#include "hub_private.h"
#include "json.h"
#include "log.h"
#include "ws.h"

#include <string.h>
#include <time.h>

enum {
    HELLO_MS = 10000, // from the upgrade to the hello
    OFFLINE_MS = 5000,
    BACKLOG_MAX = 4 * 1024 * 1024,
    TASKS_BACKLOG_MAX = 1024 * 1024, // with more unwritten, tasks wait
    TASKS_PAUSE_MS = 200,
    // A link that has said this much without PostgreSQL's answer is not read until there is room.
    WAITING_MAX = 32,
    WAITING_BYTES_MAX = 2 * 1024 * 1024,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_POLICY = 1008,
    CLOSE_INTERNAL = 1011,
};

enum link_state { STATE_OPEN, STATE_HELLO, STATE_READY, STATE_CLOSED, STATE_COUNT };

static const char *const state_names[STATE_COUNT] = {
    [STATE_OPEN] = "open",
    [STATE_HELLO] = "hello",
    [STATE_READY] = "ready",
    [STATE_CLOSED] = "closed",
};

static const bool transitions[STATE_COUNT][STATE_COUNT] = {
    [STATE_OPEN] = {[STATE_HELLO] = true, [STATE_CLOSED] = true},
    [STATE_HELLO] = {[STATE_READY] = true, [STATE_CLOSED] = true},
    [STATE_READY] = {[STATE_CLOSED] = true},
};

// What changes the node's tasks and vps keeps its order; usage and the fetching of tasks have their
// own order and wait for nothing else.
enum lane_id { LANE_CONTROL, LANE_TASKS, LANE_USAGE, LANE_COUNT };

struct hub_link {
    struct hub_entry entry;
    struct hub *hub;
    struct bufferevent *bev; // owned by ws
    struct ws *ws;
    enum link_state state;
    char serial[PKI_SERIAL_HEX + 1];
    char peer[46];
    char epoch_text[24]; // what the lanes send
    int64_t epoch;
    int64_t sent_seq; // of the last task that was sent
    struct hub_lane *lanes[LANE_COUNT];
    struct event *timer; // before READY: the hello is late; later: look for tasks again
    bool paused; // not read, since too much waits
};

static void set_state(struct hub_link *link, enum link_state to)
{
    if (!transitions[link->state][to]) {
        abort(); // a bug of this file: every caller checks the state first
    }
    log_debug("link_state", "node=%s from=%s to=%s", link->entry.node, state_names[link->state],
              state_names[to]);
    link->state = to;
}

static void stop_lanes(struct hub_link *link)
{
    for (size_t i = 0; i < LANE_COUNT; i++) {
        hub_lane_stop(link->lanes[i]);
    }
}

static void link_close(struct hub_link *link, unsigned close_code, const char *reason)
{
    if (link->state == STATE_CLOSED) {
        return;
    }
    set_state(link, STATE_CLOSED);
    evtimer_del(link->timer);
    stop_lanes(link);
    if (link->paused) {
        bufferevent_enable(link->bev, EV_READ); // the closing handshake is read
    }
    ws_close(link->ws, close_code, reason);
}

static void send_text(struct hub_link *link, const char *text)
{
    // A failure means that the connection is ending: `closed` follows, and the agent hears all of it again.
    if (link->state != STATE_CLOSED && ws_send(link->ws, text, strlen(text), NULL) < 0) {
        log_debug("link_send_failed", "node=%s", link->entry.node);
    }
}

// Takes the object.
static void send_json(struct hub_link *link, json_t *object)
{
    _cleanup_free_ char *text = json_write(object);
    json_decref(object);
    send_text(link, text);
}

// Tells the agent why before the link closes.
static void refuse(struct hub_link *link, unsigned close_code, const char *code, const char *detail)
{
    if (link->state == STATE_CLOSED) {
        return;
    }
    log_warn("link_refused", "node=%s epoch=%s peer=%s code=%s detail=%s", link->entry.node,
             link->epoch_text, link->peer, code, LOGQ(detail));
    send_json(link, json_pack("{s:s, s:s, s:s}", "type", "error", "code", code, "detail", detail));
    link_close(link, close_code, code);
}

static void refuse_protocol(struct hub_link *link, const struct err *err)
{
    char detail[sizeof(err->text) + sizeof(err->pointer) + 4];
    snprintf(detail, sizeof(detail), "%s%s%s", err->pointer, err->pointer[0] ? ": " : "",
             err->text);
    refuse(link, CLOSE_PROTOCOL, "protocol_error", detail);
}

// Reads on or not, by what waits for PostgreSQL.
static void regulate(struct hub_link *link)
{
    size_t count = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        count += hub_lane_count(link->lanes[i]);
        bytes += hub_lane_bytes(link->lanes[i]);
    }
    bool full = count >= WAITING_MAX || bytes >= WAITING_BYTES_MAX;
    if (full != link->paused && link->state != STATE_CLOSED) {
        link->paused = full;
        if (full) {
            bufferevent_disable(link->bev, EV_READ);
        } else {
            bufferevent_enable(link->bev, EV_READ);
        }
    }
}

static void on_drained(void *arg)
{
    regulate(arg);
}

// A statement was refused for good. Its SQLSTATE says whose fault that is (sql/README.md).
static void on_failed(void *arg, const struct hub_job *job, const struct err *err,
                      const char *sqlstate)
{
    struct hub_link *link = arg;
    if (strcmp(sqlstate, "CR403") == 0 || strcmp(sqlstate, "CR401") == 0) {
        refuse(link, CLOSE_POLICY, "revoked", err->text);
    } else if (strcmp(sqlstate, "CR409") == 0) {
        refuse(link, CLOSE_POLICY, "superseded", err->text);
    } else if (strcmp(sqlstate, "CR422") == 0 || strcmp(sqlstate, "CR400") == 0) {
        refuse_protocol(link, err);
    } else {
        // Ours. The agent was not told that it is stored, so it keeps what it has.
        log_error("link_statement_failed", "node=%s statement=%s sqlstate=%s detail=%s",
                  link->entry.node, sql_texts[job->sql].name, sqlstate, LOGQ(err->text));
        if (job->sql == SQL_NODE_HELLO) {
            link_close(link, CLOSE_INTERNAL, "internal error");
        }
    }
}

static void start_timer(struct hub_link *link, int ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(link->timer, &delay);
}

// Sends one row of node_tasks. False when the agent must read first.
static bool send_task(struct hub_link *link, const char *text)
{
    if (ws_backlog(link->ws) > TASKS_BACKLOG_MAX) {
        start_timer(link, TASKS_PAUSE_MS);
        return false;
    }
    _cleanup_json_ json_t *task = json_loads(text, 0, NULL);
    int64_t seq = json_get_int(task, "seq", 0); // a task_cancel has none, and may be said twice
    if (seq > 0 && seq <= link->sent_seq) {
        return true; // this fetch was asked for before an earlier one had answered
    }
    link->sent_seq = seq > 0 ? seq : link->sent_seq;
    log_info("task_sent", "node=%s epoch=%s task=%s kind=%s vps=%s", link->entry.node,
             link->epoch_text, json_get_string(task, "task", ""),
             json_get_string(task, "kind", json_get_string(task, "type", "")),
             json_get_string(task, "vps", ""));
    send_text(link, text);
    return true;
}

static void tasks_done(void *arg, const struct hub_job *job, const struct db_rows *rows)
{
    struct hub_link *link = arg;
    for (int i = 0; i < db_rows_count(rows); i++) {
        const char *text = db_rows_get(rows, i, "reply");
        if (text && !send_task(link, text)) {
            return;
        }
    }
}

void hub_link_wake(struct hub_link *link)
{
    if (link->state != STATE_READY) {
        return; // all open tasks are fetched after the hello
    }
    struct hub_job *job = hub_job_new(SQL_NODE_TASKS, "tasks");
    if (asprintf(&job->text, "{\"after\":%lld}", (long long)link->sent_seq) < 0) {
        abort();
    }
    job->done = tasks_done;
    hub_lane_push(link->lanes[LANE_TASKS], job);
}

void hub_link_console(struct hub_link *link, json_t *order)
{
    if (link->state == STATE_READY) {
        json_object_set_new(order, "type", json_string("console_open"));
        json_object_set_new(order, "epoch", json_integer(link->epoch));
        send_json(link, json_incref(order));
    }
}

static void send_welcome(struct hub_link *link)
{
    const struct server_config *config = link->hub->config;
    char now[40];
    time_t seconds = time(NULL);
    struct tm tm;
    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    send_json(link, json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I}", "type", "welcome", "epoch",
                              (json_int_t)link->epoch, "server_time", now, "heartbeat_s",
                              (json_int_t)config->agents.heartbeat_s, "sample_s",
                              (json_int_t)config->agents.sample_s, "report_s",
                              (json_int_t)config->agents.report_s, "ping_s",
                              (json_int_t)config->agents.ping_s));
}

static void hello_done(void *arg, const struct hub_job *job, const struct db_rows *rows)
{
    struct hub_link *link = arg;
    const char *text = db_rows_count(rows) > 0 ? db_rows_get(rows, 0, "reply") : NULL;
    _cleanup_json_ json_t *reply = text ? json_loads(text, 0, NULL) : NULL;
    link->epoch = json_get_int(reply, "epoch", 0);
    if (link->epoch < 1) {
        log_error("link_no_epoch", "node=%s", link->entry.node);
        link_close(link, CLOSE_INTERNAL, "internal error");
        return;
    }
    snprintf(link->epoch_text, sizeof(link->epoch_text), "%lld", (long long)link->epoch);
    evtimer_del(link->timer);
    set_state(link, STATE_READY);
    log_info("link_ready", "node=%s epoch=%s peer=%s", link->entry.node, link->epoch_text,
             link->peer);
    send_welcome(link);
    hub_link_wake(link);
}

// For statements whose reply is the message to send: the transaction is committed by now.
static void reply_done(void *arg, const struct hub_job *job, const struct db_rows *rows)
{
    struct hub_link *link = arg;
    for (int i = 0; i < db_rows_count(rows); i++) {
        const char *text = db_rows_get(rows, i, "reply");
        if (text) {
            send_text(link, text);
        }
    }
}

// An inventory may have made tasks; their NOTIFY tells. Progress and heartbeats have no answer.
static void silent_done(void *arg, const struct hub_job *job, const struct db_rows *rows)
{
}

static void certificate_done(void *arg, const struct hub_job *job, const struct db_rows *rows)
{
    struct hub_link *link = arg;
    log_info("certificate_sent", "node=%s serial=%s not_after=%s", link->entry.node,
             job->certificate->serial, job->certificate->not_after);
    send_json(link,
              json_pack("{s:s, s:s}", "type", "certificate", "certificate", job->certificate->pem));
}

// Signs at once (20 us); the certificate is sent when its serial is recorded.
static int make_certificate(struct hub_link *link, const char *csr, struct hub_job *job,
                            struct err *err)
{
    job->certificate = calloc(1, sizeof(*job->certificate));
    if (!job->certificate) {
        abort();
    }
    return pki_sign_agent(link->hub->ca, csr, link->entry.node,
                          link->hub->config->agents.certificate_s, job->certificate, err);
}

struct handler {
    enum link_state state; // the only one in which the message is allowed
    enum lane_id lane;
    enum sql_id sql;
    void (*done)(void *arg, const struct hub_job *job, const struct db_rows *rows);
};

static const struct handler handlers[HUB_MESSAGE_TYPES] = {
    [HUB_HELLO] = {STATE_OPEN, LANE_CONTROL, SQL_NODE_HELLO, hello_done},
    [HUB_TASK_PROGRESS] = {STATE_READY, LANE_CONTROL, SQL_TASK_PROGRESS, silent_done},
    [HUB_TASK_RESULT] = {STATE_READY, LANE_CONTROL, SQL_TASK_RESULT, reply_done},
    [HUB_INVENTORY] = {STATE_READY, LANE_CONTROL, SQL_NODE_INVENTORY, silent_done},
    [HUB_USAGE] = {STATE_READY, LANE_USAGE, SQL_NODE_USAGE, reply_done},
    [HUB_EVIDENCE] = {STATE_READY, LANE_USAGE, SQL_NODE_EVIDENCE, silent_done},
    [HUB_LOG] = {STATE_READY, LANE_TASKS, SQL_NODE_LOG, silent_done},
    [HUB_HEARTBEAT] = {STATE_READY, LANE_CONTROL, SQL_NODE_HEARTBEAT, silent_done},
    [HUB_DRIFT] = {STATE_READY, LANE_CONTROL, SQL_NODE_DRIFT, reply_done},
    [HUB_CERTIFICATE_REQUEST] = {STATE_READY, LANE_CONTROL, SQL_CERTIFICATE_RECORD,
                                 certificate_done},
};

static int accept_message(struct hub_link *link, struct hub_message *message, struct err *err)
{
    const struct handler *handler = &handlers[message->type];
    if (handler->state != link->state) {
        return err_set(err, ERR_PROTOCOL, "%s is not allowed now", hub_message_name(message->type));
    }
    if (message->epoch != link->epoch) {
        log_debug("link_stale_message", "node=%s epoch=%s type=%s", link->entry.node,
                  link->epoch_text, hub_message_name(message->type));
        return 0; // of an earlier link of the same agent; it will say it again
    }
    struct hub_job *job = hub_job_new(handler->sql, message->key);
    job->done = handler->done;
    job->text = STEAL(message->text);
    if (message->csr) {
        int r = make_certificate(link, message->csr, job, err);
        if (r < 0) {
            hub_job_free(job);
            return r;
        }
    }
    if (message->type == HUB_HELLO) {
        set_state(link, STATE_HELLO);
    }
    hub_lane_push(link->lanes[handler->lane], job);
    return 0;
}

static void on_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct hub_link *link = arg;
    if (link->state == STATE_CLOSED) {
        return;
    }
    struct err err = {0};
    struct hub_message message;
    int r = hub_message_read(text, len, &message, &err);
    if (r == 0) {
        r = accept_message(link, &message, &err);
        hub_message_finish(&message);
    }
    if (r < 0) {
        refuse_protocol(link, &err);
    }
    regulate(link);
}

static void offline_done(const struct db_outcome *outcome, void *arg)
{
    // Nothing depends on it: housekeeping finds a silent node, and a newer link has a newer epoch.
}

static void tell_offline(struct hub_link *link)
{
    if (link->epoch == 0) {
        return;
    }
    struct db_request request = {
        .steps = {{.sql = SQL_HUB_AUTH,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 2,
                   .params = {link->entry.node, link->serial}},
                  {.sql = SQL_NODE_OFFLINE,
                   .role = DB_ROLE_AGENT,
                   .param_count = 3,
                   .params = {link->entry.node, link->epoch_text, "{}"}}},
        .step_count = 2,
        .deadline_ms = OFFLINE_MS,
    };
    if (db_run(link->hub->db, &request, offline_done, NULL, NULL, NULL) < 0) {
        log_debug("link_offline_untold", "node=%s", link->entry.node);
    }
}

static void on_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct hub_link *link = arg;
    log_info("link_closed", "node=%s epoch=%s peer=%s state=%s code=%u reason=%s", link->entry.node,
             link->epoch_text, link->peer, state_names[link->state], code, LOGQ(reason));
    struct hub *hub = link->hub;
    tell_offline(link);
    hub_link_destroy(link);
    hub_links_changed(hub);
}

// Before READY the hello is late; afterwards there are tasks that did not fit into the backlog.
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct hub_link *link = arg;
    if (link->state == STATE_OPEN) {
        refuse(link, CLOSE_POLICY, "protocol_error", "no hello");
    } else {
        hub_link_wake(link);
    }
}

void hub_link_supersede(struct hub_link *link, int64_t epoch)
{
    if (link->state == STATE_READY && link->epoch < epoch) {
        refuse(link, CLOSE_POLICY, "superseded", "the node has a newer link");
    }
}

void hub_link_revoke(struct hub_link *link)
{
    refuse(link, CLOSE_POLICY, "revoked", "the node's certificates are revoked");
}

void hub_link_leave(struct hub_link *link)
{
    link_close(link, CLOSE_GOING_AWAY, "server is going away");
}

static void create_lanes(struct hub_link *link)
{
    struct hub_lane_config config = {
        .base = link->hub->base,
        .db = link->hub->db,
        .node = link->entry.node,
        .serial = link->serial,
        .epoch = link->epoch_text,
        .failed = on_failed,
        .drained = on_drained,
        .arg = link,
    };
    for (size_t i = 0; i < LANE_COUNT; i++) {
        link->lanes[i] = hub_lane_create(&config);
    }
}

void hub_link_start(struct hub *hub, struct bufferevent *bev, const char *node, const char *serial,
                    const char *peer)
{
    static const struct ws_handlers ws_handlers = {.message = on_message, .closed = on_closed};
    struct ws_limits limits = {
        .message_max = HUB_MESSAGE_MAX,
        .backlog_max = BACKLOG_MAX,
        .ping_s = (int)hub->config->agents.ping_s,
    };
    struct hub_link *link = calloc(1, sizeof(*link));
    if (!link || !(link->timer = evtimer_new(hub->base, on_timer, link))) {
        abort();
    }
    link->hub = hub;
    link->bev = bev;
    link->entry.link = link;
    snprintf(link->entry.node, sizeof(link->entry.node), "%s", node);
    snprintf(link->serial, sizeof(link->serial), "%s", serial);
    snprintf(link->peer, sizeof(link->peer), "%s", peer);
    snprintf(link->epoch_text, sizeof(link->epoch_text), "0");
    create_lanes(link);
    link->ws = ws_create(bev, WS_SERVER, &ws_handlers, &limits, link);
    start_timer(link, HELLO_MS);
    hub_add_link(hub, &link->entry);
}

void hub_link_destroy(struct hub_link *link)
{
    hub_remove_link(link->hub, &link->entry);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        hub_lane_destroy(link->lanes[i]);
    }
    event_free(link->timer);
    ws_destroy(link->ws);
    free(link);
}
