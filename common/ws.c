#include "ws.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wslay/wslay.h>

enum { CLOSE_S = 3, PINGS_MAX = 2, BACKLOG_SLOW = 4096, CODE_NONE = 0, CODE_LOST = 1006 };

// wslay and the bufferevent may call back from within our own calls (OpenSSL bufferevents write at
// once), so nothing is ever ended or freed where it is noticed: finish() records why, and the `turn`
// event, which runs from the loop itself, tells the owner.
struct ws {
    struct bufferevent *bev;
    struct wslay_event_context *wslay;
    struct ws_handlers handlers;
    struct ws_limits limits;
    void *arg;

    struct event *turn; // queued input of the start, then the end
    struct event *ping_timer;
    struct event *close_timer;

    struct evbuffer *incoming; // the message that is being received
    bool incoming_control; // the frame that is being received is a control frame
    bool reading; // inside wslay_event_recv
    bool closing; // a close frame was queued or came
    bool over; // nothing is read or written any more
    bool told; // closed() was called
    bool destroyed;
    bool drained; // and the owner is to be told
    bool heard; // since the last tick of the ping timer
    int pings; // unanswered
    uint64_t acked; // by the peer's kernel, at the last tick of the ping timer

    unsigned code; // why it ended; the first reason stays
    char reason[124];
};

static void set_cause(struct ws *ws, unsigned code, const char *reason, size_t len)
{
    if (ws->code == CODE_NONE) {
        ws->code = code;
        snprintf(ws->reason, sizeof(ws->reason), "%.*s", (int)(len < 123 ? len : 123), reason);
    }
}

// The connection is over: no more input or output; the owner learns of it from the loop.
static void finish(struct ws *ws, const char *reason)
{
    set_cause(ws, CODE_LOST, reason, strlen(reason));
    if (!ws->over) {
        ws->over = true;
        wslay_event_shutdown_read(ws->wslay);
        bufferevent_disable(ws->bev, EV_READ | EV_WRITE);
        evtimer_del(ws->ping_timer);
        evtimer_del(ws->close_timer);
        event_active(ws->turn, EV_TIMEOUT, 0);
    }
}

size_t ws_backlog(const struct ws *ws)
{
    return evbuffer_get_length(bufferevent_get_output(ws->bev)) +
           wslay_event_get_queued_msg_length(ws->wslay);
}

static void start_close_timer(struct ws *ws)
{
    ws->closing = true;
    if (!evtimer_pending(ws->close_timer, NULL)) {
        evtimer_add(ws->close_timer, &(struct timeval){.tv_sec = CLOSE_S});
    }
}

// Moves frames from wslay into the output buffer and sees whether the connection has ended.
static void flush(struct ws *ws)
{
    if (ws->over) {
        return;
    }
    if (wslay_event_send(ws->wslay) != 0) {
        finish(ws, "cannot send");
        return;
    }
    bool sent = wslay_event_get_close_sent(ws->wslay);
    if (sent) {
        unsigned code = wslay_event_get_status_code_sent(ws->wslay);
        set_cause(ws, code, "frame refused", strlen("frame refused"));
        start_close_timer(ws);
    }
    if (sent && wslay_event_get_close_received(ws->wslay) &&
        evbuffer_get_length(bufferevent_get_output(ws->bev)) == 0) {
        finish(ws, "closed");
    }
}

static void close_with(struct ws *ws, unsigned code, const char *reason)
{
    size_t len = strlen(reason);
    len = len < sizeof(ws->reason) - 1 ? len : sizeof(ws->reason) - 1;
    if (ws->closing || ws->over) {
        return;
    }
    set_cause(ws, code, reason, len);
    start_close_timer(ws);
    if (wslay_event_queue_close(ws->wslay, (uint16_t)code, (const uint8_t *)reason, len) != 0) {
        finish(ws, "cannot close");
    }
}

