// Second factors: time-based codes (RFC 6238, SHA-1, six digits, thirty seconds, as every authenticator takes them) by liboath,
// and recovery codes.
#pragma once

#include "token.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TOTP_HEX = 40, // a secret of 20 bytes, as it is stored
    TOTP_TEXT = 32, // the same in base32, as a person types it
    RECOVERY_TEXT = 19, // four groups of four
    RECOVERY_CODES = 10,
};

struct totp_secret {
    char hex[TOTP_HEX + 1];
    char text[TOTP_TEXT + 1];
};

void totp_make(struct totp_secret *ret_secret);

// Whether code is that of the secret at now (Unix seconds), of the step before or the one after. *ret_step is the step it is of,
// which must be stored: no code at or before it may be taken again.
bool totp_check(const char *secret_hex, const char *code, int64_t now, int64_t *ret_step);

// What a QR code for an authenticator holds; the caller frees it.
char *totp_uri(const struct totp_secret *secret, const char *email);

struct recovery_code {
    char text[RECOVERY_TEXT + 1];
    char hash[TOKEN_HASH + 1];
};

void recovery_make(struct recovery_code *ret_code);

// The hash of a code as somebody types it: case, spaces and hyphens do not count. Whatever is no code has a hash that no code has.
void recovery_hash(const char *typed, char out[TOKEN_HASH + 1]);
