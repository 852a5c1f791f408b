// evhttp made a safe edge: caps on connections (in all and per address), header and body bytes, deadlines per
// connection and request, strict framing (no Transfer-Encoding, one Content-Length, one Host, no oddities: 400
// and close), problem documents for everything, X-Request-Id. It hands over whole, checked requests.
#pragma once

#include "err.h"
#include "listener.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdbool.h>

struct edge;

struct edge_config {
    int socket; // listens already, and is the edge's from now on (listener.h); 0: it opens one
    const char *listen; // "address:port" or "[v6]:port"
    enum listener_share share;
    SSL_CTX *tls; // NULL: plain HTTP
    size_t header_max, body_max; // bytes
    size_t body_max_known; // of a client with a certificate that TLS has verified; 0: body_max
    int connections_max, connections_per_address_max;
    int idle_s; // keep-alive without a request
    int request_s; // from the first byte of a request to its last
};

struct edge_request; // one request until its reply

typedef void edge_handler(struct edge_request *request, void *arg);

// Port 0 picks one (tests): edge_port().
int edge_create(struct event_base *base, const struct edge_config *config, edge_handler *handler,
                void *arg, struct edge **ret_edge, struct err *err) _must_check_;
int edge_port(const struct edge *edge);
// Stops accepting; open requests go on, idle connections are closed. drained is called when none is left.
void edge_drain(struct edge *edge, void (*drained)(void *arg), void *arg);
void edge_destroy(struct edge *edge);

// The request. All strings are borrowed and live until the reply.
enum evhttp_cmd_type edge_method(const struct edge_request *request);
const char *edge_path(const struct edge_request *request); // decoded once, no query, no NUL
const char *edge_query(const struct edge_request *request,
                       const char *name); // decoded; NULL if absent
// Every query parameter: names[i], values[i]; returns the count (at most 32; more was refused with 400).
int edge_query_all(const struct edge_request *request, const char ***names, const char ***values);
const char *edge_header(const struct edge_request *request, const char *name);
const char *edge_body(const struct edge_request *request, size_t *ret_len);
const char *edge_peer(const struct edge_request *request); // numeric address without port
// What limits count by: an IPv4 address, or the /64 of an IPv6 one.
const char *edge_network(const struct edge_request *request);
const char *edge_id(const struct edge_request *request); // the request id (UUID)
SSL *edge_ssl(const struct edge_request *request); // NULL without TLS

// Answers: exactly one of these, once; the request is gone afterwards. Late answers to a client that left are safe.
void edge_add_header(struct edge_request *request, const char *name, const char *value);
void edge_reply(struct edge_request *request, int status, const char *content_type,
                const char *body, size_t len);
// As edge_reply, without a copy: body must outlive the edge.
void edge_reply_borrowed(struct edge_request *request, int status, const char *content_type,
                         const void *body, size_t len);
// Sends len bytes of an open file from offset (owns and closes fd) without holding it in memory.
void edge_reply_file(struct edge_request *request, int status, int fd, size_t offset, size_t len);
void edge_reply_problem(struct edge_request *request, const struct err *err);
// An answer that goes on, piece by piece: 200 and the headers added so far. False: the client left, end it. gone is called once if the
// client leaves, or takes nothing for half a minute though there is something; it must not end the stream in that turn.
typedef void edge_gone(void *arg);
bool edge_stream_begin(struct edge_request *request, const char *content_type, edge_gone *gone,
                       void *arg) _must_check_;
void edge_stream_send(struct edge_request *request, const char *text, size_t len);
// Bytes that were sent and that the client has not taken.
size_t edge_stream_waiting(const struct edge_request *request);
void edge_stream_forget(struct edge_request *request); // gone is not called any more
void edge_stream_end(struct edge_request *request);
// Answers 101 with the headers added so far and hands over the connection's bufferevent.
struct bufferevent *edge_upgrade(struct edge_request *request);