static void read_input(struct ws *ws)
{
    if (ws->over || ws->reading) {
        return;
    }
    ws->reading = true;
    int rc = wslay_event_recv(ws->wslay);
    ws->reading = false;
    if (ws->destroyed) {
        return;
    }
    if (rc != 0) {
        finish(ws, "cannot receive");
        return;
    }
    if (!wslay_event_get_read_enabled(ws->wslay)) {
        // After a broken frame nothing is understood any more. It is still read: closing a socket
        // with unread input would reset the connection and lose our close frame.
        struct evbuffer *input = bufferevent_get_input(ws->bev);
        evbuffer_drain(input, evbuffer_get_length(input));
    }
    flush(ws);
    // A peer that sends pings and never reads would grow our answers without end.
    if (!ws->over && ws_backlog(ws) > ws->limits.backlog_max) {
        close_with(ws, 1008, "backlog full");
        flush(ws);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    read_input(arg);
}

// The output is empty.
static void on_written(struct bufferevent *bev, void *arg)
{
    struct ws *ws = arg;
    if (ws->closing && !ws->reading) {
        flush(ws);
    }
    if (ws->handlers.drained && !ws->over) {
        ws->drained = true;
        event_active(ws->turn, EV_TIMEOUT, 0);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
        finish(arg, what & BEV_EVENT_EOF ? "connection lost" : "connection failed");
    }
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct ws *ws = arg;
    if (!ws->over) {
        read_input(ws);
        if (ws->drained && !ws->over) {
            ws->drained = false;
            ws->handlers.drained(ws, ws->arg);
        }
    } else if (!ws->told) {
        ws->told = true;
        ws->handlers.closed(ws, ws->code, ws->reason, ws->arg);
    }
}

static void send_control(struct ws *ws, uint8_t opcode)
{
    struct wslay_event_msg message = {.opcode = opcode};
    if (wslay_event_queue_msg(ws->wslay, &message) != 0) {
        finish(ws, "cannot send");
        return;
    }
    flush(ws);
}

// Whether the peer's kernel has taken some of a backlog since the last time: our ping waits behind it. A small one says
// nothing, since a ping alone is taken also for a program that hangs.
static bool is_taking(struct ws *ws)
{
    int fd = bufferevent_getfd(ws->bev);
    int queued = 0;
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        ioctl(fd, SIOCOUTQ, &queued) < 0) {
        return false; // no TCP
    }
    bool more = info.tcpi_bytes_acked > ws->acked;
    ws->acked = info.tcpi_bytes_acked;
    return more && (size_t)queued + ws_backlog(ws) >= BACKLOG_SLOW;
}

static void on_ping_timer(evutil_socket_t fd, short what, void *arg)
{
    struct ws *ws = arg;
    bool taking = is_taking(ws);
    if (!ws->closing && !(bufferevent_get_enabled(ws->bev) & EV_READ)) {
        // An owner that has stopped reading cannot hear the peer's pongs, nor answer its pings.
        send_control(ws, WSLAY_PONG);
    } else if (!ws->heard && !ws->closing && !taking) {
        if (ws->pings >= PINGS_MAX) {
            finish(ws, "pings unanswered");
        } else {
            ws->pings++;
            send_control(ws, WSLAY_PING);
        }
    }
    ws->heard = false;
}

static void on_close_timer(evutil_socket_t fd, short what, void *arg)
{
    finish(arg, "close unanswered");
}

