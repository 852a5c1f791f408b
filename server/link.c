#include "link.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

void link_make(const struct access_key *key, struct link *ret_link)
{
    unsigned char bytes[LINK_NONCE / 2];
    char token[LINK_TOKEN + 1];
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(ret_link->nonce, sizeof(ret_link->nonce), bytes, sizeof(bytes));
    link_token(key, ret_link->nonce, token);
    token_hash(token, LINK_TOKEN, ret_link->hash);
    sodium_memzero(token, sizeof(token));
}

void link_token(const struct access_key *key, const char *nonce, char out[LINK_TOKEN + 1])
{
    char text[LINK_NONCE + 8];
    int len = snprintf(text, sizeof(text), "link %.*s", LINK_NONCE, nonce);
    access_key_mac(key, text, (size_t)len, out);
}
