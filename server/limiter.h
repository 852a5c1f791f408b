// Rate limits by key: how many requests a second one address or one token may send to this machine. The workers of a
// master share the memory that they are counted in, so a client has the same limit whichever worker it meets, and however
// many there are. Nothing is locked: a bucket is one number, exchanged by compare-and-swap, so that a worker that is killed
// in between leaves nothing behind. Several machines count each for itself.
#pragma once

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct limits; // the memory
struct limiter; // one kind of limit in it

enum limit_kind { LIMIT_ADDRESS, LIMIT_TOKEN, LIMIT_SIGNIN, LIMIT_JOIN, LIMIT_KINDS };

// A file in memory that workers inherit; the caller closes *ret_fd.
int limits_create(int *ret_fd, struct err *err) _must_check_;
// Maps it. fd -1: memory of this process alone, as for a worker without a master.
int limits_open(int fd, struct limits **ret_limits, struct err *err) _must_check_;
void limits_close(struct limits *limits); // NULL: nothing

// rate: requests a second (may be a fraction); burst: how many may come at once. rate 0: no limit. At most 65,536 keys of a
// kind are kept; of eight that meet in one place the one that has waited longest makes room.
struct limiter *limiter_create(struct limits *limits, enum limit_kind kind, double rate,
                               double burst);
void limiter_destroy(struct limiter *limiter); // before limits_close()

// Takes one. 0 if there was one, else the seconds until there is one, at least 1. now_ms: monotonic, of this machine.
int limiter_take(struct limiter *limiter, const char *key, int64_t now_ms);
