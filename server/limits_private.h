// The memory that the workers of a machine count in, as limiter.c and seats.c see it.
#pragma once

#include "limiter.h"

#include <sodium.h>
#include <stdatomic.h>

enum { LIMIT_SETS = 8192, LIMIT_WAYS = 8, LIMIT_SEATS = 65536 };

// The time at which the bucket would be full again, had nobody come since: the "theoretical arrival time" of the generic
// cell rate algorithm (ITU-T I.371), which says in one number what a token bucket says in two.
struct bucket {
    _Atomic uint64_t key; // 0: free
    _Atomic int64_t full_us; // monotonic
};

// Taken until a time that its holder moves on: that number alone says whose it is (seats.c).
struct seat {
    _Atomic int64_t until_ms; // monotonic
    _Atomic uint64_t credential, tenant; // 0: nobody
};

struct limits {
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; // nobody can choose keys that collide
    _Atomic int seats_used; // those behind it were never taken
    struct bucket buckets[LIMIT_KINDS][LIMIT_SETS][LIMIT_WAYS];
    struct seat seats[LIMIT_SEATS];
};

// Never 0.
uint64_t limits_key(const struct limits *limits, const char *text);
