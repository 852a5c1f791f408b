// Connecting without blocking: PQconnectStart and PQconnectPoll on the event loop, with back-off.
// Shared by db_conn.c (pipelines) and db_listen.c (LISTEN).
#pragma once

#include "err.h"

#include <event2/event.h>
#include <libpq-fe.h>
#include <stdbool.h>

struct db_link;

struct db_link_handlers {
    void (*up)(void *arg); // connected, non-blocking mode is on
    void (*readable)(void *arg); // input may be there; db_link_lost() if it is not usable
    void (*down)(void *arg); // the connection is gone; another attempt is scheduled
};

struct db_link *db_link_create(struct event_base *base, const char *conninfo,
                               const struct db_link_handlers *handlers, void *arg);
void db_link_destroy(struct db_link *link);

// NULL unless up.
PGconn *db_link_pg(const struct db_link *link);
bool db_link_up(const struct db_link *link);

// Writes what libpq holds; arms the write event while there is more.
void db_link_flush(struct db_link *link);

// Ends the connection at the end of the loop turn: down() follows, never from within this call.
void db_link_lost(struct db_link *link);
