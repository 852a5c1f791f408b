// Consoles of one worker: a client's WebSocket joined to one that the vps's agent dials to this worker. Bytes pass through,
// no faster than either side takes them and no faster than a bound; nothing of them is looked at, logged or kept. Made by
// worker.c, fed by api/steps_console.c (clients) and hub_console.c (agents).
#pragma once

#include "revocation.h"

#include <event2/bufferevent.h>

#define CONSOLE_PROTOCOL "croft.console.v1"

struct server_config;
struct consoles;
struct console;

struct consoles *consoles_create(struct event_base *base, struct db *db,
                                 const struct server_config *config);
// The port that agents dial for this worker's consoles.
void consoles_set_port(struct consoles *consoles, int port);
int consoles_port(const struct consoles *consoles); // 0: there is none
// ERR_UNAVAILABLE: too many are open, or the worker goes away.
int consoles_admit(const struct consoles *consoles, struct err *err) _must_check_;
size_t consoles_count(const struct consoles *consoles);
// Closes all with 1001. drained is called once, from the loop, when the last has gone and is in the audit log.
void consoles_drain(struct consoles *consoles, void (*drained)(void *arg), void *arg);
// Cuts what is left without a word.
void consoles_destroy(struct consoles *consoles);

struct console_start {
    const char *id, *node, *vps; // copied
    struct revocations *revocations;
    struct revocation_who who;
    int64_t since_ms; // revocation_watch()
};

// The ticket was used up. Takes the client's connection; without one (NULL: it left) only the end is recorded.
void console_start(struct consoles *consoles, const struct console_start *start,
                   struct bufferevent *client);

// Those whose bytes go through this node, which may serve no more.
void consoles_cut_node(struct consoles *consoles, const char *node);

// The one that waits for its agent; NULL: there is no such one of that node.
struct console *consoles_find(struct consoles *consoles, const char *id, const char *node);

// Its agent has dialled. Takes the connection.
void console_attach(struct console *console, struct bufferevent *agent);
