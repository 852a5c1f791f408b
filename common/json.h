// Strict reading of JSON: size and depth are bounded, duplicate keys, \u0000 and trailing bytes refused.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 };

// *ret_value is a new reference. max_depth: nesting of arrays and objects, at most JSON_DEPTH_MAX.
// A failure is ERR_MALFORMED with line and column in the text.
int json_read(const char *text, size_t len, unsigned max_depth, json_t **ret_value,
              struct err *err) _must_check_;

// Compact text; the caller frees it. Never NULL (running out of memory aborts).
char *json_write(const json_t *value);

// Lookups that never fail hard: the value if it is there and of that type, else the fallback.
const char *json_get_string(const json_t *object, const char *key, const char *fallback);
int64_t json_get_int(const json_t *object, const char *key, int64_t fallback);

static inline void cleanup_json(json_t **value)
{
    json_decref(*value);
}
#define _cleanup_json_ _cleanup_(cleanup_json)
