// What a guest may do, and what is done to it while it runs: the same whichever engine runs it.
#include "health.h"
#include "json.h"
#include "ns_owner.h"
#include "rig.h"
#include "test_drivers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct vps_spec spec;

static void create(void)
{
    rig_host("ip link del crv1 2>/dev/null");
    rig_spec(&spec, 1);
    rig_create(&spec);
}

static void create_lxc(void)
{
    rig_container = &container_lxc;
    create();
}

static void create_crun(void)
{
    rig_container = &container_crun;
    create();
}

static void destroy(void)
{
    rig_destroy(&spec);
}

static enum observed observe(void)
{
    enum observed observed = OBSERVED_ERROR;
    CALL(0, rig_container->observe(&rig_config, spec.vps, &observed, err));
    return observed;
}

// What surface.h lists, by numbers: both engines are told it in words of their own.
static const struct {
    const char *call;
    int error;
} refused_calls[] = {
    {"16 / 0x5000940e 0s", EPERM},
    {"16 / 0x75000940e 0s", EPERM}, // subvolumes, also with high bits
    {"16 / 0x50009417 0s", EPERM},
    {"16 / 0x750009417 0s", EPERM},
    {"16 / 0x50009418 0s", EPERM},
    {"16 / 0x50009401 0s", EPERM},
    {"16 0 0x5412 0s", EPERM}, // TIOCSTI
    {"321 0 0s 128", EPERM}, // bpf
    {"323 0", EPERM}, // userfaultfd
    {"298 0s 0 -1 -1 0", EPERM}, // perf_event_open
    {"425 1 0s", ENOSYS}, // io_uring_setup
    {"250 0 -3 0", ENOSYS}, // keyctl
    {"304 / 0s 0", EPERM}, // open_by_handle_at
    {"246 0 0 0s 0", EPERM}, // kexec_load
    {"103 3 0s 64", EPERM}, // syslog
};

START_TEST(what_no_guest_may_call_is_refused)
{
#ifdef __x86_64__
    char out[64], expected[16], command[128];
    ck_assert_int_eq(rig_host("cp %s %s/pool/guests/%s/rootfs/ask", getenv("CROFT_ASK"),
                              rig_config.state_dir, spec.vps),
                     0);
    for (size_t i = 0; i < ARRAY_LEN(refused_calls); i++) {
        snprintf(command, sizeof(command), "/ask %s", refused_calls[i].call);
        snprintf(expected, sizeof(expected), "%d\n", refused_calls[i].error);
        ck_assert_int_eq(rig_exec(&spec, command, out, sizeof(out)), 0);
        ck_assert_msg(strcmp(out, expected) == 0, "%s: %s", refused_calls[i].call, out);
    }
    ck_assert_int_eq(rig_exec(&spec, "/ask 39", out, sizeof(out)), 0); // getpid
    ck_assert_str_eq(out, "0\n");
#endif
}
END_TEST

START_TEST(capabilities_are_dropped_for_good)
{
    static const int dropped[] = {16, 17, 20, 25, 32, 33, 34, 35, 36}; // linux/capability.h
    char out[4096];
    unsigned long long bounding = ~0ULL;
    ck_assert_int_eq(rig_exec(&spec, "cat /proc/1/status", out, sizeof(out)), 0);
    const char *line = strstr(out, "CapBnd:");
    ck_assert_ptr_nonnull(line);
    ck_assert_int_eq(sscanf(line, "CapBnd: %llx", &bounding), 1);
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++) {
        ck_assert_msg((bounding >> dropped[i] & 1) == 0, "capability %d", dropped[i]);
    }
    ck_assert_uint_ne(bounding >> 21 & 1, 0); // sys_admin, of its own namespaces
}
END_TEST

