#include "spool.h"

#include "json.h"
#include "unit.h"
#include "unit_pki.h"

#include <dirent.h>
#include <string.h>

static const char vps[] = "0190a000-0000-7000-8000-0000000000aa";
static const char start_a[] = "0190a000-0000-7000-8000-00000000000a";
static const char start_b[] = "0190a000-0000-7000-8000-00000000000b";

static char dir[32];
static struct err err;

static void setup(void)
{
    strcpy(dir, "/tmp/croft-spool-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    unit_pki_shell("rm -rf \"$0\"", dir);
}

static struct spool *reopen(struct spool *spool)
{
    spool_close(spool);
    spool = NULL;
    ck_assert_int_eq(spool_open(dir, 1 << 20, &spool, &err), 0);
    return spool;
}

static void sample(struct spool *spool, const char *start, uint64_t cpu_ns)
{
    const struct usage_counters counters = {.cpu_ns = cpu_ns, .memory_bytes = cpu_ns};
    const struct spool_source source = {vps, start, &counters};
    spool_sample(spool, &source);
}

// Reports and checks the one sample of the batch that follows `after`; returns its number.
static int64_t expect(struct spool *spool, int64_t after, const char *boot, int seq, int64_t cpu_ns)
{
    _cleanup_json_ json_t *message = NULL;
    int64_t batch = 0;
    ck_assert_int_eq(spool_next(spool, after, &message, &batch, &err), 0);
    const json_t *samples = json_object_get(message, "samples");
    const json_t *last = json_array_get(samples, json_array_size(samples) - 1);
    ck_assert_str_eq(json_get_string(last, "vps", ""), vps);
    ck_assert_str_eq(json_get_string(last, "boot", ""), boot);
    ck_assert_int_eq(json_get_int(last, "seq", 0), seq);
    ck_assert_int_eq(json_get_int(last, "cpu_ns", 0), cpu_ns);
    return batch;
}

START_TEST(a_batch_waits_until_it_is_acknowledged)
{
    struct spool *spool = reopen(NULL);
    sample(spool, start_a, 10);
    sample(spool, start_a, 20);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0); // nothing new: no batch
    int64_t batch = expect(spool, 0, start_a, 1, 20);
    spool = reopen(spool);
    ck_assert_int_eq(expect(spool, 0, start_a, 1, 20), batch);
    spool_ack(spool, batch);
    spool = reopen(spool);
    json_t *message;
    ck_assert_int_eq(spool_next(spool, 0, &message, &batch, &err), ERR_NOT_FOUND);
    spool_close(spool);
}
END_TEST

START_TEST(numbers_are_never_used_twice_across_restarts)
{
    struct spool *spool = reopen(NULL);
    int64_t last = 0;
    for (int i = 1; i <= 20; i++) {
        sample(spool, start_a, (uint64_t)i * 10);
        ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
        int64_t batch = expect(spool, last, start_a, i, i * 10);
        ck_assert_int_gt(batch, last);
        last = batch;
        if (i % 2) {
            spool_ack(spool, batch);
        }
        sample(spool, start_a, (uint64_t)i * 10 + 5); // lost with the process
        spool = reopen(spool);
    }
    spool_close(spool);
}
END_TEST

START_TEST(counters_that_fall_go_on_rising_within_a_boot)
{
    struct spool *spool = reopen(NULL);
    sample(spool, start_a, 100);
    sample(spool, start_a, 30); // the guest rebooted itself
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    int64_t batch = expect(spool, 0, start_a, 1, 130);
    spool = reopen(spool);
    sample(spool, start_a, 10);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    expect(spool, batch, start_a, 2, 140);
    spool_close(spool);
}
END_TEST

START_TEST(a_new_start_is_a_new_boot_and_the_old_ones_end_is_kept)
{
    struct spool *spool = reopen(NULL);
    sample(spool, start_a, 100);
    sample(spool, start_b, 7);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    _cleanup_json_ json_t *message = NULL;
    int64_t batch;
    ck_assert_int_eq(spool_next(spool, 0, &message, &batch, &err), 0);
    const json_t *first = json_array_get(json_object_get(message, "samples"), 0);
    ck_assert_str_eq(json_get_string(first, "boot", ""), start_a);
    ck_assert_int_eq(json_get_int(first, "cpu_ns", 0), 100);
    expect(spool, 0, start_b, 1, 7);
    spool_close(spool);
}
END_TEST

static long folder_bytes(void)
{
    char command[64];
    snprintf(command, sizeof(command), "du -sb %s | cut -f1", dir);
    FILE *pipe = popen(command, "r");
    long bytes = 0;
    ck_assert_int_eq(fscanf(pipe, "%ld", &bytes), 1);
    pclose(pipe);
    return bytes;
}

START_TEST(a_full_spool_drops_the_oldest_and_stays_bounded)
{
    struct spool *spool = reopen(NULL);
    for (int i = 1; i <= 4000; i++) {
        sample(spool, start_a, (uint64_t)i);
        ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    }
    ck_assert_int_gt(spool_dropped(spool), 0);
    ck_assert_int_lt(folder_bytes(), (1 << 20) + (1 << 18));
    expect(spool, 3999, start_a, 4000, 4000);
    spool = reopen(spool);
    expect(spool, 3999, start_a, 4000, 4000);
    sample(spool, start_a, 4001);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    expect(spool, 4000, start_a, 4001, 4001);
    spool_close(spool);
}
END_TEST

START_TEST(a_vps_that_is_gone_is_forgotten_but_its_reports_are_not)
{
    struct spool *spool = reopen(NULL);
    sample(spool, start_a, 5);
    spool_forget(spool, vps);
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    expect(spool, 0, start_a, 1, 5);
    spool_close(spool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool");
    TCase *cases = tcase_create("spool");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_batch_waits_until_it_is_acknowledged);
    tcase_add_test(cases, numbers_are_never_used_twice_across_restarts);
    tcase_add_test(cases, counters_that_fall_go_on_rising_within_a_boot);
    tcase_add_test(cases, a_new_start_is_a_new_boot_and_the_old_ones_end_is_kept);
    tcase_add_test(cases, a_full_spool_drops_the_oldest_and_stays_bounded);
    tcase_add_test(cases, a_vps_that_is_gone_is_forgotten_but_its_reports_are_not);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
