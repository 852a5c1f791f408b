// One WebSocket connection to the server being made: TLS with the node's certificate, then the upgrade. Used by the link
// process for the link itself and for consoles.
#pragma once

#include "link.h"

struct dial;

struct dial_config {
    struct event_base *base;
    struct evdns_base *dns;
    SSL_CTX *ctx;
    struct link_server server; // copied, like the two strings
    const char *path, *protocol;
};

// bev: the connection, upgraded, which is the callee's now; NULL: err says why there is none. The dial is gone.
// Called from the loop, never from within dial_start().
typedef void dial_done(struct bufferevent *bev, const struct err *err, void *arg);

struct dial *dial_start(const struct dial_config *config, dial_done *done, void *arg);
// done is not called any more. NULL: nothing.
void dial_cancel(struct dial *dial);
