#include "housekeeping.h"

#include "config.h"
#include "db.h"
#include "log.h"

#include <string.h>

enum { INTERVAL_S = 5, DEADLINE_MS = 30000 };

struct housekeeping {
    struct db *db;
    struct event *timer;
    struct db_query *query; // the run that is under way
    char parameters[64];
};

static void on_done(const struct db_outcome *outcome, void *arg)
{
    struct housekeeping *housekeeping = arg;
    housekeeping->query = NULL;
    if (outcome->err) {
        log_warn("housekeeping_failed", "code=%s sqlstate=%s detail=%s",
                 err_info(outcome->err->code)->slug, outcome->sqlstate, LOGQ(outcome->err->text));
        return;
    }
    const char *reply =
        db_rows_count(outcome->rows) > 0 ? db_rows_get(outcome->rows, 0, "reply") : NULL;
    log_debug("housekeeping", "reply=%s", LOGQ(reply));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct housekeeping *housekeeping = arg;
    if (housekeeping->query || !db_ready(housekeeping->db)) {
        return;
    }
    struct db_request request = {
        .steps = {{.sql = SQL_HOUSEKEEPING,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {housekeeping->parameters}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(housekeeping->db, &request, on_done, housekeeping, &housekeeping->query, NULL) < 0) {
        housekeeping->query = NULL; // the pool is full; the next tick comes soon
    }
}

struct housekeeping *housekeeping_start(struct event_base *base, struct db *db,
                                        const struct server_config *config)
{
    struct housekeeping *housekeeping = calloc(1, sizeof(*housekeeping));
    if (!housekeeping ||
        !(housekeeping->timer = event_new(base, -1, EV_PERSIST, on_timer, housekeeping))) {
        abort();
    }
    housekeeping->db = db;
    snprintf(housekeeping->parameters, sizeof(housekeeping->parameters),
             "{\"task_deadline_s\":%lld}", (long long)config->timing.task_deadline_s);
    evtimer_add(housekeeping->timer, &(struct timeval){.tv_sec = INTERVAL_S});
    return housekeeping;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
    if (!housekeeping) {
        return;
    }
    if (housekeeping->query) {
        db_cancel(housekeeping->query);
    }
    event_free(housekeeping->timer);
    free(housekeeping);
}
