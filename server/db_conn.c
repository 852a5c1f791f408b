#include "db_conn.h"

#include "db_link.h"
#include "log.h"
#include "macro.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { ROLE_COUNT = DB_ROLE_AGENT + 1, STATEMENT_NAME_MAX = 80 };

struct cancel_job {
    atomic_int owners; // the connection and the thread; the last one frees
    atomic_bool finished;
    PGcancel *cancel;
};

struct db_conn {
    struct db_link *link;
    struct db_conn_handlers handlers;
    void *arg;
    struct db_query_list line; // sent, oldest first
    int load;
    int heavy; // of the load, what is not short
    int step; // of the oldest query: the step that the next result belongs to
    bool preparing; // the next result is that of the step's Prepare
    bool prepared[ROLE_COUNT][SQL_COUNT]; // or at least asked for
    struct cancel_job *cancel_job;
};

static void statement_name(const struct db_step *step, char out[STATEMENT_NAME_MAX])
{
    static const char roles[ROLE_COUNT] = {'l', 't', 'o', 'a'};
    snprintf(out, STATEMENT_NAME_MAX, "%c_%.70s", roles[step->role], sql_texts[step->sql].name);
}

static bool *prepared_flag(struct db_conn *conn, const struct db_step *step)
{
    return &conn->prepared[step->role][step->sql];
}

// ---- Sending

static int send_step(struct db_conn *conn, struct db_query *query, int i)
{
    PGconn *pg = db_link_pg(conn->link);
    const struct db_step *step = &query->request.steps[i];
    char name[STATEMENT_NAME_MAX];
    statement_name(step, name);
    bool *prepared = prepared_flag(conn, step);
    if (!*prepared) {
        // Behind the steps before it, so that names resolve with the rights of the role they set.
        if (!PQsendPrepare(pg, name, sql_texts[step->sql].text, 0, NULL)) {
            return -1;
        }
        *prepared = true;
        query->prepares |= 1u << i;
    }
    if (!PQsendQueryPrepared(pg, name, step->param_count, step->params, NULL, NULL, 0)) {
        return -1;
    }
    return 0;
}

static void expect_step(struct db_conn *conn, int step)
{
    const struct db_query *query = TAILQ_FIRST(&conn->line);
    conn->step = step;
    conn->preparing = query && (query->prepares & 1u << step);
}

void db_conn_send(struct db_conn *conn, struct db_query *query)
{
    query->state = DB_QUERY_SENT;
    query->conn = conn;
    query->prepares = 0;
    bool ok = true;
    for (int i = 0; ok && i < query->request.step_count; i++) {
        ok = send_step(conn, query, i) == 0;
    }
    ok = ok && PQpipelineSync(db_link_pg(conn->link));
    TAILQ_INSERT_TAIL(&conn->line, query, link);
    conn->heavy += !query->request.is_short;
    if (conn->load++ == 0) {
        expect_step(conn, 0);
    }
    if (!ok) {
        db_link_lost(conn->link);
    }
}

void db_conn_flush(struct db_conn *conn)
{
    db_link_flush(conn->link);
}

// ---- Results

static void lose_query(struct db_query *query)
{
    snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", "");
    err_set(&query->err, ERR_UNAVAILABLE, "the connection to the database was lost");
}

static void finish_head(struct db_conn *conn)
{
    struct db_query *query = TAILQ_FIRST(&conn->line);
    TAILQ_REMOVE(&conn->line, query, link);
    conn->load--;
    conn->heavy -= !query->request.is_short;
    query->conn = NULL;
    expect_step(conn, 0);
    conn->handlers.finished(query, conn->arg);
}

// SQLSTATE CRnnn, raised by our own functions: the message is for a person, the detail is our slug,
// the hint a JSON pointer.
static void take_raised(const PGresult *result, const char *sqlstate, struct err *err)
{
    static const struct {
        const char *status;
        enum err_code code;
    } by_status[] = {
        {"400", ERR_MALFORMED},    {"401", ERR_UNAUTHENTICATED},
        {"403", ERR_FORBIDDEN},    {"404", ERR_NOT_FOUND},
        {"409", ERR_CONFLICT},     {"412", ERR_PRECONDITION_FAILED},
        {"422", ERR_INVALID},      {"428", ERR_PRECONDITION_REQUIRED},
        {"429", ERR_RATE_LIMITED}, {"503", ERR_UNAVAILABLE},
        {"504", ERR_TIMEOUT},
    };
    const char *slug = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *pointer = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    enum err_code code = err_code_from_slug(slug);
    for (size_t i = 0; code == ERR_INTERNAL && i < ARRAY_LEN(by_status); i++) {
        if (strcmp(sqlstate + 2, by_status[i].status) == 0) {
            code = by_status[i].code;
        }
    }
    err_at(err, code, pointer ? pointer : "", "%s", text ? text : "");
    const char *type = PQresultErrorField(result, PG_DIAG_TABLE_NAME);
    const char *id = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
    if (type && id) { // croft_raise_existing()
        snprintf(err->existing, sizeof(err->existing), "%s/%s", type, id);
    }
}

// Classes of SQLSTATE that say "not now": connection, resources, shutdown, lock not available.
static bool is_away(const char *sqlstate)
{
    return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "53", 2) == 0 ||
           strncmp(sqlstate, "57P", 3) == 0 || strcmp(sqlstate, "55P03") == 0;
}

