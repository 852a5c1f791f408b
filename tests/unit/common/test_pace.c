#include "pace.h"

#include "macro.h"
#include "unit.h"

enum { MANY = 50, READ = 100 };

static struct pace pace;
static struct pace_of all[MANY];

// So many of them take as much as they may in each of so many periods; what the first and what all got of it.
static size_t flood(unsigned count, unsigned periods, size_t *ret_first)
{
    size_t sum = 0;
    *ret_first = 0;
    for (unsigned period = 0; period < periods; period++) {
        for (unsigned i = 0; i < count; i++) {
            while (pace_may(&pace, &all[i])) {
                pace_take(&pace, &all[i], READ);
                sum += READ;
                *ret_first += i == 0 ? READ : 0;
            }
        }
        for (unsigned i = 0; i < count; i++) {
            pace_turn(&pace, &all[i]);
        }
        (void)pace_next(&pace);
    }
    return sum;
}

static void start(size_t budget, size_t one)
{
    pace = (struct pace){.all = budget, .one = one};
    memset(all, 0, sizeof(all));
}

START_TEST(one_alone_gets_its_own_bound)
{
    size_t first;
    start(10000, 1000);
    ck_assert_uint_eq(flood(1, 10, &first), 10 * 1000);
}
END_TEST

START_TEST(many_share_the_whole_in_equal_parts)
{
    size_t first;
    start(10000, 1000);
    flood(MANY, 2, &first); // in the first period nobody knows of the others
    size_t sum = flood(MANY, 100, &first);
    ck_assert_uint_ge(sum, 90 * 10000);
    ck_assert_uint_le(sum, 110 * 10000);
    ck_assert_uint_ge(first, 90 * 10000 / MANY);
    ck_assert_uint_le(first, 110 * 10000 / MANY);
}
END_TEST

START_TEST(what_one_read_brought_too_much_is_waited_off)
{
    size_t first;
    start(MANY * 10, 1000); // a tenth of what one read brings
    flood(MANY, 20, &first);
    size_t sum = flood(MANY, 100, &first);
    ck_assert_uint_le(sum, 120 * MANY * 10);
    ck_assert_uint_ge(first, READ);
}
END_TEST

START_TEST(who_takes_little_never_waits_for_who_takes_much)
{
    start(10000, 1000);
    for (int period = 0; period < 50; period++) {
        ck_assert(pace_may(&pace, &all[0]));
        pace_take(&pace, &all[0], 1);
        for (int i = 1; i < MANY; i++) {
            while (pace_may(&pace, &all[i])) {
                pace_take(&pace, &all[i], READ);
            }
        }
        for (int i = 0; i < MANY; i++) {
            pace_turn(&pace, &all[i]);
        }
        ck_assert(pace_next(&pace));
    }
}
END_TEST

START_TEST(when_nobody_takes_the_periods_end)
{
    start(10000, 1000);
    pace_take(&pace, &all[0], 2500);
    ck_assert(!pace_may(&pace, &all[0]));
    for (int period = 0; period < 2; period++) {
        pace_turn(&pace, &all[0]);
        ck_assert(pace_next(&pace));
    }
    ck_assert(pace_may(&pace, &all[0]));
    for (int period = 0; period < 2; period++) {
        pace_turn(&pace, &all[0]);
        (void)pace_next(&pace);
    }
    pace_turn(&pace, &all[0]);
    ck_assert(!pace_next(&pace));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {one_alone_gets_its_own_bound,
                                  many_share_the_whole_in_equal_parts,
                                  what_one_read_brought_too_much_is_waited_off,
                                  who_takes_little_never_waits_for_who_takes_much,
                                  when_nobody_takes_the_periods_end,
                                  NULL};
    return unit_run(unit_suite("pace", tests));
}
