// Passwords as argon2id, or for guests as crypt(5), computed on a few threads so that the event loop never waits for one.
#pragma once

#include "err.h"

#include <event2/event.h>
#include <sodium.h>
#include <stdbool.h>

struct password_config {
    size_t memory_bytes; // of one hash
    unsigned long long passes;
    int threads;
    int queue_max; // waiting; more get ERR_UNAVAILABLE at once
    const char *breach_list; // new passwords are looked up here first (breach.h); NULL: in no list
};

struct password_pool;
struct password_job;

// Of password_hash() the hash or, where there is none, why; of password_verify() whether the password was right.
struct password_outcome {
    const char *hash;
    const struct err *
        err; // ERR_BREACHED: it is in the list; ERR_UNAVAILABLE: memory, or the list cannot be read
    bool right;
};

typedef void password_done(const struct password_outcome *outcome, void *arg);

// Computes one hash at once, for the decoy that verifying nobody's password takes as long as.
int password_pool_create(struct event_base *base, const struct password_config *config,
                         struct password_pool **ret_pool, struct err *err) _must_check_;
// Waits for the hashes that are being computed; calls nobody back.
void password_pool_destroy(struct password_pool *pool);

// done is called once, from the loop, unless cancelled. The password is copied and wiped after use.
int password_hash(struct password_pool *pool, const char *password, password_done *done, void *arg,
                  struct password_job **ret_job, struct err *err) _must_check_;

// The same, but as crypt(5) writes a hash, for a guest's /etc/shadow: SHA-512, which every libc and busybox read.
int password_hash_crypt(struct password_pool *pool, const char *password, password_done *done,
                        void *arg, struct password_job **ret_job, struct err *err) _must_check_;

// hash NULL: the decoy is verified, and the answer is "wrong".
int password_verify(struct password_pool *pool, const char *hash, const char *password,
                    password_done *done, void *arg, struct password_job **ret_job,
                    struct err *err) _must_check_;

void password_job_cancel(struct password_job *job);
