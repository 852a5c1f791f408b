// What mails say: a kind and its arguments (migrations/functions/22-people-mail.sql) become a message of RFC 5322. Pure. Nothing in
// an address or an argument can become a header: addresses are of few characters, subjects are encoded words, bodies base64.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct mail {
    const char *id; // UUID
    const char *kind;
    const char *to;
    const json_t *args;
    int64_t created_at; // Unix seconds
    const char *from; // address
    const char *url; // of the panel, that links lead to
    const char *token; // what the link ends in; NULL: there is none
};

// ASCII, of what addresses are usually made of, one @: an address that is not could smuggle a command or a header.
bool mail_address_ok(const char *address);

// The caller frees *ret_message. ERR_INVALID for an address or a kind that cannot be sent.
int mail_write(const struct mail *mail, char **ret_message, struct err *err) _must_check_;
