#include "oom.h"

#include "unit.h"

#include <string.h>
#include <unistd.h>

#define BOOT "0190a000-0000-7000-8000-000000000001"
#define OTHER_BOOT "0190a000-0000-7000-8000-000000000002"
#define VPS "0190a000-0000-7000-8000-000000000003"
#define START "0190a000-0000-7000-8000-000000000004"
#define NUMBERS                                                                                    \
    " total-vm:511976kB, anon-rss:509056kB, file-rss:40kB, shmem-rss:4kB, UID:1000000 "            \
    "pgtables:1048kB oom_score_adj:0\n"

static struct oom_kill kill;

START_TEST(a_kill_is_read_from_the_kernels_line)
{
    ck_assert(oom_parse("3,19846,22673351060,-;Memory cgroup out of memory: Killed process 15583 "
                        "(tail)" NUMBERS " SUBSYSTEM=x\n",
                        &kill));
    ck_assert_uint_eq(kill.seq, 19846);
    ck_assert_uint_eq(kill.at_us, 22673351060);
    ck_assert_uint_eq(kill.pid, 15583);
    ck_assert_uint_eq(kill.uid, 1000000);
    ck_assert_uint_eq(kill.memory_bytes, (509056 + 40 + 4) * 1024ULL);
    ck_assert(kill.by_limit);
    ck_assert_str_eq(kill.process, "tail");
    ck_assert(oom_parse("3,1,2,-;Out of memory: Killed process 7 (x)" NUMBERS, &kill));
    ck_assert(!kill.by_limit);
    ck_assert(oom_parse("3,1,2,-;Out of memory (oom_kill_allocating_task): Killed process 7 "
                        "(x)" NUMBERS,
                        &kill));
}
END_TEST

// A program calls itself what it likes, in 15 bytes; the kernel writes what cannot be printed as \x1b.
START_TEST(a_name_does_not_lie_about_the_numbers)
{
    static const struct {
        const char *written, *shown;
    } names[] = {
        {") total-vm:1kB,", ") total-vm:1kB,"},
        {"x) UID:0 (y", "x) UID:0 (y"},
        {"a\\x1b[31m", "a\\x1b[31m"},
        {"", ""},
        {"((((", "(((("},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char record[512];
        snprintf(record, sizeof(record),
                 "3,1,2,-;Memory cgroup out of memory: Killed process 7 (%s)" NUMBERS,
                 names[i].written);
        ck_assert_msg(oom_parse(record, &kill), "%s", record);
        ck_assert_str_eq(kill.process, names[i].shown);
        ck_assert_uint_eq(kill.uid, 1000000);
        ck_assert_uint_eq(kill.pid, 7);
    }
}
END_TEST

START_TEST(what_is_no_kill_is_none)
{
    static const char *const records[] = {
        "",
        "3",
        "3,1,2,-",
        ";",
        "3,1,2,-;",
        // Facility 1 is a program's.
        "11,1,2,-;Memory cgroup out of memory: Killed process 7 (x)" NUMBERS,
        "3,1,2,-; Memory cgroup out of memory: Killed process 7 (x)" NUMBERS,
        "3,1,2,-;x: Memory cgroup out of memory: Killed process 7 (x)" NUMBERS,
        "3,1,2,-;Memory cgroup out of memory: Killed process (x)" NUMBERS,
        "3,1,2,-;Memory cgroup out of memory: Killed process 7 x" NUMBERS,
        "3,1,2,-;Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB, anon-rss:1kB",
        ("3,1,2,-;Memory cgroup out of memory: Killed process 7 (x) total-vm:1kB, "
         "anon-rss:99999999999999999999kB, file-rss:0kB, shmem-rss:0kB, UID:1 pgtables:1kB"),
        "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=x,pid=7,uid=0",
    };
    for (size_t i = 0; i < sizeof(records) / sizeof(*records); i++) {
        ck_assert_msg(!oom_parse(records[i], &kill), "%s", records[i]);
    }
    ck_assert(!oom_parse("6,42,2,-;something else", &kill));
    ck_assert_uint_eq(kill.seq, 42);
}
END_TEST

static struct oom_kill of(uint64_t seq)
{
    return (struct oom_kill){.seq = seq, .pid = seq, .by_limit = true, .process = "hog"};
}

START_TEST(each_kill_counts_once_over_every_restart)
{
    char path[] = "/tmp/croft-oom.XXXXXX";
    struct err err;
    close(mkstemp(path));
    struct oom_log *log = oom_log_open(path, BOOT);
    struct oom_kill first = of(5), second = of(9);
    ck_assert(oom_log_add(log, VPS, START, &first));
    ck_assert(!oom_log_add(log, VPS, START, &first));
    ck_assert_int_eq(oom_log_save(log, &err), 0);
    oom_log_close(log);

    log = oom_log_open(
        path,
        BOOT); // the broker has been restarted: the kernel's log is read again from its beginning
    ck_assert(!oom_log_add(log, VPS, START, &first));
    ck_assert(oom_log_add(log, VPS, START, &second));
    ck_assert_uint_eq(oom_log_since(log, VPS, START), 2);
    ck_assert_int_eq(oom_log_save(log, &err), 0);
    oom_log_close(log);

    log = oom_log_open(path, OTHER_BOOT); // the node has: the numbers begin anew
    ck_assert(oom_log_add(log, VPS, OTHER_BOOT, &first));
    ck_assert_uint_eq(oom_log_since(log, VPS, OTHER_BOOT), 1);
    ck_assert_uint_eq(oom_log_since(log, VPS, START), 0);
    ck_assert_uint_eq(oom_log_total(log, VPS), 3);
    oom_log_forget(log, VPS);
    ck_assert_uint_eq(oom_log_total(log, VPS), 0);
    oom_log_close(log);
    unlink(path);
}
END_TEST

START_TEST(only_the_last_ones_are_kept)
{
    struct oom_log *log = oom_log_open("/nonexistent/oom", BOOT);
    for (uint64_t seq = 0; seq < 100; seq++) {
        struct oom_kill one = of(seq);
        ck_assert(oom_log_add(log, VPS, START, &one));
    }
    json_t *kills = oom_log_kills(log, VPS);
    ck_assert_uint_eq(json_array_size(kills), OOM_KEPT);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(kills, 0), "seq")),
                     100 - OOM_KEPT);
    json_decref(kills);
    oom_log_seen(log, 200);
    struct oom_kill late = of(150);
    ck_assert(!oom_log_add(log, VPS, START, &late));
    oom_log_close(log);
}
END_TEST

START_TEST(a_broken_file_is_begun_anew)
{
    static const char *const texts[] = {"", "{", "[]", "{\"boot\":7}",
                                        "{\"vps\":{},\"seq\":\"x\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char path[] = "/tmp/croft-oom.XXXXXX";
        int fd = mkstemp(path);
        ck_assert_int_eq(write(fd, texts[i], strlen(texts[i])), (ssize_t)strlen(texts[i]));
        close(fd);
        struct oom_log *log = oom_log_open(path, BOOT);
        struct oom_kill one = of(0);
        ck_assert(oom_log_add(log, VPS, START, &one));
        oom_log_close(log);
        unlink(path);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_kill_is_read_from_the_kernels_line,
                                  a_name_does_not_lie_about_the_numbers,
                                  what_is_no_kill_is_none,
                                  each_kill_counts_once_over_every_restart,
                                  only_the_last_ones_are_kept,
                                  a_broken_file_is_begun_anew,
                                  NULL};
    return unit_run(unit_suite("oom", tests));
}
