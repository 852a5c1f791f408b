// An agent of a test's own making: real TLS, HTTP and WebSocket against the hub, in the same loop, with
// nothing behind it. Every wait fails the case after ten seconds.
#pragma once

#include "file.h"
#include "json.h"
#include "tls.h"
#include "ws.h"

#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct agent {
    struct event_base *base;
    int port;
    const char *dir; // of its files; holds ca.crt
    char name[32], node[40];
    char *key, *csr;
    SSL_CTX *tls; // with its certificate once it has joined
    struct ws *ws;
    json_t *inbox;
    int64_t epoch;
    bool closed;
    unsigned close_code;
};

struct agent_reply {
    int status;
    char head[4096];
    char *body; // owned
    size_t body_len;
    struct bufferevent *bev; // for an upgrade
};

static inline void agent_turn(struct event_base *base)
{
    struct timeval tick = {.tv_usec = 5000};
    event_base_loopexit(base, &tick);
    event_base_dispatch(base);
}

static inline void agent_run(struct event_base *base, int ms)
{
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    event_base_loopexit(base, &time);
    event_base_dispatch(base);
}

static inline void agent_path(const struct agent *agent, const char *suffix, char out[256])
{
    snprintf(out, 256, "%s/%s.%s", agent->dir, agent->name, suffix);
}

static inline void agent_write(const struct agent *agent, const char *suffix, const char *text)
{
    char path[256];
    agent_path(agent, suffix, path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static inline void agent_use_certificate(struct agent *agent, const char *certificate)
{
    char ca[256], cert[256], key[256];
    struct err err = {0};
    snprintf(ca, sizeof(ca), "%s/ca.crt", agent->dir);
    agent_path(agent, "crt", cert);
    agent_path(agent, "key", key);
    agent_write(agent, "crt", certificate);
    agent_write(agent, "key", agent->key);
    SSL_CTX_free(agent->tls);
    agent->tls = NULL;
    ck_assert_msg(tls_client_ctx(ca, cert, key, &agent->tls, &err) == 0, "%s", err.text);
}

static inline void agent_init(struct agent *agent, struct event_base *base, int port,
                              const char *dir, const char *name)
{
    char ca[256];
    struct err err = {0};
    *agent = (struct agent){.base = base, .port = port, .dir = dir, .inbox = json_array()};
    snprintf(agent->name, sizeof(agent->name), "%s", name);
    snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
    ck_assert_int_eq(tls_make_csr(name, &agent->key, &agent->csr, &err), 0);
    ck_assert_msg(tls_client_ctx(ca, NULL, NULL, &agent->tls, &err) == 0, "%s", err.text);
}

static inline void agent_finish(struct agent *agent)
{
    ws_destroy(agent->ws);
    SSL_CTX_free(agent->tls);
    json_decref(agent->inbox);
    free(agent->key);
    free(agent->csr);
}

struct agent_exchange {
    bool over;
    struct agent_reply *reply;
};

static inline void agent_on_read(struct bufferevent *bev, void *arg)
{
    struct agent_exchange *exchange = arg;
    struct agent_reply *reply = exchange->reply;
    struct evbuffer *input = bufferevent_get_input(bev);
    if (reply->status == 0) {
        struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
        if (end.pos < 0) {
            return;
        }
        ck_assert_int_lt(end.pos, (ev_ssize_t)sizeof(reply->head) - 5);
        evbuffer_remove(input, reply->head, (size_t)end.pos + 4);
        reply->status = atoi(reply->head + strlen("HTTP/1.1 "));
        const char *length = strcasestr(reply->head, "\r\nContent-Length:");
        reply->body_len = length ? strtoul(length + 17, NULL, 10) : 0;
        if (reply->status == 101) {
            bufferevent_disable(bev, EV_READ);
        }
    }
    exchange->over = reply->status == 101 || evbuffer_get_length(input) >= reply->body_len;
}

static inline void agent_on_event(struct bufferevent *bev, short what, void *arg)
{
    struct agent_exchange *exchange = arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        exchange->over = true; // status 0 if nothing came
    }
}

// One request on a connection of its own. reply->status is 0 when the server only closed.
static inline void agent_request(struct agent *agent, SSL_CTX *tls, const char *request,
                                 struct agent_reply *reply)
{
    struct agent_exchange exchange = {.reply = reply};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)agent->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *reply = (struct agent_reply){0};
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(agent->base, -1, SSL_new(tls), BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    bufferevent_setcb(bev, agent_on_read, NULL, agent_on_event, &exchange);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    bufferevent_write(bev, request, strlen(request));
    ck_assert_int_eq(bufferevent_socket_connect(bev, (struct sockaddr *)&to, sizeof(to)), 0);
    for (int turns = 0; !exchange.over; turns++) {
        ck_assert_msg(turns < 2000, "no answer to %.60s", request);
        agent_turn(agent->base);
    }
    if (reply->status == 101) {
        reply->bev = bev;
        return;
    }
    reply->body = calloc(1, reply->body_len + 1);
    evbuffer_remove(bufferevent_get_input(bev), reply->body, reply->body_len);
    bufferevent_free(bev);
}

// The status of an answer; the body is not kept.
static inline int agent_status(struct agent *agent, SSL_CTX *tls, const char *request)
{
    struct agent_reply reply;
    agent_request(agent, tls, request, &reply);
    ck_assert_ptr_null(reply.bev);
    free(reply.body);
    return reply.status;
}

// POST /agent/v1/join; on 201 takes the certificate.
static inline int agent_join(struct agent *agent, const char *token)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s}", "token", token, "name", agent->name, "csr", agent->csr);
    char *body = json_write(json);
    char *request;
    json_decref(json);
    ck_assert_int_gt(asprintf(&request,
                              "POST /agent/v1/join HTTP/1.1\r\nHost: x\r\nContent-Type: "
                              "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                              strlen(body), body),
                     0);
    struct agent_reply reply;
    agent_request(agent, agent->tls, request, &reply);
    free(body);
    free(request);
    if (reply.status == 201) {
        json = json_loads(reply.body, 0, NULL);
        snprintf(agent->node, sizeof(agent->node), "%s", json_get_string(json, "node", ""));
        ck_assert_int_eq(strlen(json_get_string(json, "image_key", "")), 64);
        agent_use_certificate(agent, json_get_string(json, "certificate", ""));
        json_decref(json);
    }
    free(reply.body);
    return reply.status;
}

