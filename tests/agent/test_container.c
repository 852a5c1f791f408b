#include "rig.h"
#include "sampler.h"
#include "sysfile.h"
#include "test_drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

static struct vps_spec spec;

static void create(void)
{
    rig_container = &container_lxc;
    // What a failed test left.
    rig_host("ip link del crv1 2>/dev/null");
    rig_spec(&spec, 1);
    rig_create(&spec);
}

static void destroy(void)
{
    rig_destroy(&spec);
}

static void create_crun(void)
{
    rig_host("ip link del crv1 2>/dev/null");
    rig_container = &container_crun;
    rig_spec(&spec, 1);
    rig_create(&spec);
}

static enum observed observe(void)
{
    enum observed observed = OBSERVED_ERROR;
    CALL(0, rig_container->observe(&rig_config, spec.vps, &observed, err));
    return observed;
}

START_TEST(runs_stops_starts_and_goes)
{
    ck_assert_int_eq(observe(), OBSERVED_RUNNING);
    ck_assert_int_eq(rig_start(&spec), 0); // already so
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    ck_assert_int_eq(rig_start(&spec), 0);
    ck_assert_int_eq(observe(), OBSERVED_RUNNING);
    // As liblxc leaves it where the kernel has AppArmor; another's stays.
    ck_assert_int_eq(rig_host("d=/var/cache/lxc/apparmor/croft-test-%s && mkdir -p $d && touch "
                              "\"$d/lxc-%s_<-x>\" \"$d/lxc-other_<-x>\"",
                              spec.vps, spec.vps),
                     0);
    rig_destroy(&spec);
    ck_assert_int_eq(
        rig_host("d=/var/cache/lxc/apparmor/croft-test-%s && test $(ls $d | wc -l) = %d "
                 "&& rm -r $d",
                 spec.vps, rig_container == &container_lxc ? 1 : 2), // crun makes none
        0);
    ck_assert_int_eq(observe(), OBSERVED_ABSENT);
    ck_assert_int_ne(rig_host("ls -d /sys/fs/cgroup/*/lxc.payload.%s 2>/dev/null", spec.vps), 0);
    ck_assert_int_ne(rig_host("ip link show crv1 >/dev/null 2>&1"), 0);
    rig_destroy(&spec); // nothing left is success
}
END_TEST

static int kill_monitor(void)
{
    return rig_host("kill -9 $(cat /sys/fs/cgroup/pids/lxc.monitor.%s/cgroup.procs "
                    "/sys/fs/cgroup/lxc.monitor.%s/cgroup.procs 2>/dev/null)",
                    spec.vps, spec.vps);
}

START_TEST(survives_the_loss_of_its_monitor)
{
    ck_assert_int_eq(kill_monitor(), 0);
    CALL(0, rig_container->stop(&rig_config, spec.vps, 1, err));
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
    ck_assert_int_eq(rig_start(&spec), 0);
    ck_assert_int_eq(observe(), OBSERVED_RUNNING);
    ck_assert_int_eq(kill_monitor(), 0);
    rig_destroy(&spec);
    ck_assert_int_ne(
        rig_host("find /sys/fs/cgroup -maxdepth 2 -name 'lxc.*%s*' | grep .", spec.vps), 0);
}
END_TEST

START_TEST(is_unprivileged_and_sees_its_plan)
{
    char out[4096], expected[160];
    ck_assert_int_eq(rig_exec(&spec, "cat /proc/self/uid_map; id -u", out, sizeof(out)), 0);
    unsigned inside, outside, count;
    ck_assert_int_eq(sscanf(out, "%u %u %u", &inside, &outside, &count), 3);
    ck_assert_uint_eq(inside, 0);
    ck_assert_uint_eq(outside, spec.id_base);
    ck_assert_uint_eq(count, IDS_PER_VPS);
    ck_assert_int_eq(rig_exec(&spec, "nproc", out, sizeof(out)), 0);
    ck_assert_str_eq(out, "1\n");
    ck_assert_int_eq(rig_exec(&spec, "head -n1 /proc/meminfo", out, sizeof(out)), 0);
    unsigned long total;
    ck_assert_int_eq(sscanf(out, "MemTotal: %lu", &total), 1);
    ck_assert_uint_eq(total, (64 << 20) / 1024);
    ck_assert_int_eq(
        rig_exec(&spec, "cat /etc/hostname /proc/sys/kernel/hostname", out, sizeof(out)), 0);
    snprintf(expected, sizeof(expected), "%s\n%s\n", spec.hostname, spec.hostname);
    ck_assert_str_eq(out, expected);
    ck_assert_int_eq(rig_exec(&spec, "cat /etc/ssh/ssh_host_rsa_key", NULL, 0), 1);
}
END_TEST

