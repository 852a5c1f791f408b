#include "reply.h"

#include "api_private.h"
#include "log.h"
#include "macro.h"
#include "panel.h"
#include "stream.h"
#include "upgrade.h"

#include <ctype.h>
#include <string.h>

// A 304 if the client has this version already.
static bool is_unchanged(const struct request *request)
{
    const char *known = edge_header(request->edge, "If-None-Match");
    const char *etag = request->answer.etag;
    if (!known || !etag || request->answer.status != 200 || !(request->route->flags & ROUTE_ETAG)) {
        return false;
    }
    const char *at = strstr(known, etag);
    return strcmp(known, "*") == 0 || (at && (at[strlen(etag)] == '\0' || at[strlen(etag)] == ','));
}

static void append_encoded(struct evbuffer *to, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c)) {
            evbuffer_add(to, text, 1);
        } else {
            evbuffer_add_printf(to, "%%%02X", c);
        }
    }
}

// The same list with the next cursor.
static void add_next_link(struct request *request)
{
    const char **names, **values;
    int count = edge_query_all(request->edge, &names, &values);
    struct evbuffer *link = evbuffer_new();
    evbuffer_add_printf(link, "<%s?cursor=", edge_path(request->edge));
    append_encoded(link, request->answer.location);
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], "cursor") != 0) {
            evbuffer_add_printf(link, "&%s=", names[i]);
            append_encoded(link, values[i]);
        }
    }
    evbuffer_add(link, ">; rel=\"next\"", sizeof(">; rel=\"next\"")); // with its NUL
    edge_add_header(request->edge, "Link", (const char *)evbuffer_pullup(link, -1));
    evbuffer_free(link);
}

static int send_answer(struct request *request)
{
    struct answer *answer = &request->answer;
    struct edge_request *edge = request->edge;
    if (answer->etag) {
        edge_add_header(edge, "ETag", answer->etag);
    }
    for (size_t i = 0; i < ARRAY_LEN(answer->cookies) && answer->cookies[i]; i++) {
        edge_add_header(edge, "Set-Cookie", answer->cookies[i]);
    }
    if (answer->location && request->route->flags & ROUTE_LIST) {
        add_next_link(request);
    } else if (answer->location) {
        edge_add_header(edge, "Location", answer->location);
    }
    if (is_unchanged(request)) {
        edge_reply(edge, 304, NULL, NULL, 0);
        return 304;
    }
    edge_reply(edge, answer->status,
               answer->content_type ? answer->content_type : "application/json", answer->body,
               answer->body ? answer->body_len : 0);
    return answer->status;
}

// Scripts come from us alone; the component kit writes styles of its own into the page.
#define PANEL_POLICY                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "     \
    "data:; "                                                                                      \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action "      \
    "'none'; "                                                                                     \
    "frame-ancestors 'none'"

