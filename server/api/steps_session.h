// What sign-in borrows from the session's own steps.
#pragma once

#include "request.h"

#define SESSION_COOKIE "croft_session"
#define DEVICE_COOKIE "croft_device"

// Adds a Set-Cookie to the answer: at most two.
void session_cookie(struct request *request, const char *name, const char *value,
                    int64_t max_age_s);

// The value of a cookie of ours; empty if it is not there or is no secret of ours.
const char *session_read_cookie(struct request *request, const char *name);

// Runs a statement that answers with a session; takes input over.
enum step_result session_run(struct request *request, enum sql_id sql, json_t *input);
