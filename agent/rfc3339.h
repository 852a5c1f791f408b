// A moment as RFC 3339 in UTC with milliseconds, as messages hold it.
#pragma once

#include <stdint.h>

enum { RFC3339_SIZE = 40 };

// ms: since 1970.
void rfc3339_ms(int64_t ms, char out[RFC3339_SIZE]);
void rfc3339_now(char out[RFC3339_SIZE]);
