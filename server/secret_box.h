// Secrets that must be read again, and so cannot be hashes: webhooks' and second factors'. The database has them sealed, under
// a key that it does not have. Pure but for the file; opening is a fuzz target.
#pragma once

#include "err.h"

struct secret_box;

// What they are for.
#define SECRET_WEBHOOK "webhook"
#define SECRET_PAYMENT "payment"
#define SECRET_TOTP "totp " // and the id of its user

// The file has a key a line, `id hex`: the first seals, all of them open, so that a key is replaced by one put before it.
int secret_box_load(const char *path, struct secret_box **ret_box, struct err *err) _must_check_;
void secret_box_destroy(struct secret_box *box); // NULL: nothing

// Makes the file with one key, if it is not there.
int secret_box_init(const char *path, struct err *err) _must_check_;

// purpose: what the secret is for, and whose, if it is somebody's: it opens for nothing else. The caller frees the text.
char *secret_seal(const struct secret_box *box, const char *purpose, const char *text);
// ERR_INVALID: it was sealed for something else, or changed; ERR_NOT_FOUND: under a key that is not in the file.
int secret_open(const struct secret_box *box, const char *purpose, const char *sealed,
                char **ret_text, struct err *err) _must_check_;