static void take_error(struct db_query *query, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (!sqlstate) {
        lose_query(query); // libpq's own: the connection broke under it
        return;
    }
    snprintf(query->sqlstate, sizeof(query->sqlstate), "%s", sqlstate);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (strncmp(sqlstate, "CR", 2) == 0) {
        take_raised(result, sqlstate, &query->err);
    } else if (is_away(sqlstate)) {
        err_set(&query->err, ERR_UNAVAILABLE, "the database is not available: %s", text);
    } else {
        err_set(&query->err, ERR_INTERNAL, "%s", text ? text : "");
    }
}

// Takes over result.
static void take_result(struct db_conn *conn, struct db_query *query, PGresult *result)
{
    const struct db_step *step = &query->request.steps[conn->step];
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        if (!conn->preparing) {
            PQclear(query->rows[conn->step].result);
            query->rows[conn->step].result = result;
            return;
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        if (conn->preparing) {
            *prepared_flag(conn, step) = false;
        }
        break;
    default:
        if (conn->preparing) {
            *prepared_flag(conn, step) = false;
        }
        if (query->err.code == ERR_OK) {
            take_error(query, result);
        }
    }
    PQclear(result);
}

static void next_expected(struct db_conn *conn)
{
    if (conn->preparing) {
        conn->preparing = false;
    } else {
        expect_step(conn, conn->step + 1);
    }
}

// One result that libpq has whole; a command's results end with a NULL.
static void on_result(struct db_conn *conn, PGresult *result)
{
    struct db_query *query = TAILQ_FIRST(&conn->line);
    if (!result) {
        next_expected(conn);
    } else if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        finish_head(conn);
    } else if (conn->step < query->request.step_count) {
        take_result(conn, query, result);
    } else {
        PQclear(result);
        db_link_lost(conn->link); // out of step with the server: nothing on it can be trusted
    }
}

static void on_readable(void *arg)
{
    struct db_conn *conn = arg;
    PGconn *pg = db_link_pg(conn->link);
    if (!PQconsumeInput(pg)) {
        db_link_lost(conn->link);
        return;
    }
    bool finished_some = false;
    while (!TAILQ_EMPTY(&conn->line) && !PQisBusy(pg)) {
        PGresult *result = PQgetResult(pg);
        if (PQstatus(pg) == CONNECTION_BAD) {
            if (result) {
                take_result(conn, TAILQ_FIRST(&conn->line), result);
            }
            db_link_lost(conn->link);
            return;
        }
        finished_some |= PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        on_result(conn, result);
    }
    if (finished_some) {
        conn->handlers.changed(conn->arg);
    }
}

static void on_up(void *arg)
{
    struct db_conn *conn = arg;
    memset(conn->prepared, 0, sizeof(conn->prepared));
    if (!PQenterPipelineMode(db_link_pg(conn->link))) {
        db_link_lost(conn->link);
        return;
    }
    conn->handlers.changed(conn->arg);
}

static void on_down(void *arg)
{
    struct db_conn *conn = arg;
    while (!TAILQ_EMPTY(&conn->line)) {
        lose_query(TAILQ_FIRST(&conn->line));
        finish_head(conn);
    }
}

// ---- Cancelling

static void cancel_job_drop(struct cancel_job *job)
{
    if (job && atomic_fetch_sub(&job->owners, 1) == 1) {
        PQfreeCancel(job->cancel);
        free(job);
    }
}

static void *cancel_thread(void *arg)
{
    struct cancel_job *job = arg;
    char text[256];
    PQcancel(job->cancel, text, sizeof(text)); // failing is no news: the query ends by itself
    atomic_store(&job->finished, true);
    cancel_job_drop(job);
    return NULL;
}

void db_conn_cancel_running(struct db_conn *conn)
{
    if (!db_link_up(conn->link) ||
        (conn->cancel_job && !atomic_load(&conn->cancel_job->finished))) {
        return;
    }
    cancel_job_drop(STEAL(conn->cancel_job));
    PGcancel *cancel = PQgetCancel(db_link_pg(conn->link));
    if (!cancel) {
        return;
    }
    struct cancel_job *job = calloc(1, sizeof(*job));
    job->cancel = cancel;
    atomic_init(&job->owners, 2);
    pthread_t thread;
    if (pthread_create(&thread, NULL, cancel_thread, job) != 0) {
        atomic_store(&job->owners, 1);
        cancel_job_drop(job);
        return;
    }
    pthread_detach(thread);
    conn->cancel_job = job;
}

// ---- Life

struct db_conn *db_conn_create(struct event_base *base, const char *conninfo,
                               const struct db_conn_handlers *handlers, void *arg)
{
    static const struct db_link_handlers link_handlers = {on_up, on_readable, on_down};
    struct db_conn *conn = calloc(1, sizeof(*conn));
    TAILQ_INIT(&conn->line);
    conn->handlers = *handlers;
    conn->arg = arg;
    conn->link = db_link_create(base, conninfo, &link_handlers, conn);
    return conn;
}

void db_conn_destroy(struct db_conn *conn)
{
    db_link_destroy(conn->link);
    cancel_job_drop(conn->cancel_job);
    free(conn);
}

bool db_conn_ready(const struct db_conn *conn)
{
    return db_link_up(conn->link);
}

int db_conn_load(const struct db_conn *conn)
{
    return conn->load;
}

bool db_conn_is_quick(const struct db_conn *conn)
{
    return conn->heavy == 0;
}

struct db_query *db_conn_head(const struct db_conn *conn)
{
    return TAILQ_FIRST(&conn->line);
}

void db_conn_abort(struct db_conn *conn)
{
    db_link_lost(conn->link);
}

struct db_query *db_conn_take(struct db_conn *conn)
{
    struct db_query *query = TAILQ_FIRST(&conn->line);
    if (query) {
        TAILQ_REMOVE(&conn->line, query, link);
        conn->load--;
        conn->heavy -= !query->request.is_short;
    }
    return query;
}
