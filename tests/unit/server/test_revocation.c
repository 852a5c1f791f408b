#include "revocation.h"

#include "macro.h"
#include "unit.h"

#define A "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"
#define B "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a12"

static struct event_base *base;
static struct revocations *revocations;
static int cuts;
static enum revocation_cause last;

static void set_up(void)
{
    base = event_base_new();
    revocations = revocations_create(base);
    cuts = 0;
}

static void tear_down(void)
{
    revocations_destroy(revocations);
    event_base_free(base);
}

static void on_cut(enum revocation_cause cause, void *arg)
{
    last = cause;
    cuts++;
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct revocation *watch(struct revocation_who who, int64_t since_ms)
{
    return revocation_watch(revocations, &who, since_ms, on_cut, NULL);
}

START_TEST(test_each_kind_of_notice_cuts_its_own)
{
    static const char *const notices[] = {"token:" A, "session:" A, "user:" A, "tenant:" A};
    const struct revocation_who whos[] = {{.token = A}, {.session = A}, {.user = A}, {.tenant = A}};
    for (size_t who = 0; who < ARRAY_LEN(whos); who++) {
        for (size_t notice = 0; notice < ARRAY_LEN(notices); notice++) {
            struct revocation *one = watch(whos[who], 1000);
            cuts = 0;
            revocations_notice(revocations, notices[notice], 500); // so that none counts as missed
            ck_assert_int_eq(cuts, 0); // not from within
            turn();
            ck_assert_int_eq(cuts, who == notice);
            ck_assert(cuts == 0 || last == REVOCATION_SAID);
            revocation_end(one);
        }
    }
}
END_TEST

START_TEST(test_other_ids_and_nonsense_cut_nobody)
{
    struct revocation *one =
        watch((struct revocation_who){.token = A, .user = A, .tenant = A}, 1000);
    static const char *const notices[] = {
        "token:" B, "user:" B,      "token",     "token:",     "",
        ":" A,      "token:" A "x", "tokens:" A, "session:" A, "session:"};
    for (size_t i = 0; i < ARRAY_LEN(notices); i++) {
        revocations_notice(revocations, notices[i], 500);
        turn();
        ck_assert_msg(cuts == 0, "%s", notices[i]);
    }
    revocation_end(one);
}
END_TEST

START_TEST(test_is_cut_once)
{
    struct revocation *one = watch((struct revocation_who){.token = A}, 1000);
    revocations_notice(revocations, "token:" A, 2000);
    revocations_notice(revocations, "token:" A, 2000);
    turn();
    revocations_notice(revocations, "token:" A, 2000);
    turn();
    ck_assert_int_eq(cuts, 1);
    revocation_end(one);
}
END_TEST

START_TEST(test_a_notice_between_authentication_and_watch_counts)
{
    revocations_notice(revocations, "token:" A, 1500);
    struct revocation *before = watch((struct revocation_who){.token = A}, 1400);
    ck_assert_int_eq(cuts, 0);
    turn();
    ck_assert_int_eq(cuts, 1);
    struct revocation *after = watch((struct revocation_who){.token = A}, 1501);
    turn();
    ck_assert_int_eq(cuts, 1);
    revocation_end(before);
    revocation_end(after);
}
END_TEST

START_TEST(test_more_notices_than_are_kept_cut_who_cannot_know)
{
    for (int i = 0; i < 300; i++) {
        revocations_notice(revocations, "token:" B, 1500 + i);
    }
    struct revocation *old = watch((struct revocation_who){.token = A}, 1510);
    struct revocation *fresh = watch((struct revocation_who){.token = A}, 1700);
    turn();
    ck_assert_int_eq(cuts, 1);
    revocation_end(old);
    revocation_end(fresh);
}
END_TEST

START_TEST(test_missed_notices_cut_everybody)
{
    struct revocation *one = watch((struct revocation_who){.token = A}, 1000);
    struct revocation *two = watch((struct revocation_who){.session = B}, 1000);
    revocations_notice(revocations, NULL, 2000);
    turn();
    ck_assert_int_eq(cuts, 2);
    ck_assert_int_eq(last, REVOCATION_UNSURE);
    revocation_end(one);
    revocation_end(two);
}
END_TEST

START_TEST(test_expiry_cuts)
{
    struct revocation *one = watch((struct revocation_who){.token = A, .valid_s = 1}, 1000);
    turn();
    ck_assert_int_eq(cuts, 0);
    while (cuts == 0) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    ck_assert_int_eq(last, REVOCATION_EXPIRED);
    revocation_end(one);
}
END_TEST

static struct revocation *pair[2];

static void on_cut_end_both(enum revocation_cause cause, void *arg)
{
    cuts++;
    for (int i = 0; i < 2; i++) {
        revocation_end(pair[i]);
        pair[i] = NULL;
    }
}

START_TEST(test_being_told_may_end_others)
{
    for (int i = 0; i < 2; i++) {
        pair[i] = revocation_watch(revocations, &(struct revocation_who){.token = A}, 1000,
                                   on_cut_end_both, NULL);
    }
    revocations_notice(revocations, "token:" A, 2000);
    turn();
    ck_assert_int_eq(cuts, 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_each_kind_of_notice_cuts_its_own,
                                  test_other_ids_and_nonsense_cut_nobody,
                                  test_is_cut_once,
                                  test_a_notice_between_authentication_and_watch_counts,
                                  test_more_notices_than_are_kept_cut_who_cannot_know,
                                  test_missed_notices_cut_everybody,
                                  test_expiry_cuts,
                                  test_being_told_may_end_others};
    Suite *suite = suite_create("revocation");
    TCase *cases = tcase_create("revocation");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
