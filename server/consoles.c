// All consoles of a worker.
#include "console_private.h"

#include "json.h"
#include "macro.h"

#include <string.h>

enum { ALIVE_S = 30 };

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct consoles *consoles = arg;
    struct console *console = LIST_FIRST(&consoles->list);
    while (console) {
        struct console *next = LIST_NEXT(console, link);
        if (console_is_over(console)) {
            console_destroy(console);
        }
        console = next;
    }
    if (consoles->draining && LIST_EMPTY(&consoles->list) && consoles->drained) {
        void (*drained)(void *) = STEAL(consoles->drained);
        drained(consoles->drained_arg);
    }
}

struct console *consoles_find(struct consoles *consoles, const char *id, const char *node)
{
    struct console *console;
    LIST_FOREACH (console, &consoles->list, link) {
        if (strcmp(console->id, id) == 0 && strcmp(console->node, node) == 0 && !console->ended &&
            !console->agent.ws) {
            return console;
        }
    }
    return NULL;
}

void consoles_cut_node(struct consoles *consoles, const char *node)
{
    struct console *console;
    LIST_FOREACH (console, &consoles->list, link) {
        if (strcmp(console->node, node) == 0) {
            console_end(console, END_NODE);
        }
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval period = {.tv_usec = CONSOLE_PACE_MS * 1000};
    struct consoles *consoles = arg;
    struct console *console;
    LIST_FOREACH (console, &consoles->list, link) {
        console_turn(console);
    }
    if (pace_next(&consoles->pace)) {
        evtimer_add(consoles->turn, &period);
    }
    LIST_FOREACH (console, &consoles->list, link) {
        console_resume(console);
    }
}

static void on_alive_done(const struct db_outcome *outcome, void *arg)
{
    struct consoles *consoles = arg;
    consoles->query = NULL;
    for (int i = 0; !outcome->err && i < db_rows_count(outcome->rows); i++) {
        // Closed by housekeeping, while the database could not be told; or of a node that is out.
        struct console *console;
        bool lost = strcmp(db_rows_get(outcome->rows, i, "reason"), "lost") == 0;
        LIST_FOREACH (console, &consoles->list, link) {
            if (strcmp(console->id, db_rows_get(outcome->rows, i, "id")) == 0) {
                console_end(console, lost ? END_LOST : END_NODE);
            }
        }
    }
}

// What dies with this worker is found by what it no longer says.
static void on_alive(evutil_socket_t fd, short what, void *arg)
{
    struct consoles *consoles = arg;
    _cleanup_json_ json_t *input = json_object();
    json_t *ids = json_array();
    json_object_set_new(input, "ids", ids);
    struct console *console;
    LIST_FOREACH (console, &consoles->list, link) {
        if (!console->ended) {
            json_array_append_new(ids, json_string(console->id));
        }
    }
    if (consoles->query || json_array_size(ids) == 0) {
        return;
    }
    _cleanup_free_ char *text = json_write(input);
    struct db_request request = {
        .steps =
            {{.sql = SQL_CONSOLE_ALIVE, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
        .step_count = 1,
        .deadline_ms = CONSOLE_QUERY_MS,
    };
    struct err err;
    if (db_run(consoles->db, &request, on_alive_done, consoles, &consoles->query, &err) < 0) {
        consoles->query = NULL; // the next time
    }
}

struct consoles *consoles_create(struct event_base *base, struct db *db,
                                 const struct server_config *config)
{
    static const struct timeval period = {ALIVE_S, 0};
    struct consoles *consoles = calloc(1, sizeof(*consoles));
    if (!consoles || !(consoles->reap = evtimer_new(base, on_reap, consoles)) ||
        !(consoles->turn = evtimer_new(base, on_turn, consoles)) ||
        !(consoles->alive = event_new(base, -1, EV_PERSIST, on_alive, consoles))) {
        abort();
    }
    consoles->base = base;
    consoles->db = db;
    consoles->config = config;
    consoles->pace = (struct pace){.all = CONSOLE_PACE_ALL, .one = CONSOLE_PACE_ONE};
    LIST_INIT(&consoles->list);
    evtimer_add(consoles->alive, &period);
    return consoles;
}

void consoles_set_port(struct consoles *consoles, int port)
{
    consoles->port = port;
}

int consoles_port(const struct consoles *consoles)
{
    return consoles->port;
}

int consoles_admit(const struct consoles *consoles, struct err *err)
{
    if (consoles->port == 0 || consoles->draining ||
        consoles->count >= (size_t)consoles->config->consoles.open) {
        return err_set(err, ERR_UNAVAILABLE, "There is no room for another console: try again.");
    }
    return 0;
}

size_t consoles_count(const struct consoles *consoles)
{
    return consoles->count;
}

void consoles_drain(struct consoles *consoles, void (*drained)(void *arg), void *arg)
{
    consoles->draining = true;
    consoles->drained = drained;
    consoles->drained_arg = arg;
    struct console *console;
    LIST_FOREACH (console, &consoles->list, link) {
        console_end(console, END_DRAIN);
    }
    event_active(consoles->reap, EV_TIMEOUT, 0);
}

void consoles_destroy(struct consoles *consoles)
{
    if (!consoles) {
        return;
    }
    struct console *console;
    while ((console = LIST_FIRST(&consoles->list))) {
        console_destroy(console);
    }
    if (consoles->query) {
        db_cancel(consoles->query);
    }
    event_free(consoles->alive);
    event_free(consoles->reap);
    event_free(consoles->turn);
    free(consoles);
}