static ssize_t wslay_read(struct wslay_event_context *wslay, uint8_t *buf, size_t len, int flags,
                          void *arg)
{
    struct ws *ws = arg;
    int n = evbuffer_remove(bufferevent_get_input(ws->bev), buf, len);
    if (n <= 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    ws->heard = true;
    ws->pings = 0;
    return n;
}

static ssize_t wslay_write(struct wslay_event_context *wslay, const uint8_t *data, size_t len,
                           int flags, void *arg)
{
    struct ws *ws = arg;
    if (bufferevent_write(ws->bev, data, len) != 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    return (ssize_t)len;
}

static int wslay_mask(struct wslay_event_context *wslay, uint8_t *buf, size_t len, void *arg)
{
    evutil_secure_rng_get_bytes(buf, len);
    return 0;
}

// Messages are put together here and not by wslay, whose list of chunks costs dozens of bytes for
// each fragment, also for one of a single byte.
static void wslay_frame_start(struct wslay_event_context *wslay,
                              const struct wslay_event_on_frame_recv_start_arg *frame, void *arg)
{
    struct ws *ws = arg;
    ws->incoming_control = wslay_is_ctrl_frame(frame->opcode);
    if (ws->incoming_control) {
        return;
    }
    if (frame->opcode == WSLAY_BINARY_FRAME && !ws->handlers.binary) {
        close_with(ws, 1003, "text messages only");
    } else if (frame->payload_length > ws->limits.message_max - evbuffer_get_length(ws->incoming)) {
        close_with(ws, 1009, "message too large");
    }
}

static void wslay_frame_chunk(struct wslay_event_context *wslay,
                              const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
    struct ws *ws = arg;
    if (!ws->incoming_control && !ws->closing &&
        evbuffer_add(ws->incoming, chunk->data, chunk->data_length) != 0) {
        abort();
    }
}

static void wslay_message(struct wslay_event_context *wslay,
                          const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
    struct ws *ws = arg;
    if (message->opcode == WSLAY_CONNECTION_CLOSE) {
        const char *reason = (const char *)message->msg;
        size_t skip = message->msg_length < 2 ? message->msg_length : 2;
        set_cause(ws, message->status_code ? message->status_code : 1005,
                  reason ? reason + skip : "", message->msg_length - skip);
        start_close_timer(ws);
    } else if (!wslay_is_ctrl_frame(message->opcode) && !ws->closing && !ws->over) {
        size_t len = evbuffer_get_length(ws->incoming);
        const char *text = len ? (const char *)evbuffer_pullup(ws->incoming, -1) : "";
        if (message->opcode == WSLAY_TEXT_FRAME) {
            ws->handlers.message(ws, text, len, ws->arg);
        } else {
            ws->handlers.binary(ws, text, len, ws->arg);
        }
        if (!ws->destroyed) {
            evbuffer_drain(ws->incoming, len);
        }
    }
}

static void init_wslay(struct ws *ws, enum ws_side side)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = wslay_read,
        .send_callback = wslay_write,
        .genmask_callback = wslay_mask,
        .on_frame_recv_start_callback = wslay_frame_start,
        .on_frame_recv_chunk_callback = wslay_frame_chunk,
        .on_msg_recv_callback = wslay_message,
    };
    int rc = side == WS_SERVER ? wslay_event_context_server_init(&ws->wslay, &callbacks, ws)
                               : wslay_event_context_client_init(&ws->wslay, &callbacks, ws);
    if (rc != 0) {
        abort();
    }
    wslay_event_config_set_no_buffering(ws->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(ws->wslay, ws->limits.message_max);
}

static struct event *must_event(struct event *event)
{
    if (!event) {
        abort();
    }
    return event;
}

// A message goes out when it is said: behind another whose acknowledgement is outstanding the kernel would
// hold it back for 40 ms. Fails, without harm, on sockets other than TCP.
static void send_at_once(struct bufferevent *bev)
{
    int on = 1;
    (void)setsockopt(bufferevent_getfd(bev), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

struct ws *ws_create(struct bufferevent *bev, enum ws_side side, const struct ws_handlers *handlers,
                     const struct ws_limits *limits, void *arg)
{
    struct ws *ws = calloc(1, sizeof(*ws));
    if (!ws || !(ws->incoming = evbuffer_new())) {
        abort();
    }
    ws->bev = bev;
    ws->handlers = *handlers;
    ws->limits = *limits;
    ws->arg = arg;
    init_wslay(ws, side);
    send_at_once(bev);

    struct event_base *base = bufferevent_get_base(bev);
    ws->turn = must_event(event_new(base, -1, 0, on_turn, ws));
    ws->ping_timer = must_event(event_new(base, -1, EV_PERSIST, on_ping_timer, ws));
    ws->close_timer = must_event(evtimer_new(base, on_close_timer, ws));
    if (limits->ping_s > 0) {
        evtimer_add(ws->ping_timer, &(struct timeval){.tv_sec = limits->ping_s});
    }
    bufferevent_setcb(bev, on_read, on_written, on_event, ws);
    bufferevent_set_timeouts(bev, NULL, NULL);
    bufferevent_setwatermark(bev, EV_READ | EV_WRITE, 0, 0);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    event_active(ws->turn, EV_TIMEOUT, 0);
    return ws;
}

static int send_message(struct ws *ws, uint8_t opcode, const void *data, size_t len,
                        struct err *err)
{
    if (ws->closing || ws->over) {
        return err_set(err, ERR_UNAVAILABLE, "the connection is closing");
    }
    if (len > ws->limits.backlog_max || ws_backlog(ws) > ws->limits.backlog_max - len) {
        ws_close(ws, 1008, "backlog full");
        return err_set(err, ERR_UNAVAILABLE, "the peer does not read: backlog full");
    }
    struct wslay_event_msg message = {.opcode = opcode, .msg = data, .msg_length = len};
    if (wslay_event_queue_msg(ws->wslay, &message) != 0) {
        return err_set(err, ERR_UNAVAILABLE, "the connection is closing");
    }
    if (!ws->reading) {
        flush(ws);
    }
    return 0;
}

int ws_send(struct ws *ws, const char *text, size_t len, struct err *err)
{
    return send_message(ws, WSLAY_TEXT_FRAME, text, len, err);
}

int ws_send_binary(struct ws *ws, const void *data, size_t len, struct err *err)
{
    return send_message(ws, WSLAY_BINARY_FRAME, data, len, err);
}

void ws_close(struct ws *ws, unsigned code, const char *reason)
{
    // wslay sends control frames first, but what was said before the close must arrive before it.
    if (!ws->closing && !ws->over && wslay_event_send(ws->wslay) != 0) {
        finish(ws, "cannot send");
    }
    close_with(ws, code, reason);
    if (!ws->reading) {
        flush(ws);
    }
}

static void free_at_turn_end(struct event *turn, void *arg)
{
    struct ws *ws = arg;
    event_free(ws->ping_timer);
    event_free(ws->close_timer);
    wslay_event_context_free(ws->wslay);
    evbuffer_free(ws->incoming);
    bufferevent_free(ws->bev);
    free(ws);
}

void ws_destroy(struct ws *ws)
{
    if (!ws || ws->destroyed) {
        return;
    }
    ws->destroyed = true;
    ws->over = true;
    ws->told = true;
    wslay_event_shutdown_read(ws->wslay);
    bufferevent_setcb(ws->bev, NULL, NULL, NULL, NULL);
    bufferevent_disable(ws->bev, EV_READ | EV_WRITE);
    evtimer_del(ws->ping_timer);
    evtimer_del(ws->close_timer);
    // Runs when this turn of the loop ends, or in event_base_free() if there is no other turn.
    event_free_finalize(0, ws->turn, free_at_turn_end);
}

void ws_key(char out[25])
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        abort();
    }
    EVP_EncodeBlock((unsigned char *)out, bytes, sizeof(bytes));
}

void ws_accept(const char *key, char out[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, 1.3
    unsigned char digest[20];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    if (!md || EVP_DigestInit_ex(md, EVP_sha1(), NULL) != 1 ||
        EVP_DigestUpdate(md, key, strlen(key)) != 1 ||
        EVP_DigestUpdate(md, guid, sizeof(guid) - 1) != 1 ||
        EVP_DigestFinal_ex(md, digest, NULL) != 1) {
        abort();
    }
    EVP_MD_CTX_free(md);
    EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
}
