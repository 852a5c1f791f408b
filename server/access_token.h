// Access tokens of sessions: JWTs that live minutes, ES256 and nothing else. libjwt does the
// signature; every header field and claim is checked here, by name, type and value.
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

enum { ACCESS_TOKEN_ID = 36 };

struct access_key;

struct access_claims {
    char session[ACCESS_TOKEN_ID + 1];
    char user[ACCESS_TOKEN_ID + 1];
    int64_t issued_at, expires_at; // Unix seconds
};

// The PEM private key of pki_dir/jwt.key. ERR_INVALID unless it is a P-256 key.
int access_key_load(const char *pki_dir, struct access_key **ret_key, struct err *err) _must_check_;
void access_key_destroy(struct access_key *key);

// The caller frees *ret_text.
int access_token_make(const struct access_key *key, const struct access_claims *claims,
                      char **ret_text, struct err *err) _must_check_;

// HMAC-SHA-256 of the text under a key derived from this one, as hex: for text with secrets in it, whose plain hash could be guessed.
enum { ACCESS_MAC = 64 };
void access_key_mac(const struct access_key *key, const char *text, size_t len,
                    char out[ACCESS_MAC + 1]);

// ERR_UNAUTHENTICATED with the same text for everything that is wrong. now: Unix seconds.
int access_token_check(const struct access_key *key, const char *text, int64_t now,
                       struct access_claims *ret_claims, struct err *err) _must_check_;
