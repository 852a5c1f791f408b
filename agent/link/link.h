// The link process: unprivileged, the only one on the network. It passes messages on and understands
// few of them. This header is for the link_*.c files; main.c needs link_main() and link_join().
#pragma once

#include "config.h"
#include "frame.h"
#include "ws.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdbool.h>

enum { LINK_PATH_MAX = 256, LINK_HOST_MAX = 256 };

struct link_server {
    char host[LINK_HOST_MAX];
    uint16_t port;
};

struct dial;
struct link_consoles;

struct link {
    const struct agent_config *config;
    struct event_base *base;
    struct evdns_base *dns;
    struct frame_channel *broker;
    struct link_server server;
    SSL_CTX *ctx;
    struct dial *dial; // while connecting and upgrading
    struct ws *ws; // while connected
    struct link_consoles *consoles;
    int handover;
    struct event *reconnect, *renew;
    int64_t pause_ms; // upper bound of the next pause
    int64_t up_since_ms;
    int64_t epoch;
    char *new_key; // PEM, while a certificate is asked for
};

// Runs until the broker is gone or SIGTERM. broker_fd: the socket to it. handover: where terminals come from
// (handover.h). Returns the exit status.
int link_main(const struct agent_config *config, int broker_fd, int handover);

// Enrols this node: the token's CA is the only thing that is trusted. server: host:port. Files go to
// pki/ and belong to link_user. A repetition after a lost reply uses the same key again.
int link_join(const struct agent_config *config, const char *server, const char *token,
              struct err *err) _must_check_;

// "host:port" or "[v6]:port".
int link_server_parse(const char *text, struct link_server *ret_server,
                      struct err *err) _must_check_;

// A resolver that also works on a host without any.
struct evdns_base *link_dns_create(struct event_base *base);

// A TLS client connection that is not connected yet; names the server (SNI) unless it is an address.
struct bufferevent *link_bufferevent(struct event_base *base, SSL_CTX *ctx,
                                     const struct link_server *server);

// link_pki.c
void link_pki_path(const struct agent_config *config, const char *name, char path[LINK_PATH_MAX]);
// Finishes a renewal that was interrupted, then loads the certificate. ERR_NOT_FOUND: not joined yet.
int link_pki_ctx(const struct agent_config *config, SSL_CTX **ret_ctx,
                 struct err *err) _must_check_;
// Stores certificate and key so that a crash leaves a pair that fits.
int link_pki_store(const struct agent_config *config, const char *certificate, const char *key,
                   struct err *err) _must_check_;
// Seconds until the certificate is at two thirds of its life; negative when it is past that.
int link_pki_renew_in_s(const struct agent_config *config, int64_t *ret_s,
                        struct err *err) _must_check_;
// The common name of the node's certificate: its id.
int link_pki_node(const struct agent_config *config, char ret_node[37],
                  struct err *err) _must_check_;

// link_image.c: downloads into incoming/, then says `fetched` to the broker.
void link_image_fetch(struct link *link, json_t *message);

// link_upload.c: uploads a file of outgoing/, then says `pushed` to the broker.
void link_upload(struct link *link, json_t *message);
// link_console.c: terminals of guests, each viewer on a connection of its own to the worker that has its client.
void link_console_start(struct link *link);
void link_console_open(struct link *link, json_t *message); // of the server
void link_console_ended(struct link *link, json_t *message); // of the broker

int64_t link_now_ms(void); // CLOCK_MONOTONIC

// Passes a message to the broker; takes it over.
void link_to_broker(struct link *link, json_t *message);
