#include "seats.h"

#include "limiter.h"
#include "macro.h"
#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static int take(const char *credential, const char *tenant, int64_t now_ms, struct seat_hold *hold)
{
    struct err err = {0};
    const struct seat_ask ask = {
        .credential = credential, .tenant = tenant, .per_credential = 2, .per_tenant = 3};
    return seats_take(limits, &ask, now_ms, hold, &err);
}

START_TEST(test_a_credential_and_a_tenant_have_so_many)
{
    struct seat_hold a, b, c, none;
    ck_assert_int_eq(take("a", "t", 1000, &a), 0);
    ck_assert_int_eq(take("a", "t", 1000, &b), 0);
    ck_assert_int_eq(take("a", "t", 1000, &none), ERR_RATE_LIMITED);
    ck_assert_int_eq(take("b", "t", 1000, &c), 0);
    ck_assert_int_eq(take("c", "t", 1000, &none), ERR_RATE_LIMITED);
    ck_assert_int_eq(take("c", "u", 1000, &none), 0);
    seats_leave(limits, &a);
    seats_leave(limits, &a); // an empty hold: nothing
    ck_assert_int_eq(take("a", "t", 1000, &a), 0);
}
END_TEST

START_TEST(test_who_belongs_to_no_tenant_counts_by_the_credential_alone)
{
    struct seat_hold hold;
    static const char *const credentials[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        ck_assert_int_eq(take(credentials[i], NULL, 1000, &hold), 0);
    }
}
END_TEST

START_TEST(test_a_seat_that_nobody_keeps_is_free_after_its_time)
{
    struct seat_hold kept, dead, late, other;
    ck_assert_int_eq(take("a", "t", 1000, &kept), 0);
    ck_assert_int_eq(take("a", "t", 1000, &dead), 0);
    seats_keep(limits, &kept, 31000);
    ck_assert_int_eq(take("a", "t", 1000 + SEAT_MS - 1, &late), ERR_RATE_LIMITED);
    ck_assert_int_eq(take("a", "t", 1000 + SEAT_MS, &late), 0);
    // Whoever held it has lost it: it neither keeps nor gives back what is another's.
    seats_keep(limits, &dead, 1000 + SEAT_MS);
    ck_assert_int_eq(dead.index, -1);
    seats_leave(limits, &dead);
    ck_assert_int_eq(take("a", "t", 1000 + SEAT_MS, &other), ERR_RATE_LIMITED);
}
END_TEST

START_TEST(test_a_seat_that_is_kept_in_the_instant_it_was_taken_stays)
{
    struct seat_hold hold, more;
    ck_assert_int_eq(take("a", "t", 1000, &hold), 0);
    seats_keep(limits, &hold, 1000);
    ck_assert_int_ge(hold.index, 0);
    ck_assert_int_eq(take("a", "t", 1000, &more), 0);
    ck_assert_int_ne(hold.index, more.index);
}
END_TEST

enum { PROCESSES = 8, TRIES = 2000, PER_TENANT = 100 };

// As workers do: takes until there is none, at the same time as all the others.
static int take_many(int fd)
{
    struct limits *mine;
    struct err err = {0};
    if (limits_open(fd, &mine, &err) < 0) {
        return -1;
    }
    const struct seat_ask ask = {
        .credential = "a", .tenant = "t", .per_credential = TRIES, .per_tenant = PER_TENANT};
    int taken = 0;
    for (int i = 0; i < TRIES; i++) {
        struct seat_hold hold;
        taken += seats_take(mine, &ask, 1000, &hold, &err) == 0;
    }
    limits_close(mine);
    return taken;
}

START_TEST(test_processes_never_have_more_together)
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
    for (int i = 0; i < PROCESSES; i++) {
        wait(NULL);
    }
    int all = 0;
    for (int i = 0; i < PROCESSES; i++) {
        ck_assert_int_ge(taken[i], 0);
        all += taken[i];
    }
    ck_assert_int_eq(all, PER_TENANT); // after so many tries each was alone for once
    munmap(taken, PROCESSES * sizeof(int));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_a_credential_and_a_tenant_have_so_many,
                                  test_who_belongs_to_no_tenant_counts_by_the_credential_alone,
                                  test_a_seat_that_nobody_keeps_is_free_after_its_time,
                                  test_a_seat_that_is_kept_in_the_instant_it_was_taken_stays,
                                  test_processes_never_have_more_together};
    Suite *suite = suite_create("seats");
    TCase *cases = tcase_create("seats");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
