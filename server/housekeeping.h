// Every 5 s one worker of all (SQL takes an advisory lock) runs croft_housekeeping(): deadlines of
// tasks, nodes that went silent, expired tokens and keys.
#pragma once

#include <event2/event.h>

struct db;
struct server_config;
struct housekeeping;

// db must outlive it. Never two runs at once; a failed run is logged and tried again at the next tick.
struct housekeeping *housekeeping_start(struct event_base *base, struct db *db,
                                        const struct server_config *config);

// Cancels a running statement's callback and frees it. NULL is fine.
void housekeeping_stop(struct housekeeping *housekeeping);
