#include "db.h"

#include "db_conn.h"
#include "db_listen.h"
#include "log.h"
#include "macro.h"

#include <assert.h>
#include <string.h>

// More on one connection would only wait behind each other there; a worker's pool has a few of them.
enum { LOAD_MAX = 16, SHORT_MAX = 12, CANCEL_GRACE_S = 5 };

struct db {
    struct event_base *base;
    struct db_conn **conns;
    int conn_count;
    struct db_listener *listener;
    struct db_query_list waiting;
    int waiting_count, waiting_max;
    struct event *pump; // sends what waits, outside of any caller
    bool destroyed;
};

static void query_free(struct db_query *query)
{
    for (int i = 0; i < query->request.step_count; i++) {
        PQclear(query->rows[i].result);
    }
    if (query->deadline) {
        event_free(query->deadline);
    }
    free(query->text);
    free(query);
}

// ---- Ending a query

static void call_back(struct db_query *query)
{
    const struct db_rows *step_rows[DB_STEPS_MAX] = {0};
    struct db_outcome outcome = {.err = query->err.code == ERR_OK ? NULL : &query->err};
    if (!outcome.err) {
        for (int i = 0; i < query->request.step_count; i++) {
            step_rows[i] = &query->rows[i];
        }
        outcome.rows = step_rows[query->request.step_count - 1];
        outcome.step_rows = step_rows;
    }
    memcpy(outcome.sqlstate, query->sqlstate, sizeof(outcome.sqlstate));
    db_done *done = STEAL(query->done);
    if (done && !query->db->destroyed) {
        done(&outcome, query->arg);
    }
}

static void finish(struct db_query *query)
{
    query->state = DB_QUERY_FINISHED;
    call_back(query);
    query_free(query);
}

// Rolled back for a reason that is not the request's: a cancel meant for its neighbour, a statement
// whose Prepare was skipped because the query that carried it failed, a deadlock.
static bool may_repeat(const struct db_query *query)
{
    static const char *const reasons[] = {"57014", "26000", "40P01", "40001"};
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (strcmp(query->sqlstate, reasons[i]) == 0) {
            return query->done && !query->timed_out && !query->repeated;
        }
    }
    return false;
}

static void repeat(struct db_query *query)
{
    struct db *db = query->db;
    query->repeated = true;
    query->err = (struct err){0};
    query->sqlstate[0] = '\0';
    for (int i = 0; i < query->request.step_count; i++) {
        PQclear(STEAL(query->rows[i].result));
    }
    query->state = DB_QUERY_WAITING;
    TAILQ_INSERT_HEAD(&db->waiting, query, link);
    db->waiting_count++;
    event_active(db->pump, EV_TIMEOUT, 0);
}

static void on_finished(struct db_query *query, void *arg)
{
    if (may_repeat(query)) {
        repeat(query);
    } else {
        finish(query);
    }
}

// ---- Sending

static struct db_conn *least_loaded(const struct db *db)
{
    struct db_conn *best = NULL;
    for (int i = 0; i < db->conn_count; i++) {
        struct db_conn *conn = db->conns[i];
        if (db_conn_ready(conn) && db_conn_load(conn) < LOAD_MAX &&
            (!best || db_conn_load(conn) < db_conn_load(best))) {
            best = conn;
        }
    }
    return best;
}

// Short ones together, as long as none of them waits for long.
static struct db_conn *most_loaded_quick(const struct db *db)
{
    struct db_conn *best = NULL;
    for (int i = 0; i < db->conn_count; i++) {
        struct db_conn *conn = db->conns[i];
        if (db_conn_ready(conn) && db_conn_is_quick(conn) && db_conn_load(conn) < SHORT_MAX &&
            (!best || db_conn_load(conn) > db_conn_load(best))) {
            best = conn;
        }
    }
    return best;
}

static struct db_conn *choose(const struct db *db, const struct db_query *query)
{
    struct db_conn *conn = query->request.is_short ? most_loaded_quick(db) : NULL;
    return conn ? conn : least_loaded(db);
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    struct db *db = arg;
    struct db_query *query;
    while ((query = TAILQ_FIRST(&db->waiting))) {
        struct db_conn *conn = choose(db, query);
        if (!conn) {
            break;
        }
        TAILQ_REMOVE(&db->waiting, query, link);
        db->waiting_count--;
        db_conn_send(conn, query);
    }
    for (int i = 0; i < db->conn_count; i++) {
        db_conn_flush(db->conns[i]);
        struct db_query *head = db_conn_head(db->conns[i]);
        if (head && head->timed_out) {
            db_conn_cancel_running(db->conns[i]);
        }
    }
}

static void on_changed(void *arg)
{
    struct db *db = arg;
    event_active(db->pump, EV_TIMEOUT, 0);
}

