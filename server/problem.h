// The problem document (RFC 9457): the one shape of every error answer.
#pragma once

#include "err.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

// request_id becomes its instance. A 5xx of our own making tells no detail. The caller frees the text.
char *problem_write(const struct err *err, const char *request_id);
