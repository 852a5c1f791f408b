#include "handover.h"

#include "macro.h"
#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ID "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"

static int pair[2];

static void make_pair(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

START_TEST(a_descriptor_arrives_with_its_id_and_is_close_on_exec)
{
    make_pair();
    struct err err;
    struct stat sent, got;
    char id[HANDOVER_ID + 1];
    int fd = -1;
    int null = open("/dev/null", O_RDWR);
    ck_assert_int_eq(handover_send(pair[0], ID, null, &err), 0);
    ck_assert_int_eq(handover_receive(pair[1], id, &fd, &err), 0);
    ck_assert_str_eq(id, ID);
    fstat(null, &sent);
    fstat(fd, &got);
    ck_assert_int_ne(fd, null);
    ck_assert(sent.st_rdev == got.st_rdev);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(handover_receive(pair[1], id, &fd, &err), ERR_NOT_FOUND);
}
END_TEST

START_TEST(what_is_no_terminal_is_refused_and_its_descriptor_closed)
{
    make_pair();
    struct err err;
    char id[HANDOVER_ID + 1];
    int fd = -1;
    int null = open("/dev/null", O_RDWR);
    ck_assert_int_eq(send(pair[0], ID, HANDOVER_ID, 0), HANDOVER_ID);
    ck_assert_int_eq(handover_receive(pair[1], id, &fd, &err), ERR_PROTOCOL);
    ck_assert_int_eq(handover_send(pair[0], "../../../../../../../etc/passwd-----", null, &err), 0);
    ck_assert_int_eq(handover_receive(pair[1], id, &fd, &err), ERR_PROTOCOL);
    ck_assert_int_eq(fd, -1);
    int next = open("/dev/null", O_RDWR);
    ck_assert_int_eq(next, null + 1); // nothing is left open between
}
END_TEST

START_TEST(the_end_of_the_other_side_is_told)
{
    make_pair();
    struct err err;
    char id[HANDOVER_ID + 1];
    int fd = -1;
    close(pair[0]);
    ck_assert_int_eq(handover_receive(pair[1], id, &fd, &err), ERR_SYSTEM);
    ck_assert_int_eq(handover_send(pair[1], ID, pair[1], &err), ERR_SYSTEM);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_descriptor_arrives_with_its_id_and_is_close_on_exec,
                                  what_is_no_terminal_is_refused_and_its_descriptor_closed,
                                  the_end_of_the_other_side_is_told, NULL};
    return unit_run(unit_suite("handover", tests));
}
