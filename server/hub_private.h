// What the files of the hub share; nobody else includes it.
#pragma once

#include "config.h"
#include "db.h"
#include "edge.h"
#include "hub.h"
#include "hub_link.h"
#include "limiter.h"
#include "pki.h"

#include <stdbool.h>
#include <sys/queue.h>

enum { HUB_BUCKETS = 4096 };

// A link's place in the index of the hub; part of the link.
struct hub_entry {
    LIST_ENTRY(hub_entry) entry;
    char node[PKI_NODE_ID + 1];
    struct hub_link *link;
};

LIST_HEAD(hub_entries, hub_entry);
LIST_HEAD(hub_calls, hub_call);

struct hub {
    struct event_base *base;
    struct db *db;
    const struct server_config *config;
    struct pki_ca *ca;
    SSL_CTX *tls;
    struct edge *edge;
    struct edge *console_edge; // a port that only this worker has; NULL: none
    struct consoles *consoles;
    struct hub_entries links[HUB_BUCKETS]; // by node
    size_t link_count;
    struct limiter *joins; // by network: joining costs us work before it proves anything
    struct hub_calls calls; // requests that wait for PostgreSQL
    bool draining;
    int edges_open; // while draining: of the two above
    void (*drained)(void *arg);
    void *drained_arg;
};

// hub.c: a link enters and leaves the index; and it has gone, which may end a drain.
void hub_add_link(struct hub *hub, struct hub_entry *entry);
void hub_remove_link(struct hub *hub, struct hub_entry *entry);
void hub_links_changed(struct hub *hub);
// The one that is ready or becomes it; NULL: not in this worker.
struct hub_link *hub_find_link(struct hub *hub, const char *node);
// What its listeners have in common; without an address.
void hub_edge_config(const struct hub *hub, struct edge_config *ret_config);

// hub_http.c: the handler of the listener (an edge_handler); drops what waits.
void hub_http_handle(struct edge_request *request, void *arg);
void hub_http_stop(struct hub *hub);

// One request that waits for PostgreSQL.
struct hub_call {
    LIST_ENTRY(hub_call) entry;
    struct hub *hub;
    struct edge_request *request;
    struct db_query *query;
    char node[PKI_NODE_ID + 1], serial[PKI_SERIAL_HEX + 1];
    // The last step: the caller is who it says (hub_auth passed) or the join is allowed.
    void (*then)(struct hub_call *call, const struct db_rows *rows);
    void *data;
    void (*data_free)(void *data); // when the call ends
};

// Takes the request.
struct hub_call *hub_call_new(struct hub *hub, struct edge_request *request);
// Runs the statement and then call->then; a failure answers with a problem and ends the call.
void hub_call_run(struct hub_call *call, const struct db_request *request);
// The request was answered or upgraded.
void hub_call_end(struct hub_call *call);
// Answers with the problem and ends the call.
void hub_call_fail(struct hub_call *call, const struct err *err);

// hub_join.c: POST /agent/v1/join
void hub_join(struct hub *hub, struct edge_request *request);

// hub_upgrade.c, hub_image.c, hub_console.c: the steps behind hub_auth of GET /agent/v1/link, /agent/v1/images/… and
// /agent/v1/consoles/…
int hub_upgrade_check(struct edge_request *request, struct err *err) _must_check_;
void hub_upgrade(struct hub_call *call, const struct db_rows *rows);
int hub_image_check(struct edge_request *request, struct err *err) _must_check_;
void hub_image(struct hub_call *call, const struct db_rows *rows);
int hub_console_check(struct edge_request *request, struct err *err) _must_check_;
void hub_console(struct hub_call *call, const struct db_rows *rows);
// hub_upload.c: the same of PUT /agent/v1/uploads/…
int hub_upload_check(struct edge_request *request, struct err *err) _must_check_;
void hub_upload(struct hub_call *call, const struct db_rows *rows);
