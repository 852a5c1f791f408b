// One pipelined connection to PostgreSQL: connects and reconnects by itself, prepares statements on
// first use, runs queries in order. Used by db.c only. No callback is called from within
// db_conn_send() or db_conn_create().
#pragma once

#include "db_query.h"

struct db_conn;

struct db_conn_handlers {
    void (*changed)(void *arg); // it became ready, or has room again: send more
    // A query is over; its err, sqlstate and rows are filled. The query is the owner's again.
    void (*finished)(struct db_query *query, void *arg);
};

struct db_conn *db_conn_create(struct event_base *base, const char *conninfo,
                               const struct db_conn_handlers *handlers, void *arg);
void db_conn_destroy(struct db_conn *conn); // queries on it are forgotten, not finished

bool db_conn_ready(const struct db_conn *conn);
// Queries that are on it now.
int db_conn_load(const struct db_conn *conn);
// Whether all of them are short.
bool db_conn_is_quick(const struct db_conn *conn);

// Queues the query on the connection, which must be ready. A failure shows later, as finished().
void db_conn_send(struct db_conn *conn, struct db_query *query);

// Flushes what was sent.
void db_conn_flush(struct db_conn *conn);

// Asks PostgreSQL to cancel what this connection runs now, from a thread (PQcancel blocks). The
// statement that is hit may be a neighbour of the one meant; db.c repeats that one.
void db_conn_cancel_running(struct db_conn *conn);

// The query that PostgreSQL works on, NULL if none.
struct db_query *db_conn_head(const struct db_conn *conn);

// Gives the connection up; it is made anew. Its queries finish as lost, later.
void db_conn_abort(struct db_conn *conn);

// Takes the oldest query off the connection, which must not be used any more; NULL when none is left.
struct db_query *db_conn_take(struct db_conn *conn);
