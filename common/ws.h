// WebSocket (RFC 6455) over a bufferevent, frames by libwslay. Text messages and, for who wants them,
// binary ones; bounded size, pings by timer. The handshake is done by the owner (server: after our own 101; agent: ws_key and
// ws_accept below); from then on the bufferevent belongs to the struct ws.
#pragma once

#include "err.h"

#include <event2/bufferevent.h>
#include <stddef.h>

enum ws_side { WS_SERVER, WS_CLIENT };

struct ws;

struct ws_handlers {
    // One whole text message, valid UTF-8, not NUL-terminated, borrowed for the call.
    void (*message)(struct ws *ws, const char *text, size_t len, void *arg);
    // The connection is over (peer closed, I/O error, ping unanswered, protocol error); code is that of
    // whoever began to close, or 1006 if nobody did. Called exactly once, never from within ws_send or ws_close; the owner calls
    // ws_destroy in it or later.
    void (*closed)(struct ws *ws, unsigned code, const char *reason, void *arg);
    // One whole binary message, borrowed for the call. NULL: one that comes closes with 1003.
    void (*binary)(struct ws *ws, const void *data, size_t len, void *arg);
    // All that was queued is written. Called from the loop, never from within ws_send. NULL: not told.
    void (*drained)(struct ws *ws, void *arg);
};

struct ws_limits {
    size_t message_max; // bytes of one message; larger closes with 1009
    size_t backlog_max; // bytes waiting to be written; more closes with 1008
    // A ping after so many seconds of silence; two unanswered close with 1006. A peer whose backlog goes on shrinking
    // (TCP says so) is slow and not silent.
    int ping_s;
};

// Takes over bev (with its queued input). handlers and limits are copied. The owner may still disable and
// enable EV_READ of bev to slow the peer down: while it is disabled, silence is not held against the peer, and the peer, whose
// pings stay unread, hears unsolicited pongs instead (RFC 6455, 5.5.3), so that it does not hold ours against us.
struct ws *ws_create(struct bufferevent *bev, enum ws_side side, const struct ws_handlers *handlers,
                     const struct ws_limits *limits, void *arg);

// Queues one text message. ERR_UNAVAILABLE when the connection is closing, or when the message does not
// fit into the backlog any more: then closing (1008) begins.
int ws_send(struct ws *ws, const char *text, size_t len, struct err *err) _must_check_;

// The same, as a binary message.
int ws_send_binary(struct ws *ws, const void *data, size_t len, struct err *err) _must_check_;

// Bytes queued and not yet written.
size_t ws_backlog(const struct ws *ws);

// Starts the closing handshake, behind what was sent before; `closed` follows within 3 s.
void ws_close(struct ws *ws, unsigned code, const char *reason);

// Frees it at the end of the loop turn, with the bufferevent; no handler is called any more.
void ws_destroy(struct ws *ws);

// Sec-WebSocket-Key made of 16 random bytes (25 bytes with NUL), and the Sec-WebSocket-Accept that
// answers a key (29 bytes with NUL).
void ws_key(char out[25]);
void ws_accept(const char *key, char out[29]);
