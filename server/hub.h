// The agent links of this worker: a second listener (TLS 1.3, client certificates of our own CA) that
// serves join, the link itself and image downloads as docs/agent-protocol.md says. Used by worker.c;
// uses edge, db, pki and the statements hub_*, node_*, task_*, certificate_* and join_*.
#pragma once

#include "err.h"

#include <event2/event.h>
#include <stddef.h>

struct consoles;
struct db;
struct hub;
struct limits;
struct server_config;

// Opens config->agents.listen with the CA and listener certificate under config->pki_dir, and listens
// for croft_task and croft_link. config and db must outlive the hub. ERR_SYSTEM or ERR_INVALID when the
// address cannot be bound or a key file is missing (`croft-server init` makes them). socket: as edge_config's.
int hub_create(struct event_base *base, struct db *db, const struct server_config *config,
               struct limits *limits, int socket, struct hub **ret_hub,
               struct err *err) _must_check_;

// Serves the agents' side of consoles, too, on a port of its own, the first of config->agents.console_port… that is free.
// consoles must outlive the hub. ERR_SYSTEM: none is.
int hub_serve_consoles(struct hub *hub, struct consoles *consoles, struct err *err) _must_check_;

// The port bound (config may say port 0 in tests).
int hub_port(const struct hub *hub);

// Links that are open now, for /metrics.
size_t hub_link_count(const struct hub *hub);

// Stops accepting and closes every link with 1001; agents reconnect to another worker. drained is called
// once, from the loop, when the last link and request are gone.
void hub_drain(struct hub *hub, void (*drained)(void *arg), void *arg);

// Closes what is left without a word and frees the hub. db_destroy() follows with no turn of the loop
// between, since the notifications still name the hub.
void hub_destroy(struct hub *hub);
