#include "container_lxc_log.h"

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE(place, message) "lxc v1 20261123155914.688 ERROR    " place " - " message "\n"

static const char *summary(const char *text)
{
    static char out[LXC_REASON_SIZE];
    lxc_log_summarise(text, "/var/lib/croft/agent", out);
    return out;
}

START_TEST(the_cause_is_told_and_its_echoes_are_not)
{
    ck_assert_str_eq(
        summary(
            LINE("start - ../src/lxc/start.c:start:2197",
                 "No such file or directory - Failed to exec \"/sbin/init\"")
                LINE("sync - ../src/lxc/sync.c:sync_wait:34",
                     "An error occurred in another process")
                    LINE("lxccontainer - ../src/lxc/lxccontainer.c:wait_on_daemonized_start:878",
                         "Received container state \"ABORTING\" instead of \"RUNNING\"")
                        LINE("start - ../src/lxc/start.c:__lxc_start:2107",
                             "Failed to spawn container \"v1\"")),
        "No such file or directory - Failed to exec \"/sbin/init\"");
    ck_assert_str_eq(summary(LINE("network - a.c:f:1", "one") LINE("network - a.c:g:2", "two")),
                     "one; two");
}
END_TEST

START_TEST(echoes_are_better_than_nothing)
{
    ck_assert_str_eq(summary(LINE("start - start.c:__lxc_start:2107", "Failed to spawn container")),
                     "Failed to spawn container");
    ck_assert_str_eq(summary(""), "");
    ck_assert_str_eq(summary("no line of a log\n - \n - - "), "");
}
END_TEST

START_TEST(the_nodes_folders_are_not_told)
{
    ck_assert_str_eq(
        summary(LINE("conf - conf.c:f:1", "Failed to open \"/var/lib/croft/agent/vps/v1/log\"")),
        "Failed to open \"/vps/v1/log\"");
}
END_TEST

START_TEST(it_is_short_and_printable)
{
    char text[4096] = "lxc v1 1 ERROR conf - conf.c:f:1 - \x1b[2J\t\xc3\xa4\x7f";
    ck_assert_str_eq(summary(text), "?[2J????");
    memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
    ck_assert_uint_eq(strlen(summary(text)), LXC_REASON_SIZE - 1);
}
END_TEST

START_TEST(only_what_this_start_wrote_counts)
{
    static const char old[] = LINE("conf - conf.c:f:1", "of yesterday");
    static const char fresh[] = LINE("conf - conf.c:f:1", "of today");
    char path[] = "/tmp/croft-log-XXXXXX", out[LXC_REASON_SIZE];
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, old, strlen(old)), (ssize_t)strlen(old));
    off_t from = lxc_log_end(path);
    ck_assert_int_eq(from, (off_t)strlen(old));
    ck_assert_int_eq(write(fd, fresh, strlen(fresh)), (ssize_t)strlen(fresh));
    close(fd);
    lxc_log_reason(path, from, "", out);
    unlink(path);
    ck_assert_str_eq(out, "of today");
    lxc_log_reason(path, 0, "", out);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(lxc_log_end(path), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_cause_is_told_and_its_echoes_are_not, echoes_are_better_than_nothing,
        the_nodes_folders_are_not_told,           it_is_short_and_printable,
        only_what_this_start_wrote_counts,        NULL};
    return unit_run(unit_suite("container_lxc_log", tests));
}