static inline void agent_on_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct agent *agent = arg;
    json_t *json = json_loadb(text, len, 0, NULL);
    ck_assert_ptr_nonnull(json);
    json_array_append_new(agent->inbox, json);
}

static inline void agent_on_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct agent *agent = arg;
    agent->closed = true;
    agent->close_code = code;
}

#define AGENT_LINK                                                                                 \
    "GET /agent/v1/link HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"      \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                 \
    "Sec-WebSocket-Protocol: croft.v2, croft.v1\r\n\r\n"

// Opens the WebSocket, without a hello.
static inline void agent_open(struct agent *agent)
{
    static const struct ws_handlers handlers = {.message = agent_on_message,
                                                .closed = agent_on_closed};
    static const struct ws_limits limits = {4 << 20, 8 << 20, 5};
    struct agent_reply reply;
    agent_request(agent, agent->tls, AGENT_LINK, &reply);
    ck_assert_int_eq(reply.status, 101);
    // RFC 6455, 1.3 gives the answer to this key.
    ck_assert_ptr_nonnull(strstr(reply.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    ck_assert_ptr_nonnull(strstr(reply.head, "Sec-WebSocket-Protocol: croft.v1\r\n"));
    ws_destroy(agent->ws);
    agent->closed = false;
    agent->ws = ws_create(reply.bev, WS_CLIENT, &handlers, &limits, agent);
}

static inline void agent_send(struct agent *agent, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static inline void agent_send(struct agent *agent, const char *fmt, ...)
{
    char *text;
    va_list ap;
    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    ck_assert_int_ge(len, 0);
    ck_assert_int_eq(ws_send(agent->ws, text, (size_t)len, NULL), 0);
    free(text);
}

static inline json_t *agent_take(struct agent *agent, const char *type)
{
    size_t index;
    json_t *message;
    json_array_foreach (agent->inbox, index, message) {
        if (strcmp(json_get_string(message, "type", ""), type) == 0) {
            json_incref(message);
            json_array_remove(agent->inbox, index);
            return message;
        }
    }
    return NULL;
}

// The next message of that type; the caller owns it.
static inline json_t *agent_expect(struct agent *agent, const char *type)
{
    for (int turns = 0; turns < 2000; turns++) {
        json_t *message = agent_take(agent, type);
        if (message) {
            return message;
        }
        ck_assert_msg(!agent->closed, "closed with %u while waiting for %s", agent->close_code,
                      type);
        agent_turn(agent->base);
    }
    ck_abort_msg("no %s came", type);
    return NULL;
}

// `error` with that code ("" for none), then the close code.
static inline void agent_expect_close(struct agent *agent, const char *code, unsigned close_code)
{
    for (int turns = 0; !agent->closed; turns++) {
        ck_assert_msg(turns < 2000, "the link did not close");
        agent_turn(agent->base);
    }
    json_t *error = agent_take(agent, "error");
    ck_assert_str_eq(json_get_string(error, "code", ""), code);
    json_decref(error);
    ck_assert_uint_eq(agent->close_code, close_code);
}

static inline void agent_hello(struct agent *agent)
{
    agent_send(agent,
               "{\"type\":\"hello\",\"agent\":\"0.1.0\",\"boot\":"
               "\"019a0000-0000-4000-8000-0000000000bb\",\"name\":\"%s\",\"node\":{\"kernel\":"
               "\"6.1.0\",\"cpus\":8,\"memory_bytes\":17179869184,\"disk_bytes\":107374182400,"
               "\"disk_free_bytes\":107374182400,\"id_base\":1000000,\"id_count\":1000,"
               "\"cgroup\":\"v2\",\"apparmor\":false,\"lxcfs\":true,\"drivers\":{\"container\":"
               "\"fake\",\"volume\":\"fake\",\"network\":\"fake\"},\"warnings\":[]},"
               "\"images\":[],\"inventory\":[]}",
               agent->name);
}

// Opens, says hello, has its welcome.
static inline void agent_link(struct agent *agent)
{
    agent_open(agent);
    agent_hello(agent);
    json_t *welcome = agent_expect(agent, "welcome");
    agent->epoch = json_get_int(welcome, "epoch", 0);
    ck_assert_int_eq(json_get_int(welcome, "report_s", 0), 60);
    json_decref(welcome);
}

static inline void agent_result(struct agent *agent, int64_t epoch, const json_t *task,
                                const char *status, const char *observed, const char *error)
{
    agent_send(agent,
               "{\"type\":\"task_result\",\"epoch\":%lld,\"task\":\"%s\",\"status\":\"%s\","
               "\"vps\":\"%s\",\"generation\":%lld,\"observed\":\"%s\",\"error\":%s}",
               (long long)epoch, json_get_string(task, "task", ""), status,
               json_get_string(task, "vps", ""), (long long)json_get_int(task, "generation", 0),
               observed, error);
}

static inline void agent_usage(struct agent *agent, const char *vps, int batch, int seq,
                               int64_t cpu_ns)
{
    char ts[40];
    time_t now = time(NULL);
    struct tm tm;
    strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    agent_send(agent,
               "{\"type\":\"usage\",\"epoch\":%lld,\"batch\":%d,\"samples\":[{\"vps\":\"%s\","
               "\"boot\":\"019a0000-0000-4000-8000-0000000000cc\",\"seq\":%d,\"ts\":\"%s\","
               "\"mono_ns\":%lld,\"cpu_ns\":%lld,\"memory_bytes\":1,\"memory_anon_bytes\":1,"
               "\"disk_bytes\":1,\"io_read_bytes\":1,\"io_write_bytes\":1,\"io_read_ops\":1,"
               "\"io_write_ops\":1,\"net_rx_bytes\":1,\"net_tx_bytes\":1,\"net_rx_packets\":1,"
               "\"net_tx_packets\":1,\"pids\":1,\"oom_kills\":0}]}",
               (long long)agent->epoch, batch, vps, seq, ts, (long long)seq * 10000000000LL,
               (long long)cpu_ns);
}
