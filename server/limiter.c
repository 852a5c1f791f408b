#include "limiter.h"

#include "macro.h"

#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

enum { TABLE_SIZE = 16384, BUCKETS_MAX = 65536, SWEEP = 4 };

struct bucket {
    LIST_ENTRY(bucket) chain;
    TAILQ_ENTRY(bucket) age; // last used, oldest first
    uint64_t key;
    double tokens;
    int64_t seen_ms;
};

struct limiter {
    double rate, burst; // tokens a second; tokens
    LIST_HEAD(, bucket) table[TABLE_SIZE];
    TAILQ_HEAD(, bucket) by_age;
    size_t count;
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; // nobody can choose keys that collide
};

struct limiter *limiter_create(double rate, double burst)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    limiter->rate = rate;
    limiter->burst = burst < 1 ? 1 : burst;
    TAILQ_INIT(&limiter->by_age);
    randombytes_buf(limiter->hash_key, sizeof(limiter->hash_key));
    return limiter;
}

static void forget(struct limiter *limiter, struct bucket *bucket)
{
    LIST_REMOVE(bucket, chain);
    TAILQ_REMOVE(&limiter->by_age, bucket, age);
    limiter->count--;
    free(bucket);
}

void limiter_destroy(struct limiter *limiter)
{
    struct bucket *bucket;
    while ((bucket = TAILQ_FIRST(&limiter->by_age))) {
        forget(limiter, bucket);
    }
    free(limiter);
}

// The oldest few, if they are full again.
static void sweep(struct limiter *limiter, int64_t now_ms)
{
    int64_t full_ms = (int64_t)(limiter->burst / limiter->rate * 1000) + 1;
    struct bucket *bucket;
    for (int i = 0; i < SWEEP && (bucket = TAILQ_FIRST(&limiter->by_age)); i++) {
        if (now_ms - bucket->seen_ms < full_ms && limiter->count <= BUCKETS_MAX) {
            return;
        }
        forget(limiter, bucket);
    }
}

static struct bucket *find(struct limiter *limiter, const char *text, int64_t now_ms)
{
    uint64_t key;
    crypto_shorthash((unsigned char *)&key, (const unsigned char *)text, strlen(text),
                     limiter->hash_key);
    struct bucket *bucket;
    LIST_FOREACH (bucket, &limiter->table[key % TABLE_SIZE], chain) {
        if (bucket->key == key) {
            return bucket;
        }
    }
    bucket = calloc(1, sizeof(*bucket));
    bucket->key = key;
    bucket->tokens = limiter->burst;
    bucket->seen_ms = now_ms;
    LIST_INSERT_HEAD(&limiter->table[key % TABLE_SIZE], bucket, chain);
    TAILQ_INSERT_TAIL(&limiter->by_age, bucket, age);
    limiter->count++;
    return bucket;
}

int limiter_take(struct limiter *limiter, const char *key, int64_t now_ms)
{
    if (limiter->rate <= 0) {
        return 0;
    }
    struct bucket *bucket = find(limiter, key, now_ms);
    bucket->tokens += (double)(now_ms - bucket->seen_ms) / 1000 * limiter->rate;
    if (bucket->tokens > limiter->burst) {
        bucket->tokens = limiter->burst;
    }
    bucket->seen_ms = now_ms;
    TAILQ_REMOVE(&limiter->by_age, bucket, age);
    TAILQ_INSERT_TAIL(&limiter->by_age, bucket, age);
    double missing = 1 - bucket->tokens;
    if (missing <= 0) {
        bucket->tokens -= 1;
    }
    sweep(limiter, now_ms);
    return missing <= 0 ? 0 : (int)(missing / limiter->rate) + 1;
}
