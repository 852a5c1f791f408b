#include "last.h"

#include "json.h"
#include "spool.h"
#include "unit.h"
#include "unit_pki.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char vps[] = "0190a000-0000-7000-8000-0000000000aa";
static const char boot_a[] = "0190a000-0000-7000-8000-00000000000a";
static const char boot_b[] = "0190a000-0000-7000-8000-00000000000b";
static const char boot_c[] = "0190a000-0000-7000-8000-00000000000c";
static const char node[] = "0190a000-0000-7000-8000-0000000000ee";

static char dir[32], spool_dir[40];
static struct spool *spool;
static struct err err;

static void reopen(void)
{
    spool_close(spool);
    spool = NULL;
    ck_assert_int_eq(spool_open(spool_dir, 1 << 20, &spool, &err), 0);
    spool_set_boot(spool, node);
}

static void setup(void)
{
    strcpy(dir, "/tmp/croft-last-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(spool_dir, sizeof(spool_dir), "%s/spool", dir);
    reopen();
}

static void teardown(void)
{
    spool_close(spool);
    spool = NULL;
    unit_pki_shell("rm -rf \"$0\"", dir);
}

static struct usage_counters used(uint64_t n)
{
    return (struct usage_counters){.cpu_ns = n,
                                   .io_write_bytes = 2 * n,
                                   .net_tx_bytes = 3 * n,
                                   .net_tx_outside_bytes = 3 * n,
                                   .net_device = 7,
                                   .net_table = 1};
}

static void sample(const char *boot, struct usage_counters counters)
{
    const struct spool_source source = {vps, boot, &counters};
    spool_sample(spool, &source);
}

static void leave(const char *boot, uint64_t n)
{
    const struct usage_counters counters = used(n);
    ck_assert_int_eq(last_leave(dir, vps, boot, &counters, &err), 0);
}

// As the broker does it; returns how many there were.
static size_t collect(int expected)
{
    struct last *lasts;
    size_t count, refused;
    ck_assert_int_eq(last_list(dir, node, &lasts, &count, &refused, &err), 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(spool_end(spool, &lasts[i], &err), expected);
        ck_assert_int_eq(last_remove(dir, &lasts[i], &err), 0);
    }
    free(lasts);
    return count;
}

static size_t refused_now(void)
{
    struct last *lasts;
    size_t count, refused;
    ck_assert_int_eq(last_list(dir, node, &lasts, &count, &refused, &err), 0);
    ck_assert_uint_eq(count, 0);
    free(lasts);
    return refused;
}

// What all batches say last of a boot.
struct told {
    int64_t seq, cpu, io, tx, outside, mono;
    int samples;
};

static struct told told(const char *boot)
{
    struct told told = {0};
    json_t *message;
    for (int64_t batch = 0; spool_next(spool, batch, &message, &batch, &err) == 0;) {
        size_t i;
        const json_t *one;
        json_array_foreach (json_object_get(message, "samples"), i, one) {
            if (strcmp(json_get_string(one, "boot", ""), boot) == 0) {
                ck_assert_int_eq(json_get_int(one, "seq", 0), told.seq + 1);
                ck_assert_int_ge(json_get_int(one, "mono_ns", 0), told.mono);
                ck_assert_int_eq(json_get_int(one, "net_gaps", -1), 0);
                told = (struct told){json_get_int(one, "seq", 0),
                                     json_get_int(one, "cpu_ns", 0),
                                     json_get_int(one, "io_write_bytes", 0),
                                     json_get_int(one, "net_tx_bytes", 0),
                                     json_get_int(one, "net_tx_outside_bytes", 0),
                                     json_get_int(one, "mono_ns", 0),
                                     told.samples + 1};
            }
        }
        json_decref(message);
    }
    return told;
}

static void expect(const char *boot, int64_t n, int samples)
{
    struct told all = told(boot);
    ck_assert_int_eq(all.cpu, n);
    ck_assert_int_eq(all.io, 2 * n);
    ck_assert_int_eq(all.tx, 3 * n);
    ck_assert_int_eq(all.outside, 3 * n);
    ck_assert_int_eq(all.samples, samples);
}

START_TEST(what_a_boot_ended_with_is_its_last_sample)
{
    sample(boot_a, used(100));
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    leave(boot_a, 170);
    ck_assert_uint_eq(collect(0), 1);
    ck_assert_uint_eq(collect(0), 0);
    expect(boot_a, 170, 2);
}
END_TEST

START_TEST(it_counts_once_whatever_dies_when)
{
    sample(boot_a, used(100));
    leave(boot_a, 170);
    struct last *lasts;
    size_t count, refused;
    ck_assert_int_eq(last_list(dir, node, &lasts, &count, &refused, &err), 0);
    ck_assert_int_eq(spool_end(spool, &lasts[0], &err), 0);
    ck_assert_int_eq(spool_end(spool, &lasts[0], &err), 0);
    free(lasts);
    expect(boot_a, 170, 1);
    reopen(); // killed before it was removed
    ck_assert_uint_eq(collect(0), 1);
    expect(boot_a, 170, 1);
    sample(boot_b, used(7));
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    expect(boot_a, 170, 1);
    expect(boot_b, 7, 1);
}
END_TEST

START_TEST(boots_that_no_sample_saw_count_in_their_order)
{
    sample(boot_a, used(100));
    leave(boot_a, 110);
    leave(boot_c, 5); // by name it would come last
    leave(boot_b, 30);
    ck_assert_uint_eq(collect(0), 3);
    expect(boot_a, 110, 1);
    expect(boot_c, 5, 1);
    expect(boot_b, 30, 1);
    sample(boot_b, used(30)); // it is the one that is counted now
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    expect(boot_b, 30, 2);
}
END_TEST

START_TEST(an_end_that_comes_after_the_next_boot_adds_nothing)
{
    sample(boot_a, used(100));
    sample(boot_b, used(10));
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    leave(boot_a, 170);
    ck_assert_uint_eq(collect(ERR_CONFLICT), 1);
    reopen();
    leave(boot_a, 170);
    ck_assert_uint_eq(collect(ERR_CONFLICT), 1);
    expect(boot_a, 100, 1);
    expect(boot_b, 10, 1);
}
END_TEST

// Device and cgroups go one after another, and the sampler may look in between.
START_TEST(what_is_read_while_all_goes_away_is_not_counted_twice)
{
    sample(boot_a, used(100));
    struct usage_counters half = used(0);
    half.cpu_ns = 120;
    half.net_device = 0;
    sample(boot_a, half);
    leave(boot_a, 110);
    ck_assert_uint_eq(collect(0), 1);
    struct told all = told(boot_a);
    ck_assert_int_eq(all.cpu, 120);
    ck_assert_int_eq(all.io, 220);
    ck_assert_int_eq(all.tx, 330);
    ck_assert_int_eq(all.outside, 330);
    sample(boot_a, half); // and once more after it
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    all = told(boot_a);
    ck_assert_int_eq(all.cpu, 120);
    ck_assert_int_eq(all.outside, 330);
}
END_TEST

START_TEST(an_end_without_a_device_takes_nothing_back)
{
    sample(boot_a, used(100));
    struct usage_counters end = used(150);
    end.net_device = 0;
    end.net_tx_bytes = end.net_tx_outside_bytes = 0;
    ck_assert_int_eq(last_leave(dir, vps, boot_a, &end, &err), 0);
    ck_assert_uint_eq(collect(0), 1);
    struct told all = told(boot_a);
    ck_assert_int_eq(all.cpu, 150);
    ck_assert_int_eq(all.tx, 300);
    ck_assert_int_eq(all.outside, 300);
}
END_TEST

START_TEST(what_was_left_first_stays)
{
    leave(boot_a, 170);
    leave(boot_a, 5);
    ck_assert_uint_eq(collect(0), 1);
    expect(boot_a, 170, 1);
}
END_TEST

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/ended", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/ended/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static char *left_text(void)
{
    char command[256];
    static char text[4096];
    snprintf(command, sizeof(command), "cat %s/ended/%s.%s", dir, vps, boot_a);
    FILE *pipe = popen(command, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, pipe);
    text[len] = '\0';
    pclose(pipe);
    return text;
}

START_TEST(what_we_did_not_write_is_refused)
{
    char name[80], wrong[4200];
    leave(boot_a, 170);
    const char *good = left_text();
    snprintf(name, sizeof(name), "%s.%s", vps, boot_a);
    for (size_t len = 0; len < strlen(good); len += 41) { // cut short by a crash
        snprintf(wrong, sizeof(wrong), "%.*s", (int)len, good);
        write_file(name, wrong);
        ck_assert_uint_eq(refused_now(), 1);
    }
    static const char *const changes[][2] = {
        {"\"cpu_ns\":170", "\"cpu_ns\":-1"},
        {"\"cpu_ns\":170", "\"cpu_ns\":1.5"},
        {"\"cpu_ns\":170", "\"cpu_ns\":1152921504606846976"}, // 2^60
        {"\"cpu_ns\":170", "\"cpu_ns\":\"170\""},
        {"\"cpu_ns\":170", "\"other\":170"},
        {"\"node_boot\":\"", "\"node_boot\":\"x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        const char *at = strstr(good, changes[i][0]);
        ck_assert_ptr_nonnull(at);
        snprintf(wrong, sizeof(wrong), "%.*s%s%s", (int)(at - good), good, changes[i][1],
                 at + strlen(changes[i][0]));
        write_file(name, wrong);
        ck_assert_uint_eq(refused_now(), 1);
    }
    write_file(name, good);
    ck_assert_uint_eq(collect(0), 1);
    expect(boot_a, 170, 1);
}
END_TEST

START_TEST(files_of_other_names_are_left_alone_until_they_are_old)
{
    char torn[256];
    snprintf(torn, sizeof(torn), "%s.%s.new", vps, boot_a);
    write_file(torn, "{");
    write_file("README", "");
    ck_assert_uint_eq(refused_now(), 0);
    unit_pki_shell("touch -d '2 minutes ago' \"$0\"/ended/*.new", dir);
    ck_assert_uint_eq(refused_now(), 1);
}
END_TEST

START_TEST(an_end_before_the_nodes_reboot_is_dated_by_the_clock_of_that_time)
{
    static const char later[] = "0190a000-0000-7000-8000-0000000000ff";
    leave(boot_a, 170);
    spool_set_boot(spool, later);
    ck_assert_uint_eq(collect(0), 1);
    json_t *message;
    int64_t batch;
    ck_assert_int_eq(spool_next(spool, 0, &message, &batch, &err), 0);
    ck_assert_str_ne(json_get_string(message, "boot", ""), later);
    ck_assert_ptr_null(json_object_get(message, "now_mono_ns"));
    json_decref(message);
    sample(boot_b, used(1));
    ck_assert_int_eq(spool_report(spool, NULL, &err), 0);
    ck_assert_int_eq(spool_next(spool, batch, &message, &batch, &err), 0);
    ck_assert_str_eq(json_get_string(message, "boot", ""), later);
    json_decref(message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("last");
    TCase *tcase = tcase_create("last");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_a_boot_ended_with_is_its_last_sample);
    tcase_add_test(tcase, it_counts_once_whatever_dies_when);
    tcase_add_test(tcase, boots_that_no_sample_saw_count_in_their_order);
    tcase_add_test(tcase, an_end_that_comes_after_the_next_boot_adds_nothing);
    tcase_add_test(tcase, what_is_read_while_all_goes_away_is_not_counted_twice);
    tcase_add_test(tcase, an_end_without_a_device_takes_nothing_back);
    tcase_add_test(tcase, what_was_left_first_stays);
    tcase_add_test(tcase, what_we_did_not_write_is_refused);
    tcase_add_test(tcase, files_of_other_names_are_left_alone_until_they_are_old);
    tcase_add_test(tcase, an_end_before_the_nodes_reboot_is_dated_by_the_clock_of_that_time);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