START_TEST(memory_hog_is_killed_inside)
{
    ck_assert_int_eq(rig_exec(&spec, "tail -c 200m /dev/zero >/dev/null", NULL, 0), 137);
    struct usage_counters counters;
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &spec, &counters, err));
    ck_assert_uint_ge(counters.oom_kills, 1);
    ck_assert_int_eq(observe(), OBSERVED_RUNNING);
}
END_TEST

START_TEST(disk_limit_holds)
{
    char out[4096];
    ck_assert_int_eq(rig_exec(&spec, "dd if=/dev/urandom of=/a bs=1M count=20", NULL, 0), 0);
    ck_assert_int_ne(rig_exec(&spec, "dd if=/dev/urandom of=/b bs=1M count=100", out, sizeof(out)),
                     0);
    ck_assert_msg(strstr(out, "quota") || strstr(out, "Quota"), "%s", out);
}
END_TEST

START_TEST(process_limit_holds)
{
    char out[4096];
    rig_exec(&spec, "i=0; while [ $i -lt 200 ]; do sleep 5 & i=$((i+1)); done; wait", out,
             sizeof(out));
    ck_assert_msg(strstr(out, "fork"), "%s", out);
}
END_TEST

static int make_nested(void *arg)
{
    unsigned long request = *(const unsigned long *)arg;
    static union {
        struct btrfs_ioctl_vol_args one;
        struct btrfs_ioctl_vol_args_v2 two;
    } args;
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    memset(&args, 0, sizeof(args));
    if ((request & 0xff) == 0x18 || (request & 0xff) == 0x17) {
        args.two.fd = fd;
        snprintf(args.two.name, sizeof(args.two.name), "nested");
    } else {
        args.one.fd = fd;
        snprintf(args.one.name, sizeof(args.one.name), "nested");
    }
    int r = ioctl(fd, request, &args);
    _exit(r == 0 ? 0 : errno);
}

START_TEST(nested_subvolumes_are_refused)
{
    static const unsigned long requests[] = {
        BTRFS_IOC_SUBVOL_CREATE,
        BTRFS_IOC_SNAP_CREATE,
        BTRFS_IOC_SUBVOL_CREATE_V2,
        BTRFS_IOC_SNAP_CREATE_V2,
    };
    unsigned long request = requests[_i / 2];
    if (_i % 2) {
        request |= 0x7UL << 32; // an equality test of 64 bits would let this pass
    }
    ck_assert_int_eq(rig_call(&spec, make_nested, &request), EPERM);
}
END_TEST

START_TEST(counters_rise)
{
    struct usage_counters before, after;
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &spec, &before, err));
    ck_assert_uint_gt(before.memory_bytes, 0);
    ck_assert_uint_gt(before.disk_bytes, 0);
    ck_assert_uint_gt(before.pids, 0);
    rig_host("ip addr add 10.83.200.1/32 dev lo");
    char out[4096];
    int r = rig_exec(&spec,
                     "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; "
                     "dd if=/dev/zero of=/data bs=64k count=16 oflag=direct 2>/dev/null; "
                     "ping -c 3 -W 2 -s 1000 10.83.200.1",
                     out, sizeof(out));
    ck_assert_msg(r == 0, "%d %s", r, out);
    CALL(0, sampler_sample(&rig_config, &rig_drivers, &spec, &after, err));
    ck_assert_uint_gt(after.cpu_ns, before.cpu_ns + 10000000);
    ck_assert_uint_ge(after.io_write_bytes, before.io_write_bytes + (1 << 20));
    ck_assert_uint_gt(after.io_write_ops, before.io_write_ops);
    ck_assert_uint_ge(after.net_tx_bytes, before.net_tx_bytes + 3000);
    ck_assert_uint_ge(after.net_rx_bytes, before.net_rx_bytes + 3000);
    ck_assert_uint_lt(after.net_rx_bytes, before.net_rx_bytes + 20000);
}
END_TEST

START_TEST(sampling_is_quick)
{
    struct timespec from, to; // of the processor: others may run beside us
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < 100; i++) {
        struct usage_counters counters;
        CALL(0, sampler_sample(&rig_config, &rig_drivers, &spec, &counters, err));
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 10 + (double)(to.tv_nsec - from.tv_nsec) / 1e8;
    ck_assert_msg(ms < 2, "a sample took %.3f ms", ms);
}
END_TEST

