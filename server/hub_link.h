// One agent's link, from the upgrade to its end: OPEN (waits for hello), HELLO (PostgreSQL gives the
// epoch), READY, CLOSED. It enters and leaves the hub's index by itself. Used by the hub only.
#pragma once

#include <event2/bufferevent.h>
#include <jansson.h>
#include <stdint.h>

struct hub;
struct hub_link;

// Takes bev. node and serial are of the verified certificate; they and peer are copied.
void hub_link_start(struct hub *hub, struct bufferevent *bev, const char *node, const char *serial,
                    const char *peer);

// At once, without a word to agent or database; for hub_destroy().
void hub_link_destroy(struct hub_link *link);

// The agent is to dial for a console: {console, vps, kind, host, port}. Before READY it is not told.
void hub_link_console(struct hub_link *link, json_t *order);

// There may be tasks that the agent does not have.
void hub_link_wake(struct hub_link *link);

// The node has a link of that epoch: an older one closes as `superseded`.
void hub_link_supersede(struct hub_link *link, int64_t epoch);

// The node's certificates are revoked: closes as `revoked`.
void hub_link_revoke(struct hub_link *link);

// The worker goes away: closes with 1001.
void hub_link_leave(struct hub_link *link);
