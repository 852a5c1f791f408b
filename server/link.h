// Links that are mailed: what they end in is made of a nonce with a key that the database does not have, so that neither the
// outbox nor a copy of the database holds one that works.
#pragma once

#include "access_token.h"
#include "token.h"

enum { LINK_NONCE = 64, LINK_TOKEN = ACCESS_MAC };

struct link {
    char nonce[LINK_NONCE + 1];
    char hash[TOKEN_HASH + 1]; // of the token; what the database knows it by
};

void link_make(const struct access_key *key, struct link *ret_link);

// The token of a nonce, always the same one.
void link_token(const struct access_key *key, const char *nonce, char out[LINK_TOKEN + 1]);
