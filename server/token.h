// Secrets of 32 random bytes, shown once and kept as SHA-256: opaque API tokens, join tokens, the
// session cookie and its CSRF token.
#pragma once

#include "err.h"

#include <stddef.h>

enum { TOKEN_SECRET = 43, TOKEN_MAX = 80, TOKEN_HASH = 64, TOKEN_SHOWN = 6 };

struct token {
    char text[TOKEN_MAX]; // prefix and 43 base64url characters
    char shown[TOKEN_MAX]; // the prefix and the first few characters, to tell tokens apart
    char hash[TOKEN_HASH + 1]; // SHA-256 of text, hex
};

void token_make(const char *prefix, struct token *ret_token);

// SHA-256 of len bytes, lower-case hex and NUL.
void token_hash(const char *text, size_t len, char out[TOKEN_HASH + 1]);

// Forgets the secret.
void token_wipe(struct token *token);
