// Disks in two layers: what a guest sees of them, what is seen of them on the host, which images they keep.
#include "guest_identity.h"
#include "image.h"
#include "layer.h"
#include "rig.h"
#include "test_drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SNAPSHOT "0190a000-0000-7000-8000-00000000006a"

static struct vps_spec spec;
static char out[4096];

static void setup(void)
{
    rig_config.pool.mode = "layer";
    rig_spec(&spec, 8);
}

static void make_of(const char *name)
{
    const struct rig_entry entries[] = {
        {"opt", 'd', NULL, 0755},
        {name, 'd', NULL, 0755},
        {"opt/app", 'd', NULL, 0755},
        {"opt/app/one", 'f', "one\n", 0640},
        {"opt/app/same", 'h', "opt/app/one", 0640},
        {0},
    };
    rig_image(&spec, entries, 1);
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.limit(&rig_config, &spec, err));
}

static void make(void)
{
    make_of("srv");
}

static void start(void)
{
    struct volume_root root;
    CALL(0, volume_btrfs.root(&rig_config, spec.vps, &root, err));
    CALL(0, container_lxc.define(&rig_config, &spec, &root, err));
    ck_assert_int_eq(rig_start(&spec), 0);
}

static const char *in_guest(const char *command)
{
    int status = rig_exec(&spec, command, out, sizeof(out));
    ck_assert_msg(status == 0, "%s: %d: %s", command, status, out);
    return out;
}

static void remove_all(void)
{
    CALL(0, container_lxc.stop(&rig_config, spec.vps, 0, err));
    CALL(0, container_lxc.undefine(&rig_config, spec.vps, err));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}

static void no_mount_is_left(void)
{
    ck_assert_int_ne(rig_host("grep -q ' %s/pool/guests/' /proc/self/mountinfo", //
                              rig_config.state_dir),
                     0);
}

START_TEST(a_guest_sees_an_ordinary_disk)
{
    make();
    start();
    ck_assert_str_eq(in_guest("busybox stat -c %u:%g:%a / /bin/busybox /opt/app/one"),
                     "0:0:755\n0:0:755\n0:0:640\n");
    // The image's own can be changed, removed, made again, and its folders renamed.
    ck_assert_str_eq(in_guest("cd /opt && echo two >>app/one && cat app/one && "
                              "busybox mv app moved && rm moved/same && ls moved"),
                     "one\ntwo\none\n");
    in_guest("cd /opt && busybox mkdir app && echo new >app/one && busybox ls -A app");
    ck_assert_str_eq(out, "one\n");
    in_guest("busybox chown 1000:1000 /opt/moved/one && "
             "busybox ln /opt/moved/one /opt/link && busybox stat -c %h:%u /opt/link");
    ck_assert_str_eq(out, "2:1000\n");
    no_mount_is_left();
    CALL(0, container_lxc.stop(&rig_config, spec.vps, 0, err));
    no_mount_is_left();
    start();
    ck_assert_str_eq(in_guest("cat /opt/moved/one /opt/app/one"), "one\ntwo\nnew\n");
    remove_all();
}
END_TEST

// cp, rm, find and tar take two files with one number for the same file.
START_TEST(no_two_files_have_one_number)
{
    make();
    start();
    in_guest("cd /tmp && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do "
             "busybox mkdir d$i; echo >d$i/f; done; echo >>/opt/app/one; "
             "busybox find / -xdev -exec busybox stat -c '%i %n' {} + | busybox sort -n | "
             "busybox awk '{if ($1 > 255 && $1 == last && !/same|one/) print; last = $1}'");
    ck_assert_str_eq(out, "");
    remove_all();
}
END_TEST

