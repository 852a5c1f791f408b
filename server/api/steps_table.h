// What hand-written steps borrow from the table's.
#pragma once

#include "limiter.h"
#include "request.h"
#include "uuid.h"

enum { STEP_DEADLINE_MS = 10000 };

// Takes one token of the limiter, or answers 429.
enum step_result step_limit(struct request *request, struct limiter *limiter, const char *key);

// Runs it with done; the request is its argument.
enum step_result step_run(struct request *request, const struct db_request *db_request,
                          db_done *done);

// Puts a failed statement into request->err, and logs what only operators should read.
void step_take_error(struct request *request, const struct db_outcome *outcome);
