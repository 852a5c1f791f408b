#include "edge.h"

#include "edge_private.h"
#include "log.h"
#include "macro.h"
#include "problem.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/socket.h>

enum { ACCEPT_PAUSE_MS = 100, HEAD_SLACK = 1024 };

TAILQ_HEAD(edge_request_list, edge_request);

struct edge {
    LIST_ENTRY(edge) link;
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
    struct evconnlistener *listener; // owned by http; NULL when draining
    struct event *turn; // accepts again, tells that it is drained
    struct edge_conns conns;
    struct edge_request_list requests;
    edge_handler *handler;
    void *handler_arg;
    int port;
    void (*drained)(void *arg);
    void *drained_arg;
};

// Every edge of this process, for a callback that libevent gives no argument of ours.
static LIST_HEAD(, edge) edges = LIST_HEAD_INITIALIZER(edges);

// ---- One request

void edge_request_free(struct edge_request *request)
{
    TAILQ_REMOVE(&request->edge->requests, request, link);
    if (request->start) {
        event_free(request->start);
    }
    edge_target_finish(&request->target);
    free(request);
}

// The connection is going away under an open request. It is ours from now on, until the late answer.
static void on_gone(void *arg)
{
    struct edge_request *request = arg;
    evhttp_request_own(request->http);
    request->conn = NULL;
    edge_gone *gone = STEAL(request->gone);
    if (gone) {
        gone(request->gone_arg);
    }
}

void edge_on_written(struct evhttp_request *http, void *arg)
{
    edge_conn_replied(arg);
}

// True if there is still somebody to answer.
static bool begin_reply(struct edge_request *request)
{
    if (!request->conn) {
        evhttp_request_free(request->http);
        return false;
    }
    edge_add_header(request, "X-Request-Id", request->id);
    if (edge_conn_replying(request->conn)) {
        edge_add_header(request, "Connection", "close");
    }
    evhttp_request_set_on_complete_cb(request->http, edge_on_written, request->conn);
    return true;
}

static void send_reply(struct edge_request *request, int status, struct evbuffer *body)
{
    if (begin_reply(request)) {
        evhttp_send_reply(request->http, status, NULL, body);
    }
    if (body) {
        evbuffer_free(body);
    }
    edge_request_free(request);
}

void edge_add_header(struct edge_request *request, const char *name, const char *value)
{
    // evhttp refuses values with line breaks; such a header is left out.
    evhttp_add_header(evhttp_request_get_output_headers(request->http), name, value);
}

void edge_reply(struct edge_request *request, int status, const char *content_type,
                const char *body, size_t len)
{
    struct evbuffer *buffer = NULL;
    if (len > 0) {
        edge_add_header(request, "Content-Type", content_type);
        buffer = evbuffer_new();
        evbuffer_add(buffer, body, len);
    }
    send_reply(request, status, buffer);
}

void edge_reply_borrowed(struct edge_request *request, int status, const char *content_type,
                         const void *body, size_t len)
{
    struct evbuffer *buffer = NULL;
    if (len > 0) {
        edge_add_header(request, "Content-Type", content_type);
        buffer = evbuffer_new();
        evbuffer_add_reference(buffer, body, len, NULL, NULL);
    }
    send_reply(request, status, buffer);
}

void edge_reply_file(struct edge_request *request, int status, int fd, size_t offset, size_t len)
{
    struct evbuffer *buffer = evbuffer_new();
    if (len == 0) {
        close(fd);
    } else if (evbuffer_add_file(buffer, fd, (ev_off_t)offset, (ev_off_t)len) < 0) {
        evbuffer_free(buffer);
        struct err err;
        err_set(&err, ERR_INTERNAL, "the file cannot be sent");
        edge_reply_problem(request, &err);
        return;
    }
    send_reply(request, status, buffer);
}

void edge_reply_problem(struct edge_request *request, const struct err *err)
{
    _cleanup_free_ char *problem = problem_write(err, request->id);
    edge_reply(request, err_info(err->code)->status, PROBLEM_CONTENT_TYPE, problem,
               strlen(problem));
}

