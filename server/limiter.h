// Token buckets by key: how many requests a second one address or one token may send to this worker.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct limiter;

// rate: tokens a second (may be a fraction); burst: how many may come at once. rate 0: no limit. A bucket that is full again
// is forgotten; at most 65,536 are kept, after which the oldest make room.
struct limiter *limiter_create(double rate, double burst);
void limiter_destroy(struct limiter *limiter);

// Takes one token. 0 if there was one, else the seconds until there is one, at least 1. now_ms: monotonic.
int limiter_take(struct limiter *limiter, const char *key, int64_t now_ms);
