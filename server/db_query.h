// One query of the pool: the copied request, where it is, and what came back. Used by db.c (which
// owns it) and db_conn.c (which runs it).
#pragma once

#include "db.h"

#include <libpq-fe.h>
#include <sys/queue.h>

struct db_rows {
    PGresult *result;
};

enum db_query_state {
    DB_QUERY_WAITING, // in the pool's queue
    DB_QUERY_SENT, // on a connection, in order
    DB_QUERY_FINISHED, // its callback runs or has run
};

struct db_query {
    TAILQ_ENTRY(db_query) link; // the pool's queue, or the connection's line
    struct db *db;
    struct db_conn *conn; // while sent
    enum db_query_state state;
    struct db_request request; // params point into text
    char *text;
    db_done *done; // NULL: nobody waits for it any more
    void *arg;
    struct event *deadline;
    bool timed_out;
    bool repeated; // was rolled back for a reason of ours and sent again, which happens once
    unsigned prepares; // bit i: step i carries a Prepare, on this connection
    struct db_rows rows[DB_STEPS_MAX];
    struct err err;
    char sqlstate[6];
};

TAILQ_HEAD(db_query_list, db_query);
