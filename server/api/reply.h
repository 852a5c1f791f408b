// The only place that answers: once a request, from success, error or deadline.
#pragma once

#include <stdbool.h>

struct bufferevent;
struct request;

// Sends request->err if it is set, else request->answer; logs and counts it; ends the request.
void reply_send(struct request *request);

// Answers 101 and hands the connection over; NULL: the client has left. The request has ended either way.
struct bufferevent *reply_upgrade(struct request *request, const char *protocol);

// Begins an event stream; false: the client has left. It counts as answered now and is logged when it ends.
bool reply_stream_begin(struct request *request);
void reply_stream_end(struct request *request, const char *reason);