struct bufferevent *edge_upgrade(struct edge_request *request)
{
    if (!request->conn) {
        evhttp_request_free(request->http);
        edge_request_free(request);
        return NULL;
    }
    struct evbuffer *head = evbuffer_new();
    evbuffer_add_printf(head, "HTTP/1.1 101 Switching Protocols\r\nX-Request-Id: %s\r\n",
                        request->id);
    const struct evkeyval *header;
    TAILQ_FOREACH (header, evhttp_request_get_output_headers(request->http), next) {
        evbuffer_add_printf(head, "%s: %s\r\n", header->key, header->value);
    }
    evbuffer_add(head, "\r\n", 2);
    struct bufferevent *bev = edge_conn_detach(request->conn);
    edge_request_free(request);
    if (bev) {
        evbuffer_add_buffer(bufferevent_get_output(bev), head);
        bufferevent_enable(bev, EV_WRITE);
    }
    evbuffer_free(head);
    return bev;
}

// ---- What a handler asks

enum evhttp_cmd_type edge_method(const struct edge_request *request)
{
    return evhttp_request_get_command(request->http);
}

const char *edge_path(const struct edge_request *request)
{
    return request->target.path;
}

const char *edge_query(const struct edge_request *request, const char *name)
{
    for (int i = 0; i < request->target.count; i++) {
        if (strcmp(request->target.names[i], name) == 0) {
            return request->target.values[i];
        }
    }
    return NULL;
}

int edge_query_all(const struct edge_request *request, const char ***names, const char ***values)
{
    *names = (const char **)request->target.names;
    *values = (const char **)request->target.values;
    return request->target.count;
}

const char *edge_header(const struct edge_request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request->http), name);
}

const char *edge_body(const struct edge_request *request, size_t *ret_len)
{
    struct evbuffer *buffer = evhttp_request_get_input_buffer(request->http);
    *ret_len = evbuffer_get_length(buffer);
    return *ret_len ? (const char *)evbuffer_pullup(buffer, -1) : "";
}

const char *edge_peer(const struct edge_request *request)
{
    return request->peer.address;
}

const char *edge_network(const struct edge_request *request)
{
    return request->peer.network;
}

const char *edge_id(const struct edge_request *request)
{
    return request->id;
}

SSL *edge_ssl(const struct edge_request *request)
{
    bool tls = request->edge->conns.config.tls && request->conn;
    return tls ? bufferevent_openssl_get_ssl(edge_conn_bufferevent(request->conn)) : NULL;
}

// ---- Taking requests from evhttp

static void hand_over(struct edge_request *request)
{
    struct err err = {0};
    if (edge_target_parse(evhttp_request_get_uri(request->http), &request->target, &err) < 0) {
        edge_reply_problem(request, &err);
        return;
    }
    request->edge->handler(request, request->edge->handler_arg);
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
    hand_over(arg);
}

static void on_request(struct evhttp_request *http, void *arg)
{
    struct edge *edge = arg;
    struct edge_conn *conn = edge_conn_of(&edge->conns, http);
    if (!conn) {
        return; // being refused; evhttp frees the request with the connection
    }
    struct edge_request *request = calloc(1, sizeof(*request));
    request->edge = edge;
    request->conn = conn;
    request->http = http;
    request->peer = *edge_conn_peer(conn);
    TAILQ_INSERT_TAIL(&edge->requests, request, link);
    edge_conn_set_request(conn, on_gone, request);
    const char *id = edge_header(request, "X-Request-Id");
    if (id && uuid_is(id)) {
        memcpy(request->id, id, sizeof(request->id));
    } else {
        uuid_make(request->id);
    }
    if (edge_header(request, "Upgrade")) {
        // A handler that takes the connection over must not do so under evhttp's feet.
        request->start = event_new(edge->base, -1, 0, on_start, request);
        event_active(request->start, EV_TIMEOUT, 0);
    } else {
        hand_over(request);
    }
}

// ---- Listening

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct edge *edge = arg;
    if (edge->listener && edge->conns.draining) {
        edge->listener = NULL;
        evhttp_del_accept_socket(edge->http, edge->bound);
    } else if (edge->listener && edge->conns.count < edge->conns.config.connections_max) {
        evconnlistener_enable(edge->listener);
    }
    if (edge->conns.draining && edge->conns.count == 0 && edge->drained) {
        void (*drained)(void *) = STEAL(edge->drained);
        drained(edge->drained_arg);
    }
}