START_TEST(what_is_written_for_a_guest_that_runs_arrives)
{
    struct volume_root root;
    pid_t monitor;
    char key[] = "ssh-ed25519 AAAAC3Nz of-a-test";
    make();
    start();
    spec.ssh_keys[0] = key;
    spec.ssh_key_count = 1;
    CALL(0, container_lxc.monitor_pid(&rig_config, spec.vps, &monitor, err));
    ck_assert_int_gt(monitor, 1);
    CALL(0, volume_btrfs.root(&rig_config, spec.vps, &root, err));
    CALL(0, volume_btrfs.mount(&rig_config, &spec, monitor, &root, err));
    CALL(0, guest_set_keys(&spec, &root, err));
    ck_assert_uint_eq(geteuid(), 0);
    in_guest("cat /root/.ssh/authorized_keys; busybox stat -c %u:%g:%a /root/.ssh/authorized_keys");
    ck_assert_msg(strstr(out, "of-a-test\n") && strstr(out, "\n0:0:600\n"), "%s", out);
    // Who makes a file of the host's next owns it as before.
    rig_write("probe", "", 0);
    ck_assert_int_eq(rig_host("test \"$(stat -c %%u %s/probe)\" = 0", rig_config.state_dir), 0);
    // What ends with its monitor leaves nothing mounted either.
    kill(monitor, SIGKILL);
    CALL(0, container_lxc.stop(&rig_config, spec.vps, 0, err));
    no_mount_is_left();
    spec.ssh_key_count = 0;
    spec.ssh_keys[0] = NULL;
    remove_all();
}
END_TEST

START_TEST(the_disk_limit_is_of_what_the_guest_wrote)
{
    struct usage_counters empty, full;
    make();
    start();
    ck_assert_int_eq(rig_host("sync -f %s/pool", rig_config.state_dir), 0);
    CALL(0, volume_btrfs.sample(&rig_config, spec.vps, &empty, err));
    ck_assert_uint_lt(empty.disk_bytes, 512 * 1024); // nothing of its image
    unsigned mib = (unsigned)(spec.limits.disk_bytes >> 20);
    char command[256];
    snprintf(command, sizeof(command), "dd if=/dev/urandom of=/fill bs=1M count=%u conv=fsync",
             mib + 8);
    ck_assert_int_ne(rig_exec(&spec, command, out, sizeof(out)), 0);
    // Deleted, but open: it still counts.
    snprintf(command, sizeof(command),
             "exec 5</fill; rm /fill; dd if=/dev/urandom of=/more bs=1M count=%u conv=fsync",
             mib / 2);
    ck_assert_int_ne(rig_exec(&spec, command, out, sizeof(out)), 0);
    in_guest("rm -f /more; busybox sync");
    ck_assert_int_eq(rig_host("btrfs filesystem sync %s/pool", rig_config.state_dir), 0);
    CALL(0, volume_btrfs.sample(&rig_config, spec.vps, &full, err));
    ck_assert_uint_lt(full.disk_bytes, empty.disk_bytes + (4 << 20));
    // Its image's files are no room that it can win.
    in_guest("rm /opt/app/one");
    snprintf(command, sizeof(command), "dd if=/dev/urandom of=/fill bs=1M count=%u conv=fsync",
             mib / 2);
    in_guest(command);
    remove_all();
}
END_TEST

START_TEST(an_image_stays_while_disks_lie_above_it)
{
    uint64_t bytes;
    char image[256];
    make_of("of-its-own");
    snprintf(image, sizeof(image), "%s/pool/images", rig_config.state_dir);
    CALL(0, volume_btrfs.snapshot(&rig_config, spec.vps, SNAPSHOT, &bytes, err));
    CALL(ERR_CONFLICT, volume_btrfs.delete_image(&rig_config, spec.image.sha256, err));
    ck_assert(volume_btrfs.has_image(&rig_config, spec.image.sha256));
    // Reinstalled from another one: only the snapshot still needs it.
    ck_assert_int_eq(rig_host("btrfs subvolume delete %s/pool/guests/%s/rootfs >/dev/null",
                              rig_config.state_dir, spec.vps),
                     0);
    CALL(ERR_CONFLICT, volume_btrfs.delete_image(&rig_config, spec.image.sha256, err));
    CALL(0, volume_btrfs.snapshot_delete(&rig_config, spec.vps, SNAPSHOT, err));
    CALL(0, volume_btrfs.delete_image(&rig_config, spec.image.sha256, err));
    ck_assert_int_ne(rig_host("ls -A %s | grep -q %s", image, spec.image.sha256), 0);
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}
END_TEST

