// What edge.c shares with edge_stream.c: one request until its reply.
#pragma once

#include "edge.h"
#include "edge_conn.h"
#include "edge_target.h"
#include "uuid.h"

struct edge_request {
    TAILQ_ENTRY(edge_request) link;
    struct edge *edge;
    struct edge_conn *conn; // NULL: the client left
    struct evhttp_request *http;
    struct edge_target target;
    struct edge_peer peer;
    char id[UUID_LEN + 1];
    struct event *start; // hands it over in a turn of its own
    edge_gone *gone; // of a stream
    void *gone_arg;
};

void edge_request_free(struct edge_request *request);

// The answer is written: evhttp's callback; arg: the connection.
void edge_on_written(struct evhttp_request *http, void *arg);
