// An answer that goes on: evhttp's chunks on a connection that is idle as long as it likes.
#include "edge_private.h"
#include "macro.h"

// A client that takes nothing of what waits for it for so long is gone.
enum { STALL_S = 30, READ_MAX = 16384 };

static struct bufferevent *bev_of(const struct edge_request *request)
{
    return edge_conn_bufferevent(request->conn);
}

bool edge_stream_begin(struct edge_request *request, const char *content_type, edge_gone *gone,
                       void *arg)
{
    if (!request->conn) {
        return false;
    }
    edge_add_header(request, "X-Request-Id", request->id);
    edge_add_header(request, "Content-Type", content_type);
    edge_add_header(request, "Connection", "close"); // what comes behind the end would not be read
    request->gone = gone;
    request->gone_arg = arg;
    evhttp_request_set_on_complete_cb(request->http, edge_on_written, request->conn);
    evhttp_send_reply_start(request->http, 200, NULL);
    static const struct timeval stall = {STALL_S, 0};
    bufferevent_set_timeouts(bev_of(request), NULL, &stall);
    // Reading goes on, since that is how a client that leaves is noticed, but nothing it says is wanted.
    bufferevent_setwatermark(bev_of(request), EV_READ, 0, READ_MAX);
    return true;
}

void edge_stream_send(struct edge_request *request, const char *text, size_t len)
{
    if (!request->conn || len == 0) {
        return;
    }
    struct evbuffer *piece = evbuffer_new();
    evbuffer_add(piece, text, len);
    evhttp_send_reply_chunk(request->http, piece);
    evbuffer_free(piece);
}

size_t edge_stream_waiting(const struct edge_request *request)
{
    return request->conn ? evbuffer_get_length(bufferevent_get_output(bev_of(request))) : 0;
}

void edge_stream_forget(struct edge_request *request)
{
    request->gone = NULL;
}

void edge_stream_end(struct edge_request *request)
{
    request->gone = NULL;
    if (request->conn) {
        edge_conn_replying(request->conn);
        evhttp_send_reply_end(request->http);
    } else {
        evhttp_request_free(request->http);
    }
    edge_request_free(request);
}
