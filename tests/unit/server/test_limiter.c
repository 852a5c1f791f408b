#include "limiter.h"

#include "macro.h"
#include "unit.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct limits *limits;

static void set_up(void)
{
    struct err err = {0};
    ck_assert_msg(limits_open(-1, &limits, &err) == 0, "%s", err.text);
}

static void tear_down(void)
{
    limits_close(limits);
}

START_TEST(test_lets_the_burst_through_and_then_the_rate)
{
    struct limiter *limiter = limiter_create(limits, LIMIT_TOKEN, 2, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(limiter_take(limiter, "a", 1000), 0);
    }
    ck_assert_int_eq(limiter_take(limiter, "a", 1000), 1);
    ck_assert_int_eq(limiter_take(limiter, "b", 1000), 0);
    ck_assert_int_eq(limiter_take(limiter, "a", 1500), 0);
    ck_assert_int_ne(limiter_take(limiter, "a", 1500), 0);
    limiter_destroy(limiter);
}
END_TEST

START_TEST(test_says_how_long_to_wait)
{
    struct limiter *limiter = limiter_create(limits, LIMIT_SIGNIN, 10.0 / 60, 1);
    ck_assert_int_eq(limiter_take(limiter, "a", 5000), 0);
    int wait_s = limiter_take(limiter, "a", 5000);
    ck_assert_int_eq(wait_s, 6);
    ck_assert_int_ne(limiter_take(limiter, "a", 5000 + (wait_s - 1) * 1000), 0);
    ck_assert_int_eq(limiter_take(limiter, "a", 5000 + wait_s * 1000), 0);
    limiter_destroy(limiter);
}
END_TEST

START_TEST(test_a_refusal_costs_nothing)
{
    struct limiter *limiter = limiter_create(limits, LIMIT_TOKEN, 1, 1);
    ck_assert_int_eq(limiter_take(limiter, "a", 1000), 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_ne(limiter_take(limiter, "a", 1500), 0);
    }
    ck_assert_int_eq(limiter_take(limiter, "a", 2000), 0);
    limiter_destroy(limiter);
}
END_TEST

START_TEST(test_kinds_do_not_share)
{
    struct limiter *one = limiter_create(limits, LIMIT_ADDRESS, 1, 1);
    struct limiter *other = limiter_create(limits, LIMIT_TOKEN, 1, 1);
    ck_assert_int_eq(limiter_take(one, "a", 1000), 0);
    ck_assert_int_eq(limiter_take(other, "a", 1000), 0);
    ck_assert_int_ne(limiter_take(one, "a", 1000), 0);
    limiter_destroy(one);
    limiter_destroy(other);
}
END_TEST

START_TEST(test_rate_zero_is_no_limit_and_memory_is_bounded)
{
    struct limiter *limiter = limiter_create(limits, LIMIT_TOKEN, 0, 0);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(limiter_take(limiter, "a", 0), 0);
    }
    limiter_destroy(limiter);
    limiter = limiter_create(limits, LIMIT_TOKEN, 0.1, 10);
    ck_assert_int_eq(limiter_take(limiter, "first", 0), 0);
    for (int i = 0; i < 200000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d", i);
        ck_assert_int_eq(limiter_take(limiter, key, 1), 0);
    }
    limiter_destroy(limiter);
}
END_TEST

// Whoever has used up theirs is not let in again by a flood of others, unless they are thousands.
START_TEST(test_a_few_thousand_others_push_nobody_out)
{
    struct limiter *limiter = limiter_create(limits, LIMIT_TOKEN, 0.1, 1);
    ck_assert_int_eq(limiter_take(limiter, "a", 1000), 0);
    for (int i = 0; i < 4000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d", i);
        ck_assert_int_eq(limiter_take(limiter, key, 1000), 0);
    }
    ck_assert_int_ne(limiter_take(limiter, "a", 1000), 0);
    limiter_destroy(limiter);
}
END_TEST

enum { PROCESSES = 8, TRIES = 20000, BURST = 5000 };

// As workers do: each maps the file that it inherited, and all take at once.
static int take_many(int fd)
{
    struct limits *mine;
    struct err err = {0};
    if (limits_open(fd, &mine, &err) < 0) {
        return -1;
    }
    struct limiter *limiter = limiter_create(mine, LIMIT_ADDRESS, 0.001, BURST);
    int taken = 0;
    for (int i = 0; i < TRIES; i++) {
        taken += limiter_take(limiter, "192.0.2.1", 1000) == 0;
    }
    limiter_destroy(limiter);
    limits_close(mine);
    return taken;
}

START_TEST(test_processes_take_from_one_bucket)
{
    _cleanup_fd_ int fd = -1;
    struct err err = {0};
    ck_assert_int_eq(limits_create(&fd, &err), 0);
    int *taken = mmap(NULL, PROCESSES * sizeof(int), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(taken, MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            taken[i] = take_many(fd);
            _exit(0);
        }
    }
    int all = 0;
    for (int i = 0; i < PROCESSES; i++) {
        wait(NULL);
    }
    for (int i = 0; i < PROCESSES; i++) {
        ck_assert_int_ge(taken[i], 0);
        all += taken[i];
    }
    // Exactly the burst, but for those who found the bucket while another was just making it.
    ck_assert_int_ge(all, BURST);
    ck_assert_int_le(all, BURST + PROCESSES * PROCESSES);
    munmap(taken, PROCESSES * sizeof(int));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_lets_the_burst_through_and_then_the_rate,
                                  test_says_how_long_to_wait,
                                  test_a_refusal_costs_nothing,
                                  test_kinds_do_not_share,
                                  test_rate_zero_is_no_limit_and_memory_is_bounded,
                                  test_a_few_thousand_others_push_nobody_out,
                                  test_processes_take_from_one_bucket};
    Suite *suite = suite_create("limiter");
    TCase *cases = tcase_create("limiter");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