// Out of file descriptors: pausing keeps the loop from spinning. The argument is evhttp's own (it took
// the listener over), hence the search.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    static const struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
    log_warn("accept_failed", "error=%s", LOGQ(strerrordesc_np(errno)));
    struct edge *edge;
    LIST_FOREACH (edge, &edges, link) {
        if (edge->listener == listener) {
            evconnlistener_disable(listener);
            evtimer_add(edge->turn, &pause);
        }
    }
}

static void on_conns_changed(void *arg)
{
    struct edge *edge = arg;
    if (edge->listener && edge->conns.count >= edge->conns.config.connections_max) {
        evconnlistener_disable(edge->listener);
    } else {
        event_active(edge->turn, EV_TIMEOUT, 0);
    }
}

static void set_up_http(struct edge *edge)
{
    const struct edge_config *config = &edge->conns.config;
    edge->http = evhttp_new(edge->base);
    evhttp_set_allowed_methods(edge->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                               EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
                                               EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS);
    // Ours are the limits that answer; evhttp's stand behind them.
    evhttp_set_max_headers_size(edge->http, (ev_ssize_t)config->header_max + HEAD_SLACK);
    evhttp_set_max_body_size(edge->http, (ev_ssize_t)(config->body_max_known > config->body_max
                                                          ? config->body_max_known
                                                          : config->body_max));
    evhttp_set_timeout(edge->http,
                       config->idle_s > config->request_s ? config->idle_s : config->request_s);
    evhttp_set_default_content_type(edge->http, NULL);
    evhttp_set_bevcb(edge->http, edge_conn_open, &edge->conns);
    evhttp_set_gencb(edge->http, on_request, edge);
}

int edge_create(struct event_base *base, const struct edge_config *config, edge_handler *handler,
                void *arg, struct edge **ret_edge, struct err *err)
{
    int fd = config->socket;
    int r = fd > 0 ? 0 : listener_open(config->listen, config->share, &fd, err);
    if (r < 0) {
        return r;
    }
    struct edge *edge = calloc(1, sizeof(*edge));
    edge->base = base;
    edge->handler = handler;
    edge->handler_arg = arg;
    edge->port = listener_port(fd);
    edge->turn = event_new(base, -1, 0, on_turn, edge);
    edge->conns.base = base;
    edge->conns.peers = edge_peers_create();
    edge->conns.config = *config;
    edge->conns.changed = on_conns_changed;
    edge->conns.arg = edge;
    TAILQ_INIT(&edge->conns.list);
    TAILQ_INIT(&edge->requests);
    set_up_http(edge);
    edge->listener =
        evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    edge->bound = evhttp_bind_listener(edge->http, edge->listener);
    evconnlistener_set_error_cb(edge->listener, on_accept_error);
    LIST_INSERT_HEAD(&edges, edge, link);
    *ret_edge = edge;
    return 0;
}

int edge_port(const struct edge *edge)
{
    return edge->port;
}

void edge_drain(struct edge *edge, void (*drained)(void *arg), void *arg)
{
    edge->drained = drained;
    edge->drained_arg = arg;
    edge->conns.draining = true;
    struct edge_conn *conn = edge_conn_first(&edge->conns);
    while (conn) {
        struct edge_conn *next = edge_conn_next(conn);
        edge_conn_close_idle(conn);
        conn = next;
    }
    // The listener is closed behind the accepts that are due in this turn: what it holds, it would reset.
    event_active(edge->turn, EV_TIMEOUT, 0);
}

void edge_destroy(struct edge *edge)
{
    if (!edge) {
        return;
    }
    edge->drained = NULL;
    edge->listener = NULL;
    evhttp_free(edge->http); // closes every connection; open requests learn that the client left
    struct edge_request *request;
    while ((request = TAILQ_FIRST(&edge->requests))) {
        evhttp_request_free(request->http);
        edge_request_free(request);
    }
    edge_conns_finish(&edge->conns);
    event_free(edge->turn);
    LIST_REMOVE(edge, link);
    free(edge);
}
