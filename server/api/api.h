// The API listener of a worker: edge, routes, steps. Used by worker.c.
#pragma once

#include "err.h"

#include <event2/event.h>
#include <stddef.h>

struct api;
struct consoles;
struct db;
struct limits;
struct server_config;

// The numbers of other parts that /metrics shows.
struct api_gauges {
    size_t (*links)(void *arg); // open agent links; NULL: none
    void *arg;
};

// Of the worker, which keeps them.
struct api_parts {
    int socket; // as edge_config's
    struct limits *limits;
    const struct secret_box *secrets;
    struct consoles *consoles; // whose watches end before
    struct api_gauges gauges;
};

// config, db and the parts must outlive it. Reads pki_dir/jwt.key: ERR_NOT_FOUND or ERR_INVALID if it is no P-256 key.
int api_create(struct event_base *base, struct db *db, const struct server_config *config,
               const struct api_parts *parts, struct api **ret_api, struct err *err) _must_check_;
int api_port(const struct api *api);

// Stops accepting, ends long-polls; drained is called once, when the last request is answered.
void api_drain(struct api *api, void (*drained)(void *arg), void *arg);

// What is still open is dropped. Before db_destroy().
void api_destroy(struct api *api);
