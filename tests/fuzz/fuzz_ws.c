// What a peer sends on a WebSocket. The first byte says which side we are and how the input is cut up.
#include "fuzz.h"
#include "ws.h"

#include <event2/event.h>

struct seen {
    int closed;
    size_t echoes;
};

static const struct ws_limits limits = {.message_max = 4096, .backlog_max = 16384, .ping_s = 10};

static void on_message(struct ws *ws, const char *text, size_t len, void *arg)
{
    struct seen *seen = arg;
    struct err err;
    FUZZ_CHECK(!seen->closed && len <= limits.message_max);
    seen->echoes += ws_send(ws, text, len, &err) == 0;
}

static void on_closed(struct ws *ws, unsigned code, const char *reason, void *arg)
{
    struct seen *seen = arg;
    FUZZ_CHECK(reason && code != 0);
    seen->closed++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct event_base *base = event_base_new();
    struct bufferevent *pair[2];
    FUZZ_CHECK(base && bufferevent_pair_new(base, 0, pair) == 0);
    struct ws_handlers handlers = {.message = on_message, .closed = on_closed};
    struct seen seen = {0};
    struct ws *ws =
        ws_create(pair[0], data[0] & 1 ? WS_CLIENT : WS_SERVER, &handlers, &limits, &seen);
    bufferevent_enable(pair[1], EV_READ | EV_WRITE);
    size_t step = data[0] >> 1 ? data[0] >> 1 : size;
    for (size_t at = 1; at < size; at += step) {
        size_t left = size - at;
        bufferevent_write(pair[1], data + at, left < step ? left : step);
        event_base_loop(base, EVLOOP_NONBLOCK);
        FUZZ_CHECK(ws_backlog(ws) <= limits.backlog_max + 8192);
    }
    FUZZ_CHECK(seen.closed <= 1);
    ws_destroy(ws);
    event_base_loop(base, EVLOOP_NONBLOCK);
    bufferevent_free(pair[1]);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_free(base);
    return 0;
}
