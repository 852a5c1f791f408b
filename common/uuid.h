// UUIDs: version 7 (RFC 9562) made here, canonical text checked here.
#pragma once

#include <stdbool.h>

enum { UUID_LEN = 36 };

// 36 characters and NUL; random bits from getrandom(2), time in milliseconds.
void uuid_make(char out[UUID_LEN + 1]);

// True for 8-4-4-4-12 lower-case hex, nothing else.
bool uuid_is(const char *text);
