#include "token.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

void token_make(const char *prefix, struct token *ret_token)
{
    unsigned char secret[32];
    char text[TOKEN_SECRET + 1];
    assert(strlen(prefix) + sizeof(text) <= sizeof(ret_token->text));
    randombytes_buf(secret, sizeof(secret));
    sodium_bin2base64(text, sizeof(text), secret, sizeof(secret),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(ret_token->text, sizeof(ret_token->text), "%s%s", prefix, text);
    snprintf(ret_token->shown, sizeof(ret_token->shown), "%s%.*s", prefix, TOKEN_SHOWN, text);
    token_hash(ret_token->text, strlen(ret_token->text), ret_token->hash);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));
}

void token_hash(const char *text, size_t len, char out[TOKEN_HASH + 1])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)text, len);
    sodium_bin2hex(out, TOKEN_HASH + 1, digest, sizeof(digest));
}

void token_wipe(struct token *token)
{
    sodium_memzero(token, sizeof(*token));
}
