// What the files of this folder share of one worker's API.
#pragma once

#include "access_token.h"
#include "api.h"
#include "config.h"
#include "limiter.h"
#include "metrics.h"
#include "request.h"
#include "revocation.h"
#include "secret_box.h"
#include "stream.h"

struct consoles;
struct panel;

struct api {
    struct event_base *base;
    struct db *db;
    const struct server_config *config;
    struct api_gauges gauges;
    struct edge *edge;
    struct access_key *access_key;
    const struct secret_box *secrets;
    struct password_pool *passwords;
    struct waits *waits;
    struct revocations *revocations;
    struct streams *streams;
    struct consoles *consoles; // the worker's
    struct limits *limits; // the worker's
    struct limiter *by_address, *by_token, *signins;
    struct metrics *metrics;
    struct request_list requests;
    int documents; // being made
    struct panel *panel; // NULL: none is served
    char *ca_sha256; // the tail of join tokens
    SSL_CTX *tls;
};

int64_t api_now_us(void); // monotonic
