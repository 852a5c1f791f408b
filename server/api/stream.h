// Event streams: server-sent events to clients that stay. Streams that may see the same events form a feed; what NOTIFY
// croft_event announces is read once for all of them that are at the same place, with the credentials of one, so that every
// read is authorised. A stream that is behind (a resume, a slow reader) reads on its own until it is where the others are.
#pragma once

#include "request.h"
#include "seats.h"

#include <stdbool.h>
#include <stdint.h>

struct streams; // of one worker
struct stream; // one client's

enum stream_end {
    STREAM_LEFT, // the client did
    STREAM_REVOKED,
    STREAM_DRAIN, // the worker does
};

struct streams_config {
    struct event_base *base;
    struct db *db;
    struct revocations *revocations;
    struct limits *limits; // where the workers of a machine count
    int max; // of this worker
    int max_per_credential, max_per_tenant; // of the machine
};

struct streams *streams_create(const struct streams_config *config);
void streams_listen(struct streams *streams); // from then on the database keeps calling
void streams_destroy(struct streams *streams); // no stream may be left
int streams_count(const struct streams *streams);

// Whether this worker has room for one more. ERR_UNAVAILABLE.
int streams_admit(const struct streams *streams, struct err *err) _must_check_;

// A seat for who has been authenticated: stream_begin() takes it over, seats_leave() gives it back. ERR_RATE_LIMITED, ERR_UNAVAILABLE.
int streams_sit(const struct streams *streams, const struct credentials *credentials,
                const struct db_rows *entered, struct seat_hold *ret_seat,
                struct err *err) _must_check_;

// Everybody is told to come back.
void streams_end_all(struct streams *streams);

struct stream_start {
    struct request *request; // which the stream ends
    const struct db_rows *entered; // of the authentication
    struct db_step auth; // repeated with each read; its texts live as long as the request
    struct seat_hold seat;
    int64_t position; // the event behind which it goes on
};

// The answer has begun (reply_stream_begin). stream_destroy() is request_end()'s.
struct stream *stream_begin(struct streams *streams, const struct stream_start *start);
void stream_gone(struct stream *stream); // the client left; not from within its own callbacks only
void stream_destroy(struct stream *stream);

// The id of an event as a client names it: 1 to 15 digits. ERR_INVALID.
int stream_read_id(const char *text, int64_t *ret_id, struct err *err) _must_check_;

// One event as a message: id, data.
void stream_print(struct evbuffer *to, const char *id, const char *body);
