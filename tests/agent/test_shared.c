// What the kernel counts for a user or for the whole machine: one guest that takes all it can leaves the others and the host theirs.
#include "rig.h"
#include "test_drivers.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { TAKERS = 12, HELD_MAX = 60 };

static struct vps_spec one, two;

static void create(void)
{
    rig_container = &container_lxc;
    rig_host("ip link del crv1 2>/dev/null; ip link del crv2 2>/dev/null");
    rig_spec(&one, 1);
    rig_spec(&two, 2);
    one.limits.memory_bytes = 256 << 20;
    rig_create(&one);
    rig_create(&two);
}

static void destroy(void)
{
    rig_destroy(&one);
    rig_destroy(&two);
}

static int take_inotify(int wanted)
{
    int taken = 0;
    while (taken < wanted && inotify_init1(0) >= 0) {
        taken++;
    }
    return taken;
}

// Each id of the guest by itself, as its own limit is for one.
static int take_signals(int wanted)
{
    sigset_t all;
    int taken = 0;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (taken < wanted && sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}) == 0) {
        taken++;
    }
    return taken;
}

static int take_queues(int wanted)
{
    struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    int taken = 0;
    for (; taken < wanted; taken++) {
        char name[32];
        snprintf(name, sizeof(name), "/q%d-%d", getpid(), taken);
        if (mq_open(name, O_CREAT | O_RDWR, 0600, &attr) < 0) {
            break;
        }
    }
    return taken;
}

static int take_aio(int wanted)
{
    unsigned long context = 0;
    return syscall(SYS_io_setup, wanted, &context) == 0 ? wanted : 0;
}

// Each in a devpts of its own, which has no less room than the first.
static int take_terminals(int wanted)
{
    int taken = 0;
    if (wanted > 2 && (unshare(CLONE_NEWNS) < 0 ||
                       mount("devpts", "/tmp", "devpts", 0, "newinstance,ptmxmode=666") < 0)) {
        return 0;
    }
    while (taken < wanted && open(wanted > 2 ? "/tmp/ptmx" : "/dev/ptmx", O_RDWR) >= 0) {
        taken++;
    }
    return taken;
}

// More than one user is given, or the machine has by default: 8,192 instances, 65,536 signals, 819,200 bytes of queues, 65,536 events,
// 3,072 terminals.
static const struct kind {
    const char *name;
    int (*take)(int wanted);
    int much, little;
    bool as_root;
} kinds[] = {
    {"inotify instances", take_inotify, 900, 20, false},
    {"pending signals", take_signals, 9000, 20, false},
    {"message queues", take_queues, 40, 2, false},
    {"events of asynchronous reading", take_aio, 20000, 1000, false},
    {"terminals", take_terminals, 300, 2, true},
};

// Some processes, each as somebody else, hold what they get until they are ended.
static int take_much(void *arg)
{
    const struct kind *kind = arg;
    for (uid_t i = 1; i <= TAKERS; i++) {
        if (fork() == 0) {
            if (!kind->as_root) {
                (void)!setresuid(i, i, i);
            }
            const char byte = kind->take(kind->much) > 0 ? 'x' : '-';
            (void)!write(STDOUT_FILENO, &byte, 1);
            sleep(HELD_MAX);
            _exit(0);
        }
    }
    sleep(HELD_MAX);
    _exit(0);
}

static int take_little(void *arg)
{
    const struct kind *kind = arg;
    _exit(kind->take(kind->little) == kind->little ? 0 : 1);
}

// Begins it in the guest; returns once all have what they get.
static pid_t begin_taking(const struct kind *kind)
{
    int said[2];
    char byte;
    bool any = false;
    ck_assert_int_eq(pipe(said), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        dup2(said[1], STDOUT_FILENO);
        _exit(rig_call(&one, take_much, (void *)kind));
    }
    close(said[1]);
    for (int i = 0; i < TAKERS; i++) {
        ck_assert_int_eq(read(said[0], &byte, 1), 1);
        any = any || byte == 'x';
    }
    close(said[0]);
    ck_assert_msg(any, "nothing was taken of %s", kind->name);
    return pid;
}

START_TEST(one_guest_takes_nothing_from_another)
{
    const struct kind *kind = &kinds[_i];
    pid_t pid = begin_taking(kind);
    int got = rig_call(&two, take_little, (void *)kind);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_msg(got == 0, "no %s were left", kind->name);
}
END_TEST

// A timer needs room for its signal.
START_TEST(the_hosts_own_timers_go_on)
{
    timer_t timer;
    pid_t pid = begin_taking(&kinds[1]);
    int made = timer_create(CLOCK_MONOTONIC, NULL, &timer);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(made, 0);
    timer_delete(timer);
}
END_TEST

// The second guest is made while the first holds all that it could take.
START_TEST(a_guest_starts_beside_one_that_took_all)
{
    pid_t pid = begin_taking(&kinds[0]);
    CALL(0, container_lxc.stop(&rig_config, two.vps, 5, err));
    int started = rig_start(&two);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(started, 0);
}
END_TEST

START_TEST(a_guest_has_the_limits_of_a_plain_system)
{
    char out[4096];
    ck_assert_int_eq(rig_exec(&one, "cat /proc/1/limits", out, sizeof(out)), 0);
    ck_assert_ptr_nonnull(strstr(out, "Max pending signals       65536                65536"));
    ck_assert_ptr_nonnull(strstr(out, "Max msgqueue size         819200               819200"));
    ck_assert_ptr_nonnull(strstr(out, "Max locked memory         8388608              8388608"));
}
END_TEST

Suite *suite_shared(void)
{
    Suite *suite = suite_create("shared");
    TCase *tcase = tcase_create("counts of the kernel");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, one_guest_takes_nothing_from_another, 0, ARRAY_LEN(kinds));
    tcase_add_test(tcase, the_hosts_own_timers_go_on);
    tcase_add_test(tcase, a_guest_starts_beside_one_that_took_all);
    tcase_add_test(tcase, a_guest_has_the_limits_of_a_plain_system);
    suite_add_tcase(suite, tcase);
    return suite;
}
