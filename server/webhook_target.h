// Where a webhook points, and how what goes there is signed. Pure.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    TARGET_URL_MAX = 2000,
    TARGET_HOST_MAX = 253,
    WEBHOOK_SECRET_BYTES = 32,
    SIGNATURE_MAX = 64
};

#define WEBHOOK_SECRET_PREFIX "whsec_"

struct target_rules {
    bool allow_http, allow_private; // for tests and development
};

struct target {
    char host[TARGET_HOST_MAX + 1]; // a name, or a numeric address without brackets
    char port[8];
};

// ERR_INVALID at /url: no HTTPS URL, user or fragment in it, or a numeric address that is not public.
int target_parse(const char *url, const struct target_rules *rules, struct target *ret_target,
                 struct err *err) _must_check_;

// "v1," and the HMAC-SHA256 of "id.timestamp.body" in base64 (Standard Webhooks 1.0.0). ERR_INVALID: no such secret.
int webhook_sign(const char *secret, const char *id, const char *timestamp, const char *body,
                 char out[SIGNATURE_MAX], struct err *err) _must_check_;

// A new secret: the prefix and 32 random bytes in base64.
void webhook_make_secret(char *out, size_t size);
