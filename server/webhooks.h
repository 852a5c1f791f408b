// The deliverer of one worker: takes due deliveries from the database, sends them, tells how it went. Every worker has one;
// a lease keeps them apart, and a delivery whose worker is killed is taken again when its lease ends.
#pragma once

#include "config.h"
#include "db.h"
#include "secret_box.h"

struct webhooks;

// config, db and secrets must outlive it.
struct webhooks *webhooks_start(struct event_base *base, struct db *db,
                                const struct server_config *config,
                                const struct secret_box *secrets);
// Takes no more; drained is called once when the attempts under way have been told of.
void webhooks_drain(struct webhooks *webhooks, void (*drained)(void *arg), void *arg);
void webhooks_stop(struct webhooks *webhooks); // NULL: nothing
