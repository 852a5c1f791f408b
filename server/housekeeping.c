#include "housekeeping.h"

#include "config.h"
#include "db.h"
#include "json.h"
#include "log.h"
#include "macro.h"

#include <string.h>

// A step that takes in whole accounts ends by itself after ten seconds (croft_chore_time()), but for one account that takes longer.
enum { INTERVAL_S = 5, DEADLINE_MS = 30000, ACCOUNT_MS = 600000 };

// One after another, each in a transaction of its own (migrations/functions/80-housekeeping.sql, 33-lifecycle.sql,
// 82-month-ends.sql).
static const struct chore {
    enum sql_id sql;
    const char *step;
    enum billing_mode needs; // below it there is nothing to do
    int deadline_ms; // 0: DEADLINE_MS
} chores[] = {
    {SQL_HOUSEKEEPING, "offline"},
    {SQL_HOUSEKEEPING, "alarms"},
    {SQL_HOUSEKEEPING, "overdue"},
    {SQL_HOUSEKEEPING, "retry"},
    {SQL_HOUSEKEEPING, "delete"},
    {SQL_HOUSEKEEPING, "snapshots"},
    {SQL_HOUSEKEEPING, "schedules"},
    {SQL_HOUSEKEEPING, "series"},
    {SQL_HOUSEKEEPING, "expire"},
    {SQL_TENANT_CHORES, "tenants"},
    {SQL_EXPORT_CHORES, "charges", BILLING_EXPORT, ACCOUNT_MS},
    {SQL_TRAFFIC_CHORES, "traffic", .deadline_ms = ACCOUNT_MS},
    {SQL_TRAFFIC_CHORES, "traffic_apply"},
    {SQL_BILLING_CHORES, "credits", BILLING_FULL},
    {SQL_BILLING_CHORES, "prepaid", BILLING_FULL, ACCOUNT_MS},
    {SQL_BILLING_CHORES, "month_ends", BILLING_FULL, ACCOUNT_MS},
    {SQL_BILLING_CHORES, "reminders", BILLING_FULL},
    {SQL_BILLING_CHORES, "overdue_accounts", BILLING_FULL},
};

struct housekeeping {
    struct db *db;
    struct event *timer;
    struct db_query *query; // the run that is under way
    size_t chore; // the one of chores that it is
    int64_t task_deadline_s;
    int64_t throttle_bps;
    enum billing_mode mode;
    const char *mode_name;
};

static void run_chore(struct housekeeping *housekeeping, size_t chore);

// A chore that did as much as it may at once says "more".
static bool has_more(const char *reply)
{
    _cleanup_json_ json_t *object = NULL;
    return reply && json_read(reply, strlen(reply), JSON_DEPTH_MAX, &object, NULL) == 0 &&
           json_is_true(json_object_get(object, "more"));
}

static void on_done(const struct db_outcome *outcome, void *arg)
{
    struct housekeeping *housekeeping = arg;
    const char *name = chores[housekeeping->chore].step;
    housekeeping->query = NULL;
    if (outcome->err) {
        log_warn("housekeeping_failed", "chore=%s code=%s sqlstate=%s detail=%s", name,
                 err_info(outcome->err->code)->slug, outcome->sqlstate, LOGQ(outcome->err->text));
        run_chore(housekeeping, housekeeping->chore + 1);
        return;
    }
    const char *reply =
        db_rows_count(outcome->rows) > 0 ? db_rows_get(outcome->rows, 0, "reply") : NULL;
    log_debug("housekeeping", "chore=%s reply=%s", name, LOGQ(reply));
    run_chore(housekeeping, has_more(reply) ? housekeeping->chore : housekeeping->chore + 1);
}

static void run_chore(struct housekeeping *housekeeping, size_t chore)
{
    while (chore < ARRAY_LEN(chores) && chores[chore].needs > housekeeping->mode) {
        chore++;
    }
    if (chore >= ARRAY_LEN(chores)) {
        return;
    }
    housekeeping->chore = chore;
    char parameters[160];
    snprintf(parameters, sizeof(parameters),
             "{\"step\":\"%s\",\"task_deadline_s\":%lld,\"throttle_bps\":%lld,"
             "\"billing_mode\":\"%s\"}",
             chores[chore].step, (long long)housekeeping->task_deadline_s,
             (long long)housekeeping->throttle_bps, housekeeping->mode_name);
    struct db_request request = {
        .steps = {{.sql = chores[chore].sql,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {parameters}}},
        .step_count = 1,
        .deadline_ms = chores[chore].deadline_ms ? chores[chore].deadline_ms : DEADLINE_MS,
    };
    if (db_run(housekeeping->db, &request, on_done, housekeeping, &housekeeping->query, NULL) < 0) {
        housekeeping->query = NULL; // the pool is full; the next tick comes soon
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct housekeeping *housekeeping = arg;
    if (!housekeeping->query && db_ready(housekeeping->db)) {
        run_chore(housekeeping, 0);
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
    housekeeping->task_deadline_s = config->timing.task_deadline_s;
    housekeeping->throttle_bps = config->billing.throttle_bps;
    housekeeping->mode = server_config_billing(config);
    housekeeping->mode_name = config->billing.mode;
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