// A file of the panel, in the best encoding that the client takes.
static int send_file(struct request *request)
{
    struct edge_request *edge = request->edge;
    const struct panel_file *file = request->answer.file;
    enum panel_encoding encoding = panel_choose(file, edge_header(edge, "Accept-Encoding"));
    const struct panel_body *body = &file->bodies[encoding];
    edge_add_header(edge, "Cache-Control",
                    file->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    edge_add_header(edge, "X-Content-Type-Options", "nosniff");
    edge_add_header(edge, "Content-Security-Policy", PANEL_POLICY);
    edge_add_header(edge, "Cross-Origin-Opener-Policy", "same-origin");
    edge_add_header(edge, "Referrer-Policy", "no-referrer");
    edge_add_header(edge, "Vary", "Accept-Encoding");
    edge_add_header(edge, "ETag", body->etag);
    const char *known = edge_header(edge, "If-None-Match");
    if (known && strstr(known, body->etag)) {
        edge_reply(edge, 304, NULL, NULL, 0);
        return 304;
    }
    if (panel_encoding_name(encoding)) {
        edge_add_header(edge, "Content-Encoding", panel_encoding_name(encoding));
    }
    bool head = edge_method(edge) == EVHTTP_REQ_HEAD;
    edge_reply_borrowed(edge, 200, file->type, body->bytes, head ? 0 : body->len);
    return 200;
}

static int send_error(struct request *request)
{
    const struct err *err = &request->err;
    if (err_info(err->code)->status == 401) {
        edge_add_header(request->edge, "WWW-Authenticate", "Bearer");
    }
    if (err->code == ERR_METHOD) {
        char allow[80];
        route_allow(request->allowed, allow, sizeof(allow));
        edge_add_header(request->edge, "Allow", allow);
    }
    if (err->code == ERR_RATE_LIMITED || err->code == ERR_UNAVAILABLE) {
        const char *seconds = arena_print(&request->arena, "%d",
                                          request->retry_after_s > 0 ? request->retry_after_s : 1);
        edge_add_header(request->edge, "Retry-After", seconds);
    }
    edge_reply_problem(request->edge, err);
    return err_info(err->code)->status;
}

// One line a request. Who asked is named by the shown part of a token or by the session, never by a secret.
static void log_request(const struct request *request, const char *id, const char *peer,
                        const char *method, int status, int64_t micros)
{
    enum log_level level = status >= 500 ? LOG_ERROR : LOG_INFO;
    log_event(level, "request",
              "method=%s route=%s status=%d ms=%lld.%03lld request=%s peer=%s principal=%s%s%s",
              method, request->route ? request->route->path : "none", status,
              (long long)(micros / 1000), (long long)(micros % 1000), id, peer,
              request->credentials.name[0] ? request->credentials.name : "none",
              status >= 500 ? " error=" : "", status >= 500 ? LOGQ(request->err.text) : "");
}

// An order was accepted or a task was shown before the wait: that it cannot be looked at again right now takes neither back.
static void keep_answer(struct request *request)
{
    enum err_code code = request->err.code;
    if (request->wait && request->answer.status != 0 &&
        (code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_INTERNAL)) {
        log_warn("wait_ended", "request=%s reason=%s", edge_id(request->edge),
                 LOGQ(request->err.text));
        request->err = (struct err){0};
    }
}

static void add_common_headers(struct request *request)
{
    edge_add_header(request->edge, "Cache-Control", "no-store");
    edge_add_header(request->edge, "X-Content-Type-Options", "nosniff");
}

static void on_gone(void *arg)
{
    struct request *request = arg;
    if (request->stream) {
        stream_gone(request->stream);
    }
}

bool reply_stream_begin(struct request *request)
{
    evtimer_del(request->deadline);
    add_common_headers(request);
    metrics_count(request->api->metrics, request->route_index, 200,
                  api_now_us() - request->started_us);
    return edge_stream_begin(request->edge, "text/event-stream", on_gone, request);
}

void reply_stream_end(struct request *request, const char *reason)
{
    log_info("stream_ended", "route=%s reason=%s s=%lld request=%s peer=%s principal=%s",
             request->route->path, reason,
             (long long)((api_now_us() - request->started_us) / 1000000), edge_id(request->edge),
             edge_peer(request->edge), request->credentials.name);
    struct edge_request *edge = request->edge;
    request_end(request);
    edge_stream_end(edge);
}

struct bufferevent *reply_upgrade(struct request *request, const char *protocol)
{
    int64_t micros = api_now_us() - request->started_us;
    struct edge_request *edge = request->edge;
    metrics_count(request->api->metrics, request->route_index, 101, micros);
    log_request(request, edge_id(edge), edge_peer(edge), route_method_name(edge_method(edge)), 101,
                micros);
    request_end(request);
    return upgrade_accept(edge, protocol);
}

void reply_send(struct request *request)
{
    keep_answer(request);
    if (request->err.code == ERR_OK && request->answer.status == 0) {
        err_set(&request->err, ERR_INTERNAL, "the steps ended without an answer");
    }
    int64_t micros = api_now_us() - request->started_us;
    char id[64], peer[64];
    snprintf(id, sizeof(id), "%s", edge_id(request->edge));
    snprintf(peer, sizeof(peer), "%s", edge_peer(request->edge));
    const char *method = route_method_name(edge_method(request->edge));
    if (request->err.code != ERR_OK || !request->answer.file) {
        add_common_headers(request);
    }
    int status = request->err.code != ERR_OK ? send_error(request)
                 : request->answer.file      ? send_file(request)
                                             : send_answer(request);
    metrics_count(request->api->metrics, request->route ? request->route_index : -1, status,
                  micros);
    log_request(request, id, peer, method, status, micros);
    request_end(request);
}
