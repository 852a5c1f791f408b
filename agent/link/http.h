// One HTTPS request, its reply streamed. Runs on evhttp's client over a TLS context of ours.
#pragma once

#include "link.h"

struct http_handlers {
    // The reply's head; not called when there was none. false: the body is of no interest.
    bool (*head)(int status, struct evkeyvalq *headers, void *arg);
    void (*data)(struct evbuffer *data, void *arg); // a part of the body; drain it or not
    // The end, called once. complete: the whole reply is there.
    void (*done)(bool complete, const char *why, void *arg);
};

struct http_piece {
    const void *bytes;
    size_t size;
    const char *range; // Content-Range
    const char *sha256; // of the whole
};

struct http_request {
    const struct link_server *server;
    SSL_CTX *ctx;
    const char *path;
    const char *body; // NULL: GET; else POST of JSON
    const struct http_piece *piece; // PUT of this
    int64_t range_from; // above 0: asks for what follows
    int64_t body_max; // bytes of the reply's body
    const struct http_handlers *handlers; // outlives the request
    void *arg;
};

// Starts it; everything in request but handlers, ctx and arg is copied. `done` is not called from here.
int http_start(struct event_base *base, struct evdns_base *dns, const struct http_request *request,
               struct err *err) _must_check_;
