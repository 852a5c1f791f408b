#include "frame.h"

#include "json.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct frame_channel {
    struct bufferevent *bev;
    struct frame_handlers handlers;
    void *arg;
    bool closed;
};

int frame_measure(const void *data, size_t len, size_t *ret_size, struct err *err)
{
    *ret_size = 0;
    if (len < FRAME_HEADER) {
        return 0;
    }
    const uint8_t *p = data;
    size_t size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (size == 0 || size > FRAME_MAX) {
        return err_set(err, ERR_PROTOCOL, "a frame of %zu bytes", size);
    }
    if (len >= FRAME_HEADER + size) {
        *ret_size = FRAME_HEADER + size;
    }
    return 0;
}

int frame_decode(const void *data, size_t size, json_t **ret_message, struct err *err)
{
    _cleanup_json_ json_t *message = NULL;
    const char *text = (const char *)data + FRAME_HEADER;
    int r = json_read(text, size - FRAME_HEADER, JSON_DEPTH_MAX, &message, err);
    if (r < 0) {
        return r;
    }
    if (!json_is_object(message)) {
        return err_set(err, ERR_PROTOCOL, "a frame holds no object");
    }
    *ret_message = STEAL(message);
    return 0;
}

static void close_channel(struct frame_channel *channel, const char *reason)
{
    if (channel->closed) {
        return;
    }
    channel->closed = true;
    bufferevent_disable(channel->bev, EV_READ | EV_WRITE);
    channel->handlers.closed(reason, channel->arg);
}

// Takes one frame from the input; false when there is no whole one or the channel broke.
static bool read_one(struct frame_channel *channel, struct evbuffer *input)
{
    struct err err = {0};
    uint8_t header[FRAME_HEADER];
    size_t len = evbuffer_get_length(input);
    size_t size = 0;
    if (len < FRAME_HEADER) {
        return false;
    }
    evbuffer_copyout(input, header, sizeof(header));
    int r = frame_measure(header, len, &size, &err);
    if (r == 0 && size == 0) {
        return false;
    }
    _cleanup_json_ json_t *message = NULL;
    if (r == 0) {
        r = frame_decode(evbuffer_pullup(input, (ev_ssize_t)size), size, &message, &err);
    }
    if (r < 0) {
        close_channel(channel, err.text);
        return false;
    }
    evbuffer_drain(input, size);
    channel->handlers.message(message, channel->arg);
    return !channel->closed;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct frame_channel *channel = arg;
    while (read_one(channel, bufferevent_get_input(bev))) {
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    close_channel(arg, what & BEV_EVENT_EOF ? "the other process is gone" : "broken socket");
}

struct frame_channel *frame_channel_create(struct event_base *base, int fd,
                                           const struct frame_handlers *handlers, void *arg)
{
    struct frame_channel *channel = calloc(1, sizeof(*channel));
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!channel || !bev || evutil_make_socket_nonblocking(fd) < 0) {
        abort();
    }
    channel->bev = bev;
    channel->handlers = *handlers;
    channel->arg = arg;
    bufferevent_setcb(bev, on_read, NULL, on_event, channel);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return channel;
}

void frame_channel_destroy(struct frame_channel *channel)
{
    if (channel) {
        bufferevent_free(channel->bev);
        free(channel);
    }
}

int frame_send(struct frame_channel *channel, const json_t *message, struct err *err)
{
    struct evbuffer *output = bufferevent_get_output(channel->bev);
    if (channel->closed || evbuffer_get_length(output) > FRAME_BACKLOG_MAX) {
        return err_set(err, ERR_UNAVAILABLE, "the other process does not keep up");
    }
    _cleanup_free_ char *text = json_write(message);
    size_t len = strlen(text);
    if (len > FRAME_MAX) {
        return err_set(err, ERR_TOO_LARGE, "a message of %zu bytes", len);
    }
    uint8_t header[FRAME_HEADER] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                    (uint8_t)len};
    evbuffer_add(output, header, sizeof(header));
    evbuffer_add(output, text, len);
    return 0;
}
