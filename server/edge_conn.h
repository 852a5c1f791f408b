// One client connection under evhttp: counted, capped, timed, and read along with. The raw bytes are
// checked line by line before evhttp parses them; whatever is not strict HTTP gets a problem document
// here and never reaches evhttp. Used by edge.c only.
#pragma once

#include "edge.h"
#include "edge_peer.h"

#include <event2/listener.h>
#include <stdbool.h>
#include <sys/queue.h>

struct edge_conn;
TAILQ_HEAD(edge_conn_list, edge_conn);

// The connections of one listener, counted in all and per address. Lives inside struct edge.
struct edge_conns {
    struct event_base *base;
    struct edge_config config;
    struct edge_conn_list list;
    struct edge_conn **by_fd; // index: file descriptor
    int by_fd_size;
    struct edge_peers *peers;
    int count;
    bool draining; // every answer closes its connection
    // The count changed; called from connection callbacks: must not free the edge.
    void (*changed)(void *arg);
    void *arg;
};

// evhttp_set_bevcb's callback: the bufferevent of a new connection. arg: struct edge_conns.
struct bufferevent *edge_conn_open(struct event_base *base, void *arg);

// The connection of a request; NULL if it is being refused (then the request must not be touched).
struct edge_conn *edge_conn_of(struct edge_conns *conns, struct evhttp_request *request);

const struct edge_peer *edge_conn_peer(const struct edge_conn *conn);
struct bufferevent *edge_conn_bufferevent(const struct edge_conn *conn);

// The open request of the connection (one at a time); told when the connection goes away.
void edge_conn_set_request(struct edge_conn *conn, void (*gone)(void *arg), void *arg);

// The answer was handed to evhttp; true if it must carry "Connection: close".
bool edge_conn_replying(struct edge_conn *conn);
// The answer is written: the next request may come.
void edge_conn_replied(struct edge_conn *conn);

// Closes it if no request is open. One that has carried none yet gets a second for its first: only on a
// used connection may a client take a close for "ask again".
void edge_conn_close_idle(struct edge_conn *conn);
// After evhttp_free(): what evhttp never told about.
void edge_conns_finish(struct edge_conns *conns);
struct edge_conn *edge_conn_first(const struct edge_conns *conns);
struct edge_conn *edge_conn_next(const struct edge_conn *conn);

// Takes the bufferevent out of evhttp's hands and frees the rest of the connection. Not from within an
// evhttp callback.
struct bufferevent *edge_conn_detach(struct edge_conn *conn);
