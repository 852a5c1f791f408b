#include "http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>
#include <inttypes.h>
#include <string.h>

enum { TIMEOUT_S = 30, HEADERS_MAX = 16 * 1024 };

struct exchange {
    struct event_base *base;
    struct evhttp_connection *connection;
    const struct http_handlers *handlers;
    void *arg;
    bool wanted; // the body
    const char *why;
};

static const char *const failures[] = {
    [EVREQ_HTTP_TIMEOUT] = "timed out",
    [EVREQ_HTTP_EOF] = "the server closed the connection",
    [EVREQ_HTTP_INVALID_HEADER] = "malformed reply",
    [EVREQ_HTTP_BUFFER_ERROR] = "connection lost",
    [EVREQ_HTTP_REQUEST_CANCEL] = "cancelled",
    [EVREQ_HTTP_DATA_TOO_LONG] = "the reply is too long",
};

static void on_error(enum evhttp_request_error error, void *arg)
{
    struct exchange *exchange = arg;
    if ((size_t)error < ARRAY_LEN(failures)) {
        exchange->why = failures[error];
    }
}

static int on_head(struct evhttp_request *request, void *arg)
{
    struct exchange *exchange = arg;
    exchange->wanted =
        exchange->handlers->head(evhttp_request_get_response_code(request),
                                 evhttp_request_get_input_headers(request), exchange->arg);
    return 0;
}

static void on_data(struct evhttp_request *request, void *arg)
{
    struct exchange *exchange = arg;
    if (exchange->wanted) {
        exchange->handlers->data(evhttp_request_get_input_buffer(request), exchange->arg);
    }
}

// evhttp still uses the connection after the request's callback.
static void free_later(evutil_socket_t fd, short what, void *arg)
{
    struct exchange *exchange = arg;
    evhttp_connection_free(exchange->connection);
    free(exchange);
}

static void on_done(struct evhttp_request *request, void *arg)
{
    struct exchange *exchange = arg;
    bool complete = request && evhttp_request_get_response_code(request) > 0 && !exchange->why;
    exchange->handlers->done(complete, exchange->why ? exchange->why : "no connection",
                             exchange->arg);
    const struct timeval now = {0};
    event_base_once(exchange->base, -1, EV_TIMEOUT, free_later, exchange, &now);
}

static struct evhttp_request *make_request(struct exchange *exchange,
                                           const struct http_request *from)
{
    struct evhttp_request *request = evhttp_request_new(on_done, exchange);
    if (!request) {
        abort();
    }
    evhttp_request_set_header_cb(request, on_head);
    evhttp_request_set_chunked_cb(request, on_data);
    evhttp_request_set_error_cb(request, on_error);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char value[LINK_HOST_MAX + 16];
    bool v6 = strchr(from->server->host, ':') != NULL;
    snprintf(value, sizeof(value), "%s%s%s:%u", v6 ? "[" : "", from->server->host, v6 ? "]" : "",
             from->server->port);
    evhttp_add_header(headers, "Host", value);
    evhttp_add_header(headers, "Connection", "close");
    evhttp_add_header(headers, "User-Agent", "croft-agent/" CROFT_VERSION);
    if (from->range_from > 0) {
        snprintf(value, sizeof(value), "bytes=%" PRId64 "-", from->range_from);
        evhttp_add_header(headers, "Range", value);
    }
    if (from->body) {
        evhttp_add_header(headers, "Content-Type", "application/json");
        evbuffer_add(evhttp_request_get_output_buffer(request), from->body, strlen(from->body));
    }
    if (from->piece) {
        evhttp_add_header(headers, "Content-Range", from->piece->range);
        evhttp_add_header(headers, "Croft-Image-SHA256", from->piece->sha256);
        evhttp_add_header(headers, "Content-Type", "application/octet-stream");
        evbuffer_add(evhttp_request_get_output_buffer(request), from->piece->bytes,
                     from->piece->size);
    }
    return request;
}

static enum evhttp_cmd_type method(const struct http_request *request)
{
    return request->piece ? EVHTTP_REQ_PUT : request->body ? EVHTTP_REQ_POST : EVHTTP_REQ_GET;
}

int http_start(struct event_base *base, struct evdns_base *dns, const struct http_request *request,
               struct err *err)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange) {
        abort();
    }
    *exchange = (struct exchange){.base = base, .handlers = request->handlers, .arg = request->arg};
    struct bufferevent *bev = link_bufferevent(base, request->ctx, request->server);
    exchange->connection = evhttp_connection_base_bufferevent_new(
        base, dns, bev, request->server->host, request->server->port);
    if (!exchange->connection) {
        abort();
    }
    evhttp_connection_set_timeout(exchange->connection, TIMEOUT_S);
    evhttp_connection_set_max_headers_size(exchange->connection, HEADERS_MAX);
    evhttp_connection_set_max_body_size(exchange->connection, (ev_ssize_t)request->body_max);
    if (evhttp_make_request(exchange->connection, make_request(exchange, request), method(request),
                            request->path) < 0) {
        evhttp_connection_free(exchange->connection);
        free(exchange);
        return err_set(err, ERR_UNAVAILABLE, "no connection to %s", request->server->host);
    }
    return 0;
}