START_TEST(a_snapshot_is_read_as_one_disk)
{
    uint64_t bytes;
    struct volume_root root;
    int home;
    make();
    ck_assert_int_eq(rig_root(&spec, "rm opt/app/same && mv opt/app opt/moved && echo x >mine"), 0);
    CALL(0, volume_btrfs.snapshot(&rig_config, spec.vps, SNAPSHOT, &bytes, err));
    CALL(0, volume_btrfs.snapshot_root(&rig_config, spec.vps, SNAPSHOT, &root, err));
    CALL(0, volume_btrfs.mount(&rig_config, &spec, 0, &root, err));
    CALL(0, layer_enter(root.space, &home, err));
    int status = rig_host("cd %s && test -f mine && test -f opt/moved/one && test ! -e opt/app && "
                          "test ! -e opt/moved/same && test -x bin/busybox && "
                          "test \"$(stat -c %%u mine)\" = 0 && ! touch new 2>/dev/null",
                          root.path);
    layer_leave(home);
    ck_assert_int_eq(status, 0);
    remove_all();
}
END_TEST

static bool is_layered(const char *name)
{
    char path[300], value[65];
    snprintf(path, sizeof(path), "%s/pool/guests/%s/%s", rig_config.state_dir, spec.vps, name);
    return getxattr(path, "trusted.croft.image", value, sizeof(value)) == 64;
}

START_TEST(a_disk_stays_what_it_was_made_as)
{
    struct volume_source again = {.image = spec.image.sha256};
    make();
    ck_assert(is_layered("rootfs"));
    rig_config.pool.mode = "snapshot"; // the operator's next choice
    CALL(0, volume_btrfs.stage(&rig_config, &spec, &again, err));
    ck_assert(is_layered("rootfs.1"));
    CALL(0, volume_btrfs.settle(&rig_config, &spec, err));
    // Docker's overlayfs takes no overlayfs below it: the new disk of a plan that allows it is none.
    spec.features.nesting = true;
    CALL(0, volume_btrfs.stage(&rig_config, &spec, &again, err));
    ck_assert(!is_layered("rootfs.1"));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
    rig_config.pool.mode = "layer";
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    ck_assert(!is_layered("rootfs"));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
    spec.features.nesting = false;
    rig_config.pool.mode = "snapshot";
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    rig_config.pool.mode = "layer";
    CALL(0, volume_btrfs.stage(&rig_config, &spec, &again, err));
    ck_assert(!is_layered("rootfs") && !is_layered("rootfs.1"));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}
END_TEST

static int forge(void *arg)
{
    static const char *const names[] = {"trusted.croft.image", "trusted.overlay.redirect",
                                        "trusted.overlay.opaque"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (setxattr("/", names[i], "x", 1, 0) == 0) {
            return (int)i + 1;
        }
    }
    return 0;
}

START_TEST(a_guest_cannot_say_what_lies_below_it)
{
    for (int i = 0; i < 2; i++) {
        rig_config.pool.mode = i == 0 ? "layer" : "snapshot";
        make();
        start();
        ck_assert_int_eq(rig_call(&spec, forge, NULL), 0);
        remove_all();
    }
}
END_TEST

Suite *suite_layer(void)
{
    Suite *suite = suite_create("layer");
    TCase *tcase = tcase_create("layer");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_guest_sees_an_ordinary_disk);
    tcase_add_test(tcase, no_two_files_have_one_number);
    tcase_add_test(tcase, what_is_written_for_a_guest_that_runs_arrives);
    tcase_add_test(tcase, the_disk_limit_is_of_what_the_guest_wrote);
    tcase_add_test(tcase, an_image_stays_while_disks_lie_above_it);
    tcase_add_test(tcase, a_snapshot_is_read_as_one_disk);
    tcase_add_test(tcase, a_disk_stays_what_it_was_made_as);
    tcase_add_test(tcase, a_guest_cannot_say_what_lies_below_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