START_TEST(stands_still_and_goes_on)
{
    struct usage_counters before, after;
    rig_host("printf '#!/bin/sh\nwhile :; do :; done\n' > %s/pool/guests/%s/rootfs/sbin/init",
             rig_config.state_dir, spec.vps);
    CALL(0, rig_container->stop(&rig_config, spec.vps, 0, err));
    ck_assert_int_eq(rig_start(&spec), 0);
    CALL(0, rig_container->freeze(&rig_config, spec.vps, err));
    CALL(0, rig_container->freeze(&rig_config, spec.vps, err)); // already so
    CALL(0, rig_container->sample(&rig_config, spec.vps, &rig_drivers.disks, &before, err));
    usleep(300000);
    CALL(0, rig_container->sample(&rig_config, spec.vps, &rig_drivers.disks, &after, err));
    ck_assert_uint_le(after.cpu_ns, before.cpu_ns + 1000000);
    CALL(0, rig_container->thaw(&rig_config, spec.vps, err));
    for (int i = 0; i < 500 && after.cpu_ns <= before.cpu_ns + 1000000; i++) {
        usleep(10000);
        CALL(0, rig_container->sample(&rig_config, spec.vps, &rig_drivers.disks, &after, err));
    }
    ck_assert_uint_gt(after.cpu_ns, before.cpu_ns + 1000000);
    CALL(0, rig_container->freeze(&rig_config, spec.vps, err));
    CALL(0, rig_container->stop(&rig_config, spec.vps, 1, err)); // as it stands
    ck_assert_int_eq(observe(), OBSERVED_STOPPED);
}
END_TEST

START_TEST(limits_and_name_change_while_it_runs)
{
    struct volume_root root;
    char out[128];
    CALL(0, volume_btrfs.root(&rig_config, spec.vps, &root, err));
    spec.limits.memory_bytes = 32 << 20;
    snprintf(spec.hostname, sizeof(spec.hostname), "another");
    CALL(0, rig_container->apply(&rig_config, &spec, &root, err));
    ck_assert_int_eq(rig_exec(&spec, "cat /proc/sys/kernel/hostname", out, sizeof(out)), 0);
    ck_assert_str_eq(out, "another\n");
    ck_assert_int_eq(rig_exec(&spec, "tail -c 48m /dev/zero >/dev/null", NULL, 0), 137);
}
END_TEST

START_TEST(a_root_shows_no_devices_and_is_its_own)
{
    char out[4096];
    rig_host("mknod %s/pool/guests/%s/rootfs/disk b 7 0 && chmod 666 %s/pool/guests/%s/rootfs/disk",
             rig_config.state_dir, spec.vps, rig_config.state_dir, spec.vps);
    ck_assert_int_ne(rig_exec(&spec, "head -c 1 /disk", out, sizeof(out)), 0);
    ck_assert_msg(strstr(out, "denied") || strstr(out, "not permitted"), "%s", out);
    ck_assert_int_eq(rig_exec(&spec, "echo its own >/written; cat /written", out, sizeof(out)), 0);
    ck_assert_str_eq(out, "its own\n");
    ck_assert_int_eq(rig_host("[ $(stat -c %%u %s/pool/guests/%s/rootfs/written) = 0 ]",
                              rig_config.state_dir, spec.vps),
                     0); // on disk, as in the image
}
END_TEST

static int one_of_root(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                       struct err *err)
{
    *ret_pid = getpid();
    return 0;
}

static bool is_counted_together(const struct container_driver *container)
{
    struct drivers drivers = rig_drivers;
    drivers.container = container;
    _cleanup_json_ json_t *alarms = health_observe(&rig_config, &drivers);
    size_t i;
    json_t *alarm;
    json_array_foreach (alarms, i, alarm) {
        if (strcmp(json_get_string(alarm, "code", ""), "counted_together") == 0) {
            return true;
        }
    }
    return false;
}

// What the kernel counts for a guest it counts for one user, whom no other guest is. If it does not, the node says so.
START_TEST(its_namespaces_are_its_own_users)
{
    pid_t init = 0;
    uint32_t owner = 0;
    CALL(0, rig_container->init_pid(&rig_config, spec.vps, &init, err));
    CALL(0, ns_owner_of(init, &owner, err));
    ck_assert_uint_eq(owner, spec.id_base);
    ck_assert(!is_counted_together(rig_container));
    struct container_driver other = *rig_container;
    other.init_pid = one_of_root;
    ck_assert(is_counted_together(&other));
}
END_TEST

static void add(Suite *suite, const char *name, SFun create_guest)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, create_guest, destroy);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, its_namespaces_are_its_own_users);
    tcase_add_test(tcase, what_no_guest_may_call_is_refused);
    tcase_add_test(tcase, capabilities_are_dropped_for_good);
    tcase_add_test(tcase, stands_still_and_goes_on);
    tcase_add_test(tcase, limits_and_name_change_while_it_runs);
    tcase_add_test(tcase, a_root_shows_no_devices_and_is_its_own);
    suite_add_tcase(suite, tcase);
}

Suite *suite_engines(void)
{
    Suite *suite = suite_create("engines");
    add(suite, "lxc", create_lxc);
    add(suite, "crun", create_crun);
    return suite;
}