// How many packets from the forged addresses got past the filter to the node.
static unsigned long forged_packets(void)
{
    char out[64] = "0";
    rig_exec(&spec, "ping -c 2 -W 1 -I 10.99.0.9 10.83.200.1; ping -c 2 -W 1 -I fd99::9 fd83::200",
             NULL, 0);
    FILE *list = popen("nft list table inet probe | awk '/packets/ { for (i = 1; i < NF; i++) "
                       "if ($i == \"packets\") n += $(i + 1) } END { print n + 0 }'",
                       "r");
    ck_assert_ptr_nonnull(fgets(out, sizeof(out), list));
    pclose(list);
    return strtoul(out, NULL, 10);
}

START_TEST(forged_sources_are_dropped)
{
    rig_host("ip addr add 10.83.200.1/32 dev lo; ip -6 addr add fd83::200/128 dev lo;"
             "nft 'table inet probe { chain input { type filter hook input priority -10; "
             "ip saddr 10.99.0.9 counter; ip6 saddr fd99::9 counter; }; }'");
    rig_exec(&spec, "ip addr add 10.99.0.9/32 dev eth0; ip addr add fd99::9/128 dev eth0; sleep 3",
             NULL, 0);
    ck_assert_int_eq(rig_exec(&spec, "ping -c 1 -W 2 10.83.200.1", NULL, 0), 0);
    ck_assert_int_eq(rig_exec(&spec, "ping -c 1 -W 2 fd83::200", NULL, 0), 0);
    ck_assert_uint_eq(forged_packets(), 0);
    rig_host("nft flush chain inet croft guest");
    ck_assert_uint_eq(forged_packets(), 4); // so it was the filter
    CALL(0, network_routed.open(&rig_config, err));
    ck_assert_uint_eq(forged_packets(), 4);
    rig_host("nft delete table inet probe");
}
END_TEST

// Where the kernel has no AppArmor, what a killed monitor leaves is made by hand.
START_TEST(a_profile_that_a_dead_monitor_left_goes_with_the_container)
{
    ck_assert_int_eq(
        rig_host("mkdir -p %s/vps/%s/apparmor/cache && echo profile >%s/vps/%s/apparmor/lxc-x",
                 rig_config.state_dir, spec.vps, rig_config.state_dir, spec.vps),
        0);
    rig_destroy(&spec);
    ck_assert_int_ne(rig_host("test -e %s/vps/%s/apparmor", rig_config.state_dir, spec.vps), 0);
}
END_TEST

START_TEST(a_missing_init_is_an_error)
{
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    rig_host("rm %s/pool/guests/%s/rootfs/sbin/init", rig_config.state_dir, spec.vps);
    ck_assert_int_eq(rig_start(&spec), ERR_SYSTEM);
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
}
END_TEST

// What a worker does whose start is refused and which takes its create back: all in one process.
static int refused_start(const char *reason)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err why = {0};
        int r = rig_start_here(&spec, &why);
        if (!strstr(why.text, reason)) {
            fprintf(stderr, "the reason is not told: %s\n", why.text);
            _exit(1);
        }
        CALL(0, rig_container->undefine(&rig_config, spec.vps, err));
        _exit(-r);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : ERR_INTERNAL;
}

static int cgroups_are_left(void)
{
    return rig_host("find /sys/fs/cgroup -name 'lxc.*%s*' | grep . >&2", spec.vps) == 0;
}

START_TEST(a_refused_start_says_why_and_leaves_no_cgroups)
{
    static const char *const reasons[] = {"Failed to exec \"/sbin/init\"",
                                          "Failed to create detached mount"};
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    if (_i == 0) {
        rig_host("rm %s/pool/guests/%s/rootfs/sbin/init", rig_config.state_dir, spec.vps);
    } else {
        rig_host(
            "sed -i 's,^lxc.rootfs.path.*,lxc.rootfs.path = dir:/nonexistent,' %s/vps/%s/config",
            rig_config.state_dir, spec.vps);
    }
    ck_assert_int_eq(refused_start(reasons[_i]), ERR_SYSTEM);
    ck_assert(!cgroups_are_left());
}
END_TEST

// The first process of a process namespace, below the root of a hierarchy as under a supervisor: liblxc makes
// containers' cgroups there.
static int live_below(const char *supervisor, struct vps_spec *other)
{
    struct usage_counters counters = {0};
    char procs[128];
    ck_assert_int_eq(rig_host("mkdir %s && mount -t proc proc /proc", supervisor), 0);
    snprintf(procs, sizeof(procs), "%s/cgroup.procs", supervisor);
    CALL(0, sysfile_write(procs, "0", err));
    rig_create(other);
    int placed = rig_host("test -d %s/lxc.payload.%s", supervisor, other->vps);
    CALL(0, sampler_sample(&rig_config, &rig_drivers, other, &counters, err));
    rig_host("rm %s/pool/guests/%s/rootfs/sbin/init", rig_config.state_dir, other->vps);
    CALL(0, rig_container->stop(&rig_config, other->vps, 5, err));
    int refused = rig_start(other);
    rig_destroy(other);
    int left = rig_host("find /sys/fs/cgroup -name 'lxc.*%s*' | grep . >&2", other->vps);
    return placed == 0 && counters.memory_bytes > 0 && refused == ERR_SYSTEM && left != 0;
}

