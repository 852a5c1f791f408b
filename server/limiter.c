#include "limits_private.h"
#include "macro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

struct limiter {
    struct limits *limits;
    struct bucket (*sets)[LIMIT_WAYS];
    int64_t step_us, burst_us; // what one request costs, what may be owed; step 0: no limit
};

// ---- Memory

int limits_create(int *ret_fd, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("croft-limits", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, sizeof(struct limits)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        return err_set(err, ERR_INTERNAL, "memory for rate limits: %s", strerrordesc_np(errno));
    }
    unsigned char key[crypto_shorthash_KEYBYTES];
    if (getentropy(key, sizeof(key)) < 0 ||
        pwrite(fd, key, sizeof(key), offsetof(struct limits, hash_key)) != sizeof(key)) {
        return err_set(err, ERR_INTERNAL, "memory for rate limits: %s", strerrordesc_np(errno));
    }
    *ret_fd = STEAL_FD(fd);
    return 0;
}

int limits_open(int fd, struct limits **ret_limits, struct err *err)
{
    _cleanup_fd_ int own = -1;
    if (fd < 0) {
        int r = limits_create(&own, err);
        if (r < 0) {
            return r;
        }
    }
    void *at =
        mmap(NULL, sizeof(struct limits), PROT_READ | PROT_WRITE, MAP_SHARED, fd < 0 ? own : fd, 0);
    if (at == MAP_FAILED) {
        return err_set(err, ERR_INTERNAL, "memory for rate limits: %s", strerrordesc_np(errno));
    }
    *ret_limits = at;
    return 0;
}

void limits_close(struct limits *limits)
{
    if (limits) {
        munmap(limits, sizeof(*limits));
    }
}

uint64_t limits_key(const struct limits *limits, const char *text)
{
    uint64_t key;
    crypto_shorthash((unsigned char *)&key, (const unsigned char *)text, strlen(text),
                     limits->hash_key);
    return key | 1;
}

struct limiter *limiter_create(struct limits *limits, enum limit_kind kind, double rate,
                               double burst)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter) {
        abort();
    }
    limiter->limits = limits;
    limiter->sets = limits->buckets[kind];
    if (rate > 0) {
        limiter->step_us = (int64_t)(US_PER_S / rate);
        limiter->burst_us = (int64_t)((burst < 1 ? 1 : burst) * US_PER_S / rate);
    }
    return limiter;
}

void limiter_destroy(struct limiter *limiter)
{
    free(limiter);
}

// ---- Taking

// Two workers may see the same bucket as the one to give up: one of them gets it, the other looks again.
static struct bucket *claim(struct bucket set[LIMIT_WAYS], uint64_t key, int64_t now_us)
{
    for (;;) {
        struct bucket *oldest = &set[0];
        for (int i = 0; i < LIMIT_WAYS; i++) {
            uint64_t of = atomic_load(&set[i].key);
            if (of == key) {
                return &set[i];
            }
            if (of == 0 || atomic_load(&set[i].full_us) < atomic_load(&oldest->full_us)) {
                oldest = &set[i];
            }
        }
        uint64_t was = atomic_load(&oldest->key);
        if (atomic_compare_exchange_strong(&oldest->key, &was, key)) {
            atomic_store(&oldest->full_us, now_us); // whoever came in between took one for nothing
            return oldest;
        }
    }
}

int limiter_take(struct limiter *limiter, const char *text, int64_t now_ms)
{
    if (limiter->step_us == 0) {
        return 0;
    }
    uint64_t key = limits_key(limiter->limits, text);
    int64_t now_us = now_ms * US_PER_MS;
    struct bucket *bucket = claim(limiter->sets[(key >> 1) % LIMIT_SETS], key, now_us);
    int64_t full_us = atomic_load(&bucket->full_us);
    for (;;) {
        int64_t next_us = (full_us > now_us ? full_us : now_us) + limiter->step_us;
        int64_t missing_us = next_us - now_us - limiter->burst_us;
        if (missing_us > 0) {
            return (int)((missing_us + US_PER_S - 1) / US_PER_S);
        }
        if (atomic_compare_exchange_weak(&bucket->full_us, &full_us, next_us)) {
            return 0;
        }
    }
}
