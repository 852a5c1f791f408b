// The only place that answers: once a request, from success, error or deadline.
#pragma once

struct request;

// Sends request->err if it is set, else request->answer; logs and counts it; ends the request.
void reply_send(struct request *request);
