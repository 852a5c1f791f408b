// The bytes of a file or of an address, for the command line: it blocks.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

bool image_fetch_is_url(const char *where);

// Writes what is at where (a path, or http:// or https://, which are followed a few times but never from https to http) into fd.
// ERR_TOO_LARGE past max bytes; what came until a failure stays in fd.
int image_fetch(const char *where, int fd, int64_t max, struct err *err) _must_check_;
