#include "password.h"

#include "unit.h"

#include <string.h>

static struct {
    int calls;
    bool right;
    char hash[crypto_pwhash_STRBYTES];
} got;

static void on_done(const struct password_outcome *outcome, void *arg)
{
    got.calls++;
    got.right = outcome->right;
    snprintf(got.hash, sizeof(got.hash), "%s", outcome->hash ? outcome->hash : "");
    event_base_loopbreak(arg);
}

static struct password_pool *make(struct event_base *base, int queue_max)
{
    struct password_config config = {
        .memory_bytes = 65536, .passes = 1, .threads = 1, .queue_max = queue_max};
    struct password_pool *pool;
    struct err err = {0};
    ck_assert_int_eq(password_pool_create(base, &config, &pool, &err), 0);
    memset(&got, 0, sizeof(got));
    return pool;
}

START_TEST(test_hashes_and_verifies)
{
    struct event_base *base = event_base_new();
    struct password_pool *pool = make(base, 8);
    struct password_job *job;
    struct err err = {0};
    ck_assert_int_eq(password_hash(pool, "secret", on_done, base, &job, &err), 0);
    ck_assert_int_eq(got.calls, 0);
    event_base_dispatch(base);
    ck_assert_int_eq(strncmp(got.hash, "$argon2id$", 10), 0);
    char hash[crypto_pwhash_STRBYTES];
    memcpy(hash, got.hash, sizeof(hash));
    static const struct {
        const char *password;
        bool known, right;
    } cases[] = {{"secret", true, true},
                 {"Secret", true, false},
                 {"", true, false},
                 {"secret", false, false},
                 {"", false, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(password_verify(pool, cases[i].known ? hash : NULL, cases[i].password,
                                         on_done, base, &job, &err),
                         0);
        event_base_dispatch(base);
        ck_assert_int_eq(got.right, cases[i].right);
    }
    password_pool_destroy(pool);
    event_base_free(base);
}
END_TEST

START_TEST(test_bounds_its_queue_and_cancels)
{
    struct event_base *base = event_base_new();
    struct password_pool *pool = make(base, 2);
    struct password_job *job;
    struct err err = {0};
    int taken = 0;
    int r = 0;
    while (taken < 100 && (r = password_hash(pool, "x", on_done, base, &job, &err)) == 0) {
        password_job_cancel(job);
        taken++;
    }
    ck_assert_int_eq(r, ERR_UNAVAILABLE);
    for (int i = 0; i < 20; i++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    password_pool_destroy(pool);
    ck_assert_int_eq(got.calls, 0);
    event_base_free(base);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {test_hashes_and_verifies, test_bounds_its_queue_and_cancels,
                                  NULL};
    return unit_run(unit_suite("password", tests));
}
