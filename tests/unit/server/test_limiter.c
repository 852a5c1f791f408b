#include "limiter.h"

#include "unit.h"

#include <stdio.h>

START_TEST(test_lets_the_burst_through_and_then_the_rate)
{
    struct limiter *limiter = limiter_create(2, 5);
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

START_TEST(test_rate_zero_is_no_limit_and_memory_is_bounded)
{
    struct limiter *limiter = limiter_create(0, 0);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(limiter_take(limiter, "a", 0), 0);
    }
    limiter_destroy(limiter);
    limiter = limiter_create(0.1, 10);
    ck_assert_int_eq(limiter_take(limiter, "first", 0), 0);
    for (int i = 0; i < 200000; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%d", i);
        ck_assert_int_eq(limiter_take(limiter, key, 1), 0);
    }
    limiter_destroy(limiter);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_lets_the_burst_through_and_then_the_rate,
                                  test_rate_zero_is_no_limit_and_memory_is_bounded, NULL};
    return unit_run(unit_suite("limiter", tests));
}
