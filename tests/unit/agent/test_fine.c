#include "fine.h"

#include "err.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct fine fine;

static void add(int64_t ms, uint64_t cpu_ms, uint64_t rx)
{
    const struct usage_counters total = {
        .cpu_ns = cpu_ms * 1000000, .memory_bytes = 4096, .net_rx_bytes = rx};
    fine_add(&fine, ms, &total);
}

static void expect(int64_t ms, const char *text)
{
    char *taken = fine_take(&fine, ms);
    if (text) {
        ck_assert_ptr_nonnull(taken);
        ck_assert_str_eq(taken, text);
    } else {
        ck_assert_ptr_null(taken);
    }
    free(taken);
}

static void setup(void)
{
    fine = (struct fine){0};
}

START_TEST(a_point_is_what_was_counted_in_ten_seconds)
{
    add(1000, 500, 100);
    expect(1000, NULL);
    add(11000, 1500, 150);
    add(21000, 1500, 150);
    expect(31000, "20000,10000,1000000,4,0,0,0,0,0,0,50,0,0,0,0,0,0,0;"
                  "10000,10000,0,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
    expect(31000, NULL);
    add(31000, 1600, 150);
    expect(31000, "0,10000,100000,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
}
END_TEST

START_TEST(samples_that_are_nearer_become_part_of_the_next_point)
{
    for (int i = 0; i <= 20; i++) {
        add(1000 * i, (uint64_t)i, 0);
    }
    expect(20000, "10000,10000,10000,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0;"
                  "0,10000,10000,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0");
}
END_TEST

START_TEST(the_newest_are_kept_and_nothing_is_counted_backwards)
{
    for (int i = 0; i <= 20; i++) {
        add(10000 * i, 1000 - (uint64_t)i, 0);
    }
    ck_assert_int_eq(fine.count, FINE_POINTS_MAX);
    char *taken = fine_take(&fine, 200000);
    ck_assert_ptr_nonnull(strstr(taken, "60000,10000,0,4"));
    free(taken);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fine");
    TCase *cases = tcase_create("fine");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, a_point_is_what_was_counted_in_ten_seconds);
    tcase_add_test(cases, samples_that_are_nearer_become_part_of_the_next_point);
    tcase_add_test(cases, the_newest_are_kept_and_nothing_is_counted_backwards);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
