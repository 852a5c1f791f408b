// The pool against a real PostgreSQL. croft_node_join() is a double here: its first argument says what to
// do, so that one of our real statements can echo, sleep, raise or end its own connection.
#include "db.h"

#include "cluster.h"
#include "unit.h"

#include <time.h>

static struct cluster cluster;

static const char double_sql[] =
    "CREATE ROLE croft_server LOGIN;"
    "CREATE FUNCTION croft_node_join(text, text, text, text) RETURNS text LANGUAGE plpgsql AS $$ "
    "BEGIN"
    " IF $1 = 'sleep' THEN PERFORM pg_sleep($2::float);"
    " ELSIF $1 = 'raise' THEN RAISE EXCEPTION SQLSTATE 'CR409' USING MESSAGE = 'No room.',"
    "  DETAIL = 'quota_exceeded', HINT = '/plan_id';"
    " ELSIF $1 = 'unknown' THEN RAISE EXCEPTION SQLSTATE 'CR404' USING MESSAGE = 'Gone.', DETAIL = "
    "'gone';"
    " ELSIF $1 = 'broken' THEN PERFORM 1/0;"
    " ELSIF $1 = 'backend' THEN RETURN pg_backend_pid();"
    " ELSIF $1 = 'die' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
    " END IF; RETURN $2; END $$";

static struct {
    struct event_base *base;
    struct db *db;
    int done;
} t;

struct expected {
    int calls;
    enum err_code code;
    char value[64], sqlstate[6], pointer[64];
};

static void on_done(const struct db_outcome *outcome, void *arg)
{
    struct expected *got = arg;
    got->calls++;
    t.done++;
    if (outcome->err) {
        got->code = outcome->err->code;
        snprintf(got->pointer, sizeof(got->pointer), "%.60s", outcome->err->pointer);
        memcpy(got->sqlstate, outcome->sqlstate, sizeof(got->sqlstate));
        return;
    }
    const char *value = db_rows_get(outcome->rows, 0, "node_id");
    snprintf(got->value, sizeof(got->value), "%s", value ? value : "");
}

static struct db_step step(const char *what, const char *value)
{
    return (struct db_step){.sql = SQL_NODE_JOIN,
                            .role = DB_ROLE_LOGIN,
                            .param_count = 4,
                            .params = {what, value, NULL, ""}};
}

static int ask(const char *what, const char *value, int deadline_ms, struct expected *got,
               struct db_query **ret_query)
{
    struct db_request request = {
        .steps = {step(what, value)}, .step_count = 1, .deadline_ms = deadline_ms};
    struct err err;
    return db_run(t.db, &request, on_done, got, ret_query, &err);
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_until(int done, double seconds)
{
    double end = now() + seconds;
    while (t.done < done && now() < end) {
        event_base_loop(t.base, EVLOOP_NONBLOCK);
        usleep(500);
    }
    ck_assert_int_eq(t.done, done);
}

static void start(int connections, int queue_max)
{
    memset(&t, 0, sizeof(t));
    t.base = event_base_new();
    t.db = db_create(t.base, &(struct db_config){cluster.server, connections, queue_max});
    while (!db_ready(t.db)) {
        event_base_loop(t.base, EVLOOP_ONCE);
    }
}

static void stop(void)
{
    db_destroy(t.db);
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    event_base_free(t.base);
}

START_TEST(test_answers_many_at_once)
{
    start(3, 2000);
    static struct expected got[1000];
    memset(got, 0, sizeof(got));
    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof(value), "v%d", i);
        ck_assert_int_eq(ask(i % 10 == 3 ? "raise" : "echo", value, 20000, &got[i], NULL), 0);
        ck_assert_int_eq(got[i].calls, 0);
    }
    run_until(1000, 30);
    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof(value), "v%d", i);
        ck_assert_int_eq(got[i].calls, 1);
        ck_assert_int_eq(got[i].code, i % 10 == 3 ? ERR_QUOTA : ERR_OK);
        ck_assert_str_eq(got[i].value, i % 10 == 3 ? "" : value);
    }
    stop();
}
END_TEST

// Two queries of a kind at once; true if one backend answered both.
static bool ask_twice(bool is_short, struct expected got[2])
{
    struct db_request request = {
        .steps = {step("backend", "")}, .step_count = 1, .deadline_ms = 5000, .is_short = is_short};
    memset(got, 0, 2 * sizeof(*got));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(db_run(t.db, &request, on_done, &got[i], NULL, NULL), 0);
    }
    run_until(t.done + 2, 1);
    return strcmp(got[0].value, got[1].value) == 0;
}

START_TEST(test_short_ones_share_a_connection_and_wait_behind_nothing_slow)
{
    start(3, 100);
    struct expected got[2], slow = {0};
    for (double end = now() + 5; ask_twice(false, got) && now() < end;) {
        // until a second connection is there
    }
    ck_assert(!ask_twice(false, got));
    ck_assert(ask_twice(true, got));
    ck_assert_int_eq(ask("sleep", "2", 5000, &slow, NULL), 0);
    event_base_loop(t.base, EVLOOP_NONBLOCK);
    ck_assert(ask_twice(true, got)); // within a second
    ck_assert_int_eq(slow.calls, 0);
    run_until(t.done + 1, 5);
    stop();
}
END_TEST

