// LISTEN on a connection of its own. Used by db.c.
#pragma once

#include "db.h"

struct db_listener;

struct db_listener *db_listener_create(struct event_base *base, const char *conninfo);
void db_listener_destroy(struct db_listener *listener);
void db_listener_add(struct db_listener *listener, const char *channel, db_notified *notified,
                     void *arg);

// Nobody is called back from now on.
void db_listener_silence(struct db_listener *listener);
