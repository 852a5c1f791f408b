#include "wait.h"

#include "unit.h"

#define TASK "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"

static struct {
    int calls;
    enum wait_news news;
} got;

static void on_woken(enum wait_news news, void *arg)
{
    got.calls++;
    got.news = news;
}

static struct event_base *base;
static struct db *db;
static struct waits *waits;

// The pool never connects: what is under test is what a wait makes of its own timer and of draining.
static void set_up(void)
{
    base = event_base_new();
    db = db_create(base, &(struct db_config){"host=/nonexistent", 1, 1});
    waits = waits_create(base, db);
    got.calls = 0;
}

static void tear_down(void)
{
    db_destroy(db);
    event_base_loop(base, EVLOOP_NONBLOCK);
    waits_destroy(waits);
    event_base_free(base);
}

START_TEST(test_is_over_when_the_time_is)
{
    struct wait *wait = wait_begin(waits, TASK, 1, on_woken, NULL);
    enum wait_news news;
    ck_assert(!wait_arm(wait, &news));
    while (got.calls == 0) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    ck_assert_int_eq(got.news, WAIT_OVER);
    ck_assert(wait_arm(wait, &news)); // and stays so
    ck_assert_int_eq(news, WAIT_OVER);
    ck_assert_int_eq(got.calls, 1);
    wait_end(wait);
}
END_TEST

START_TEST(test_news_before_arming_is_kept)
{
    struct wait *wait = wait_begin(waits, TASK, 30, on_woken, NULL);
    waits_end_all(waits);
    ck_assert_int_eq(got.calls, 0);
    enum wait_news news;
    ck_assert(wait_arm(wait, &news));
    ck_assert_int_eq(news, WAIT_OVER);
    wait_end(wait);
}
END_TEST

static void on_woken_end(enum wait_news news, void *arg)
{
    struct wait **wait = arg;
    got.calls++;
    wait_end(*wait);
}

START_TEST(test_a_wait_may_end_itself_when_told)
{
    struct wait *many[20];
    enum wait_news news;
    for (int i = 0; i < 20; i++) {
        many[i] = wait_begin(waits, TASK, 30, on_woken_end, &many[i]);
        ck_assert(!wait_arm(many[i], &news));
    }
    waits_end_all(waits);
    ck_assert_int_eq(got.calls, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wait");
    TCase *cases = tcase_create("wait");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, test_is_over_when_the_time_is);
    tcase_add_test(cases, test_news_before_arming_is_kept);
    tcase_add_test(cases, test_a_wait_may_end_itself_when_told);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