START_TEST(test_maps_errors)
{
    start(1, 10);
    struct expected raised = {0}, unknown = {0}, broken = {0};
    ck_assert_int_eq(ask("raise", "", 5000, &raised, NULL), 0);
    ck_assert_int_eq(ask("unknown", "", 5000, &unknown, NULL), 0);
    ck_assert_int_eq(ask("broken", "", 5000, &broken, NULL), 0);
    run_until(3, 10);
    ck_assert_int_eq(raised.code, ERR_QUOTA);
    ck_assert_str_eq(raised.sqlstate, "CR409");
    ck_assert_str_eq(raised.pointer, "/plan_id");
    ck_assert_int_eq(unknown.code, ERR_NOT_FOUND);
    ck_assert_int_eq(broken.code, ERR_INTERNAL);
    ck_assert_str_eq(broken.sqlstate, "22012");
    stop();
}
END_TEST

// The Prepare of the second step is skipped with it; whoever relied on it is sent again.
START_TEST(test_a_failed_first_step_skips_the_rest)
{
    start(1, 10);
    struct expected failed = {0}, after = {0};
    struct db_request request = {
        .steps = {step("raise", ""), step("echo", "never")}, .step_count = 2, .deadline_ms = 5000};
    request.steps[1].role = DB_ROLE_TENANT;
    struct err err;
    ck_assert_int_eq(db_run(t.db, &request, on_done, &failed, NULL, &err), 0);
    request.steps[0] = step("echo", "first");
    request.steps[1].params[1] = "second";
    ck_assert_int_eq(db_run(t.db, &request, on_done, &after, NULL, &err), 0);
    run_until(2, 10);
    ck_assert_int_eq(failed.code, ERR_QUOTA);
    ck_assert_str_eq(after.value, "second");
    stop();
}
END_TEST

START_TEST(test_a_deadline_cancels_and_spares_the_neighbours)
{
    start(1, 100);
    struct expected slow = {0}, neighbours[10] = {0};
    double begin = now();
    ck_assert_int_eq(ask("sleep", "30", 300, &slow, NULL), 0);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(ask("echo", "here", 20000, &neighbours[i], NULL), 0);
    }
    run_until(11, 10);
    ck_assert(now() - begin < 5);
    ck_assert_int_eq(slow.code, ERR_TIMEOUT);
    ck_assert_int_eq(slow.calls, 1);
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(neighbours[i].value, "here");
    }
    stop();
}
END_TEST

START_TEST(test_survives_a_lost_connection)
{
    start(1, 100);
    struct expected lost = {0}, after = {0};
    ck_assert_int_eq(ask("die", "", 10000, &lost, NULL), 0);
    run_until(1, 10);
    ck_assert_int_eq(lost.code, ERR_UNAVAILABLE);
    ck_assert_int_eq(ask("echo", "again", 10000, &after, NULL), 0);
    run_until(2, 10);
    ck_assert_str_eq(after.value, "again");
    stop();
}
END_TEST

START_TEST(test_bounds_its_queue_and_cancels)
{
    start(1, 5);
    struct expected got[8] = {0};
    struct db_query *query = NULL;
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ask("echo", "x", 5000, &got[i], &query), 0);
    }
    ck_assert_int_eq(ask("echo", "x", 5000, &got[5], NULL), ERR_UNAVAILABLE);
    db_cancel(query);
    ck_assert_int_eq(ask("sleep", "0.2", 5000, &got[6], &query), 0);
    run_until(4, 10);
    db_cancel(query); // on the connection by now
    ck_assert_int_eq(ask("echo", "x", 5000, &got[7], NULL), 0);
    run_until(5, 10);
    ck_assert_int_eq(got[4].calls, 0);
    ck_assert_int_eq(got[6].calls, 0);
    ck_assert_str_eq(got[7].value, "x");
    stop();
}
END_TEST

static struct {
    int missed, heard;
    char payload[64];
} news;

static void on_notify(const char *channel, const char *payload, void *arg)
{
    if (payload) {
        news.heard++;
        snprintf(news.payload, sizeof(news.payload), "%s", payload);
    } else {
        news.missed++;
    }
}

static void listen_for(const int *counter, int wanted)
{
    double end = now() + 15;
    while (*counter < wanted && now() < end) {
        event_base_loop(t.base, EVLOOP_NONBLOCK);
        usleep(500);
    }
    ck_assert_int_ge(*counter, wanted);
}

START_TEST(test_listens_also_after_a_restart)
{
    start(1, 5);
    memset(&news, 0, sizeof(news));
    db_listen(t.db, "croft_task_end", on_notify, NULL);
    listen_for(&news.missed, 1);
    cluster_sql(&cluster, "NOTIFY croft_task_end, 'one'");
    listen_for(&news.heard, 1);
    ck_assert_str_eq(news.payload, "one");
    cluster_restart(&cluster);
    listen_for(&news.missed, 2);
    cluster_sql(&cluster, "NOTIFY croft_task_end, 'two'");
    listen_for(&news.heard, 2);
    ck_assert_str_eq(news.payload, "two");
    stop();
}
END_TEST

static void set_up(void)
{
    cluster_start(&cluster);
    cluster_sql(&cluster, "%s", double_sql);
}

static void tear_down(void)
{
    cluster_stop(&cluster);
}

int main(void)
{
    Suite *suite = suite_create("db");
    TCase *cases = tcase_create("db");
    tcase_set_timeout(cases, 60);
    tcase_add_unchecked_fixture(cases, set_up, tear_down); // one cluster for all
    tcase_add_test(cases, test_answers_many_at_once);
    tcase_add_test(cases, test_short_ones_share_a_connection_and_wait_behind_nothing_slow);
    tcase_add_test(cases, test_maps_errors);
    tcase_add_test(cases, test_a_failed_first_step_skips_the_rest);
    tcase_add_test(cases, test_a_deadline_cancels_and_spares_the_neighbours);
    tcase_add_test(cases, test_survives_a_lost_connection);
    tcase_add_test(cases, test_bounds_its_queue_and_cancels);
    tcase_add_test(cases, test_listens_also_after_a_restart);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
