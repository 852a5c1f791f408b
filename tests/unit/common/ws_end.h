// Two ends of a WebSocket in one event loop, and what each was told.
#pragma once

#include "ws.h"

#include <check.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// One end of a connection and what it was told.
struct end {
    struct ws *ws;
    struct event_base *base;
    int messages;
    char last[128];
    size_t last_len, bytes;
    int closed;
    unsigned code;
    char reason[128];
    int in_call; // inside ws_send or ws_close
    enum { ECHO_NONE, ECHO_SEND, ECHO_CLOSE, ECHO_LAST, ECHO_DESTROY } on_message;
};

static const struct ws_limits limits = {.message_max = 100000, .backlog_max = 400000, .ping_s = 0};

static inline void send_text(struct end *end, const char *text)
{
    struct err err;
    end->in_call++;
    ck_assert_int_eq(ws_send(end->ws, text, strlen(text), &err), 0);
    end->in_call--;
}

static inline void on_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct end *end = arg;
    ck_assert_int_eq(end->closed, 0);
    end->messages++;
    end->bytes += len;
    end->last_len = len;
    snprintf(end->last, sizeof(end->last), "%.*s", (int)(len < 100 ? len : 100), text);
    if (end->on_message == ECHO_SEND) {
        send_text(end, end->last);
    } else if (end->on_message == ECHO_CLOSE) {
        ws_close(ws, 4000, "enough");
    } else if (end->on_message == ECHO_LAST) {
        send_text(end, end->last);
        ws_close(ws, 4000, "enough");
    } else if (end->on_message == ECHO_DESTROY) {
        end->ws = NULL;
        ws_destroy(ws);
    }
}

static inline void on_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct end *end = arg;
    ck_assert_int_eq(end->in_call, 0);
    end->closed++;
    end->code = code;
    snprintf(end->reason, sizeof(end->reason), "%s", reason);
    ws_destroy(ws);
    end->ws = NULL;
    event_base_loopbreak(end->base);
}

static const struct ws_handlers handlers = {.message = on_message, .closed = on_closed};

static struct event_base *base;

static inline void start(struct end *end, int fd, enum ws_side side, const struct ws_limits *with)
{
    evutil_make_socket_nonblocking(fd);
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    end->base = base;
    end->ws = ws_create(bev, side, &handlers, with, end);
}

static inline void start_pair(struct end *server, struct end *client, const struct ws_limits *with)
{
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    start(server, fds[0], WS_SERVER, with);
    start(client, fds[1], WS_CLIENT, with);
}

// A server end and the bare socket of a peer that says whatever the test likes.
static inline int start_bare(struct end *server, const struct ws_limits *with)
{
    int fds[2];
    base = event_base_new();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    start(server, fds[0], WS_SERVER, with);
    return fds[1];
}

static inline void run_ms(int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_base_loopexit(base, &tv);
    event_base_dispatch(base);
}

static inline void finish(struct end *server, struct end *client)
{
    ws_destroy(server->ws);
    if (client) {
        ws_destroy(client->ws);
    }
    event_base_free(base);
}
