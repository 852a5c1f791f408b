// The pool of PostgreSQL connections of one worker: pipelined, statements prepared on first use per
// connection and role, a bounded queue, a deadline per query. Callbacks run from the event loop, never from
// within db_run() or db_cancel().
#pragma once

#include "err.h"
#include "sql.h"

#include <event2/event.h>
#include <stdbool.h>

struct db;
struct db_query;

enum { DB_STEPS_MAX = 4, DB_PARAMS_MAX = 10 };

// The database role a statement is planned and run under (the name of its prepared form carries it,
// because a plan under row-level security is made for one role). DB_ROLE_LOGIN is croft_server itself.
enum db_role { DB_ROLE_LOGIN, DB_ROLE_TENANT, DB_ROLE_OPERATOR, DB_ROLE_AGENT };

struct db_step {
    enum sql_id sql;
    enum db_role
        role; // the role that the steps before it have set; only names the prepared statement
    int param_count;
    const char *params[DB_PARAMS_MAX]; // text; NULL is SQL null; copied
};

// Steps are sent as one pipeline with one Sync: one implicit transaction, one round trip.
struct db_request {
    struct db_step steps[DB_STEPS_MAX];
    int step_count;
    int deadline_ms; // from now, queueing included; then the query is cancelled: ERR_TIMEOUT
    // Takes microseconds, as the read of one row does. Short ones share a connection, which saves both sides
    // wake-ups, and stand behind nothing that is not short while another connection is free.
    bool is_short;
};

struct db_rows; // result of the last step; valid during the callback only

// err is NULL on success. Otherwise rows is NULL and err says: ERR_UNAVAILABLE (no connection, queue
// full, connection lost: the transaction may or may not have been committed), ERR_TIMEOUT, what SQLSTATE CRnnn named, or
// ERR_INTERNAL. sqlstate is "" unless PostgreSQL answered.
struct db_outcome {
    const struct db_rows *rows;
    const struct db_rows *const *step_rows; // one for each step
    const struct err *err;
    char sqlstate[6];
};

typedef void db_done(const struct db_outcome *outcome, void *arg);

int db_rows_count(const struct db_rows *rows);
// NULL for SQL null. Borrowed.
const char *db_rows_get(const struct db_rows *rows, int row, const char *column);

struct db_config {
    const char *conninfo;
    int connections; // for queries; one more is made for LISTEN
    int queue_max; // waiting requests; more get ERR_UNAVAILABLE at once
};

struct db *db_create(struct event_base *base, const struct db_config *config);
// No callback comes any more; closes and frees when the loop runs next, so run it once more before exit.
void db_destroy(struct db *db);
bool db_ready(const struct db *db);
// Requests that wait for a connection, for /metrics.
int db_waiting(const struct db *db);

// *ret_query may be NULL if the caller never cancels. done is called exactly once unless cancelled. A request that has not been sent yet is
// repeated on another connection when one is lost; one that was sent never is.
int db_run(struct db *db, const struct db_request *request, db_done *done, void *arg,
           struct db_query **ret_query, struct err *err) _must_check_;

// The callback will not be called; the statement may still take effect.
void db_cancel(struct db_query *query);

// Calls back for each NOTIFY on channel, and once with payload NULL after every (re)connect of the listening
// connection: something may have been missed, look at the tables.
typedef void db_notified(const char *channel, const char *payload, void *arg);
void db_listen(struct db *db, const char *channel, db_notified *notified, void *arg);