START_TEST(cgroups_below_a_supervisor_are_read_and_removed)
{
    struct vps_spec other;
    char supervisor[64];
    rig_spec(&other, 2);
    snprintf(supervisor, sizeof(supervisor), "/sys/fs/cgroup/memory/croft-test-%d", getpid());
    pid_t pid = fork();
    if (pid == 0) {
        ck_assert_int_eq(unshare(CLONE_NEWPID | CLONE_NEWNS), 0);
        pid_t first = fork();
        if (first == 0) {
            _exit(live_below(supervisor, &other) ? 0 : 1);
        }
        int status = -1;
        waitpid(first, &status, 0);
        _exit(status == 0 ? 0 : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    rig_host("find %s -depth -type d -exec rmdir {} +", supervisor);
    ck_assert_int_eq(status, 0);
}
END_TEST

// How soon it ends is the init's own affair: start may have seen it live.
START_TEST(an_init_that_ends_is_seen_as_stopped)
{
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    rig_host("printf '#!/bin/sh\\nexit 3\\n' > %s/pool/guests/%s/rootfs/sbin/init",
             rig_config.state_dir, spec.vps);
    int r = rig_start(&spec);
    ck_assert_msg(r == 0 || r == ERR_SYSTEM, "%d", r);
    for (int i = 0; i < 200 && observe() != OBSERVED_STOPPED; i++) {
        usleep(10000);
    }
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
    if (rig_container->shut_down &&
        r == 0) { // nobody saw its end: it can be read until we take it away
        const struct pool_disks disks = {0};
        struct usage_counters counters = {0};
        CALL(0, rig_container->sample(&rig_config, spec.vps, &disks, &counters, err));
        ck_assert_uint_gt(counters.cpu_ns, 0);
    }
}
END_TEST

// While init starts it has no handler yet, and the first signal is lost.
START_TEST(a_stop_that_comes_early_is_still_clean)
{
    CALL(0, rig_container->stop(&rig_config, spec.vps, 5, err));
    rig_host("printf '#!/bin/sh\nsleep 2\ntrap \"touch /clean; exit 0\" PWR\n"
             "while true; do sleep 0.1; done\n' > %s/pool/guests/%s/rootfs/sbin/init",
             rig_config.state_dir, spec.vps);
    ck_assert_int_eq(rig_start(&spec), 0);
    CALL(0, rig_container->stop(&rig_config, spec.vps, 10, err));
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
    ck_assert_int_eq(
        rig_host("test -e %s/pool/guests/%s/rootfs/clean", rig_config.state_dir, spec.vps), 0);
}
END_TEST

// What holds whichever engine runs the guest.
static void add_common(TCase *tcase)
{
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, runs_stops_starts_and_goes);
    tcase_add_test(tcase, is_unprivileged_and_sees_its_plan);
    tcase_add_test(tcase, memory_hog_is_killed_inside);
    tcase_add_test(tcase, disk_limit_holds);
    tcase_add_test(tcase, process_limit_holds);
    tcase_add_test(tcase, counters_rise);
    tcase_add_test(tcase, forged_sources_are_dropped);
    tcase_add_test(tcase, a_missing_init_is_an_error);
    tcase_add_test(tcase, an_init_that_ends_is_seen_as_stopped);
    tcase_add_test(tcase, a_stop_that_comes_early_is_still_clean);
}

Suite *suite_container(void)
{
    Suite *suite = suite_create("container");
    TCase *tcase = tcase_create("lxc");
    tcase_add_checked_fixture(tcase, create, destroy);
    add_common(tcase);
    tcase_add_test(tcase, survives_the_loss_of_its_monitor);
    tcase_add_loop_test(tcase, nested_subvolumes_are_refused, 0, 8);
    tcase_add_test(tcase, sampling_is_quick);
    tcase_add_test(tcase, a_profile_that_a_dead_monitor_left_goes_with_the_container);
    tcase_add_loop_test(tcase, a_refused_start_says_why_and_leaves_no_cgroups, 0, 2);
    if (access("/sys/fs/cgroup/memory", F_OK) == 0) {
        tcase_add_test(tcase, cgroups_below_a_supervisor_are_read_and_removed);
    } // version 2: systemd's init.scope is the only base there is, see test_cgroup_base.c
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("crun");
    tcase_add_checked_fixture(tcase, create_crun, destroy);
    add_common(tcase);
    suite_add_tcase(suite, tcase);
    return suite;
}
