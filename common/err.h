// One error idiom for both programs: a fallible function returns 0 or a negative enum err_code and
// fills the caller's struct err, which is always its last parameter. Context is put in front on the
// way up by err_wrap(). The table in err.c maps each code to its public slug, HTTP status and title,
// so that a failed task and a failed request read alike.
#pragma once

#include "macro.h"

#include <stdbool.h>
#include <stddef.h>

enum err_code {
    ERR_OK = 0,
    ERR_INTERNAL = -1, // a bug of ours, or a state that should not exist
    ERR_MALFORMED = -2, // not parseable: JSON, YAML, HTTP, a frame
    ERR_INVALID = -3, // parseable, but a value is wrong
    ERR_UNAUTHENTICATED = -4,
    ERR_FORBIDDEN = -5,
    ERR_NOT_FOUND = -6,
    ERR_METHOD = -7,
    ERR_CONFLICT = -8,
    ERR_PRECONDITION_FAILED = -9,
    ERR_PRECONDITION_REQUIRED = -10,
    ERR_TOO_LARGE = -11,
    ERR_MEDIA_TYPE = -12,
    ERR_RATE_LIMITED = -13,
    ERR_UNAVAILABLE = -14, // a dependency is away or a queue is full; trying again later helps
    ERR_TIMEOUT = -15,
    ERR_QUOTA = -16, // the tenant's quota would be exceeded
    ERR_NO_CAPACITY = -17, // no node has room
    ERR_POOL_EXHAUSTED = -18, // no free address
    ERR_NODE_UNREACHABLE = -19,
    ERR_IMAGE = -20, // an image does not verify or does not unpack
    ERR_DISK_FULL = -21, // the node's pool or state disk is full
    ERR_SYSTEM = -22, // a system call failed
    ERR_PROTOCOL = -23, // a peer broke the agent protocol
    ERR_CANCELLED = -24,
    ERR_IDEMPOTENCY = -25, // an Idempotency-Key was used with another body
    ERR_PROTECTED = -26, // what is protected is not destroyed
    ERR_EXTERNAL_REF = -27, // a billing module's reference is in use
    ERR_TOTP = -28, // the password was right, a code is missing
    ERR_BREACHED = -29, // a new password is known to have been stolen
    ERR_LAST_OWNER = -30, // a tenant would be left without an owner
    ERR_VPS_LOST = -31, // it was given up with its node
    ERR_BALANCE = -32, // nothing is left of what was paid in advance
    ERR_CODE_MIN = -32,
};

struct err {
    enum err_code code;
    char text[480]; // one sentence fit to show to a person, no secrets
    char existing[64]; // "type/id" of what stands in the way; empty: nothing that may be named
    char pointer[128]; // where: a JSON pointer ("/name"), or "file:line:col"; empty if nowhere
};

struct err_info {
    const char *slug; // stable snake_case name, public
    int status; // HTTP status
    const char *title; // short, for problem+json
};

// Sets the error and returns code, so that `return err_set(err, ERR_INVALID, "...")` reads well.
// err may be NULL: then only the code travels.
int err_set(struct err *err, enum err_code code, const char *fmt, ...) _printf_(3, 4);

// As err_set, with the place of the error.
int err_at(struct err *err, enum err_code code, const char *pointer, const char *fmt, ...)
    _printf_(4, 5);

// Sets ERR_SYSTEM (or ERR_DISK_FULL for ENOSPC and EDQUOT) with strerror(errnum) behind the text.
int err_errno(struct err *err, int errnum, const char *fmt, ...) _printf_(3, 4);

// Puts "context: " in front of the text and returns err->code (ERR_INTERNAL if err is NULL or unset).
int err_wrap(struct err *err, const char *fmt, ...) _printf_(2, 3);

// Never NULL; an unknown code reads as ERR_INTERNAL.
const struct err_info *err_info(enum err_code code);

// The code of a slug; ERR_INTERNAL if no code has it.
enum err_code err_code_from_slug(const char *slug);