// ---- Deadlines

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct db_query *query = arg;
    struct db *db = query->db;
    if (query->state == DB_QUERY_WAITING) {
        TAILQ_REMOVE(&db->waiting, query, link);
        db->waiting_count--;
        err_set(&query->err, ERR_UNAVAILABLE, "the database did not answer in time");
        finish(query);
        return;
    }
    bool is_head = db_conn_head(query->conn) == query;
    if (query->timed_out && is_head) {
        db_conn_abort(query->conn); // not even the cancel was heard
        return;
    }
    // The answer is given now; the query itself stays on its connection until PostgreSQL is done.
    static const struct timeval grace = {CANCEL_GRACE_S, 0};
    evtimer_add(query->deadline, &grace);
    if (is_head) {
        db_conn_cancel_running(query->conn);
    }
    if (!query->timed_out) {
        query->timed_out = true;
        err_set(&query->err, ERR_TIMEOUT, "the database took too long");
        call_back(query);
    }
}

// ---- Public

// Copies the parameters behind each other into one block.
static void copy_request(struct db_query *query, const struct db_request *request)
{
    query->request = *request;
    size_t total = 1;
    for (int i = 0; i < request->step_count; i++) {
        for (int k = 0; k < request->steps[i].param_count; k++) {
            const char *param = request->steps[i].params[k];
            total += param ? strlen(param) + 1 : 0;
        }
    }
    char *at = query->text = malloc(total);
    for (int i = 0; i < request->step_count; i++) {
        for (int k = 0; k < request->steps[i].param_count; k++) {
            const char *param = request->steps[i].params[k];
            if (param) {
                query->request.steps[i].params[k] = at;
                at = stpcpy(at, param) + 1;
            }
        }
    }
}

int db_run(struct db *db, const struct db_request *request, db_done *done, void *arg,
           struct db_query **ret_query, struct err *err)
{
    assert(request->step_count > 0 && request->step_count <= DB_STEPS_MAX);
    if (db->waiting_count >= db->waiting_max) {
        return err_set(err, ERR_UNAVAILABLE, "too many requests are waiting for the database");
    }
    struct db_query *query = calloc(1, sizeof(*query));
    query->db = db;
    query->done = done;
    query->arg = arg;
    query->state = DB_QUERY_WAITING;
    copy_request(query, request);
    struct timeval tv = {request->deadline_ms / 1000, (request->deadline_ms % 1000) * 1000};
    query->deadline = evtimer_new(db->base, on_deadline, query);
    evtimer_add(query->deadline, &tv);
    TAILQ_INSERT_TAIL(&db->waiting, query, link);
    db->waiting_count++;
    event_active(db->pump, EV_TIMEOUT, 0);
    if (ret_query) {
        *ret_query = query;
    }
    return 0;
}

void db_cancel(struct db_query *query)
{
    query->done = NULL;
    if (query->state == DB_QUERY_WAITING) {
        TAILQ_REMOVE(&query->db->waiting, query, link);
        query->db->waiting_count--;
        query_free(query);
    }
}

struct db *db_create(struct event_base *base, const struct db_config *config)
{
    static const struct db_conn_handlers handlers = {on_changed, on_finished};
    struct db *db = calloc(1, sizeof(*db));
    db->base = base;
    db->waiting_max = config->queue_max;
    TAILQ_INIT(&db->waiting);
    db->pump = event_new(base, -1, 0, on_pump, db);
    db->conn_count = config->connections;
    db->conns = calloc((size_t)db->conn_count, sizeof(struct db_conn *));
    for (int i = 0; i < db->conn_count; i++) {
        db->conns[i] = db_conn_create(base, config->conninfo, &handlers, db);
    }
    db->listener = db_listener_create(base, config->conninfo);
    return db;
}

static void reap(evutil_socket_t fd, short what, void *arg)
{
    struct db *db = arg;
    for (int i = 0; i < db->conn_count; i++) {
        struct db_query *query;
        while ((query = db_conn_take(db->conns[i]))) {
            query_free(query);
        }
        db_conn_destroy(db->conns[i]);
    }
    struct db_query *query;
    while ((query = TAILQ_FIRST(&db->waiting))) {
        TAILQ_REMOVE(&db->waiting, query, link);
        query_free(query);
    }
    db_listener_destroy(db->listener);
    event_free(db->pump);
    free(db->conns);
    free(db);
}

// Nobody is called back any more; memory goes when the loop turn ends, since this may be a callback.
void db_destroy(struct db *db)
{
    if (!db || db->destroyed) {
        return;
    }
    db->destroyed = true;
    static const struct timeval now = {0, 0};
    db_listener_silence(db->listener);
    event_base_once(db->base, -1, EV_TIMEOUT, reap, db, &now);
}

bool db_ready(const struct db *db)
{
    for (int i = 0; i < db->conn_count; i++) {
        if (db_conn_ready(db->conns[i])) {
            return true;
        }
    }
    return false;
}

int db_waiting(const struct db *db)
{
    return db->waiting_count;
}

void db_listen(struct db *db, const char *channel, db_notified *notified, void *arg)
{
    db_listener_add(db->listener, channel, notified, arg);
}

int db_rows_count(const struct db_rows *rows)
{
    return rows ? PQntuples(rows->result) : 0;
}

const char *db_rows_get(const struct db_rows *rows, int row, const char *column)
{
    int n = PQfnumber(rows->result, column);
    if (n < 0 || row < 0 || row >= PQntuples(rows->result) || PQgetisnull(rows->result, row, n)) {
        return NULL;
    }
    return PQgetvalue(rows->result, row, n);
}
