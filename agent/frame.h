// Length-prefixed JSON between link and broker: 4 bytes big-endian, then one JSON object.
#pragma once

#include "err.h"

#include <event2/event.h>
#include <jansson.h>
#include <stddef.h>

enum { FRAME_HEADER = 4, FRAME_MAX = 1024 * 1024, FRAME_BACKLOG_MAX = 16 * FRAME_MAX };

// *ret_size: bytes of the first frame with its header, or 0 when more input is needed. An empty frame
// or one longer than FRAME_MAX is ERR_PROTOCOL. Fuzz target.
int frame_measure(const void *data, size_t len, size_t *ret_size, struct err *err) _must_check_;

// *ret_message: the JSON object in a whole frame of size bytes; new reference. Fuzz target.
int frame_decode(const void *data, size_t size, json_t **ret_message, struct err *err) _must_check_;

// A stream of frames over a connected socket, driven by an event loop.
struct frame_channel;

struct frame_handlers {
    void (*message)(json_t *message, void *arg); // borrowed for the call
    // The peer is gone or broke the framing; called once. Destroy the channel after the loop has
    // ended, or from another callback, not from this one.
    void (*closed)(const char *reason, void *arg);
};

// Owns fd from now on.
struct frame_channel *frame_channel_create(struct event_base *base, int fd,
                                           const struct frame_handlers *handlers, void *arg);
void frame_channel_destroy(struct frame_channel *channel);

// Queues one message; it stays the caller's. ERR_UNAVAILABLE when too much is waiting.
int frame_send(struct frame_channel *channel, const json_t *message, struct err *err) _must_check_;
