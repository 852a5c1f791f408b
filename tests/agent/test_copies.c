// Snapshots, exchanged roots and the rescue mode, on btrfs and in real containers.
#include "image.h"
#include "rig.h"
#include "test_drivers.h"

#include <string.h>
#include <sys/stat.h>

#define SNAPSHOT "0190a000-0000-7000-8000-00000000005a"
#define SNAPSHOT_2 "0190a000-0000-7000-8000-00000000005b"

static struct vps_spec spec;
static char guest[256], root[300];

static bool is_layered(void)
{
    return strcmp(rig_config.pool.mode, "layer") == 0;
}

static void setup(void)
{
    rig_spec(&spec, 6);
    spec.generation = 5;
    rig_image(&spec, NULL, 1);
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.limit(&rig_config, &spec, err));
    snprintf(guest, sizeof(guest), "%s/pool/guests/%s", rig_config.state_dir, spec.vps);
    snprintf(root, sizeof(root), "%s/rootfs", guest);
}

static void setup_snapshot(void)
{
    rig_config.pool.mode = "snapshot";
    setup();
}

static void setup_layer(void)
{
    rig_config.pool.mode = "layer";
    setup();
}

static void teardown(void)
{
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}

static bool guest_has(const char *path)
{
    char full[512];
    struct stat st;
    snprintf(full, sizeof(full), "%s/%s", guest, path);
    return lstat(full, &st) == 0;
}

static void write_word(const char *word)
{
    ck_assert_int_eq(rig_root(&spec, "echo %s >word", word), 0);
}

static bool has_word(const char *word)
{
    return rig_root(&spec, "test \"$(cat word)\" = %s", word) == 0;
}

static void take(const char *snapshot)
{
    uint64_t bytes = 0;
    CALL(0, volume_btrfs.snapshot(&rig_config, spec.vps, snapshot, &bytes, err));
    // What it refers to: busybox is the guest's, or its image's.
    ck_assert_uint_gt(bytes, 0);
    ck_assert(bytes > 256 * 1024 || is_layered());
    ck_assert(bytes < 256 * 1024 || !is_layered());
}

static const struct volume_source from_snapshot = {.vps = "", .snapshot = SNAPSHOT};

static void stage(void)
{
    struct volume_source source = from_snapshot;
    source.vps = spec.vps;
    CALL(0, volume_btrfs.stage(&rig_config, &spec, &source, err));
}

START_TEST(a_snapshot_has_what_was_written_before_it)
{
    write_word("before"); // and nobody synced
    take(SNAPSHOT);
    write_word("after");
    take(SNAPSHOT); // again: the same one
    stage();
    stage();
    ck_assert(has_word("after"));
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    ck_assert(has_word("before"));
    stage(); // the worker was killed and begins again: nothing is lost
    ck_assert(has_word("before"));
    CALL(0, volume_btrfs.settle(&rig_config, &spec, err));
    ck_assert(has_word("before"));
    ck_assert(!guest_has("rootfs.5"));
}
END_TEST

START_TEST(an_exchange_is_taken_back)
{
    struct volume_root beside;
    CALL(ERR_NOT_FOUND, volume_btrfs.staged(&rig_config, &spec, &beside, err));
    write_word("before");
    take(SNAPSHOT);
    write_word("after");
    stage();
    CALL(0, volume_btrfs.unswap(&rig_config, &spec, err));
    ck_assert(has_word("after"));
    CALL(0, volume_btrfs.staged(&rig_config, &spec, &beside, err));
    ck_assert_str_ne(beside.path, "");
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    CALL(0, volume_btrfs.staged(&rig_config, &spec, &beside, err));
    ck_assert_str_eq(beside.path, "");
    CALL(0, volume_btrfs.unswap(&rig_config, &spec, err));
    CALL(0, volume_btrfs.unswap(&rig_config, &spec, err));
    ck_assert(has_word("after"));
    CALL(0, volume_btrfs.settle(&rig_config, &spec, err));
    CALL(0, volume_btrfs.unswap(&rig_config, &spec, err));
    ck_assert(has_word("after"));
}
END_TEST

// What an order left behind that was exchanged, but not settled, is not taken for a later order's.
START_TEST(what_an_older_order_left_is_not_used)
{
    write_word("first");
    take(SNAPSHOT);
    stage();
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    write_word("second");
    spec.generation = 6;
    stage();
    ck_assert(!guest_has("rootfs.5"));
    ck_assert(has_word("second"));
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    ck_assert(has_word("first"));
    CALL(0, volume_btrfs.settle(&rig_config, &spec, err));
    spec.generation = 5;
}
END_TEST

static int fill(const struct vps_spec *which, unsigned mib)
{
    return rig_root(which, "dd if=/dev/urandom of=fill bs=1M count=%u conv=fsync 2>/dev/null", mib);
}

START_TEST(the_disk_limit_holds_on_the_new_root)
{
    unsigned mib = (unsigned)(spec.limits.disk_bytes >> 20);
    take(SNAPSHOT);
    stage();
    CALL(0, volume_btrfs.swap(&rig_config, &spec, err));
    CALL(0, volume_btrfs.limit(&rig_config, &spec, err));
    CALL(0, volume_btrfs.settle(&rig_config, &spec, err));
    ck_assert_int_ne(fill(&spec, mib + 8), 0);
    struct vps_spec copy;
    rig_spec(&copy, 7);
    struct volume_source source = from_snapshot;
    source.vps = spec.vps;
    CALL(0, volume_btrfs.copy(&rig_config, &copy, &source, err));
    CALL(0, volume_btrfs.limit(&rig_config, &copy, err));
    ck_assert_int_eq(fill(&copy, mib / 2), 0);
    ck_assert_int_ne(fill(&copy, mib + 8), 0);
    CALL(0, volume_btrfs.destroy(&rig_config, copy.vps, err));
}
END_TEST

START_TEST(nothing_is_left_of_a_deleted_vps)
{
    struct stat st;
    char path[300];
    take(SNAPSHOT);
    take(SNAPSHOT_2);
    stage();
    CALL(0, volume_btrfs.snapshot_delete(&rig_config, spec.vps, SNAPSHOT_2, err));
    CALL(0, volume_btrfs.snapshot_delete(&rig_config, spec.vps, SNAPSHOT_2, err));
    snprintf(path, sizeof(path), "%s/pool/snapshots/%s", rig_config.state_dir, spec.vps);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
    ck_assert_int_ne(stat(path, &st), 0);
    ck_assert_int_ne(stat(guest, &st), 0);
    // The rest may be images and the guests of other tests; none of it is named after this one.
    ck_assert_int_ne(rig_host("btrfs subvolume list -d %s/pool >/dev/null; "
                              "btrfs subvolume list %s/pool | grep -q %s",
                              rig_config.state_dir, rig_config.state_dir, spec.vps),
                     0);
}
END_TEST

START_TEST(what_is_not_there_is_said)
{
    uint64_t bytes;
    struct volume_source source = from_snapshot;
    source.vps = spec.vps;
    CALL(ERR_NOT_FOUND, volume_btrfs.stage(&rig_config, &spec, &source, err));
    ck_assert(!guest_has("rootfs.5"));
    CALL(ERR_NOT_FOUND, volume_btrfs.snapshot(&rig_config, SNAPSHOT, SNAPSHOT, &bytes, err));
    CALL(0, volume_btrfs.snapshot_delete(&rig_config, SNAPSHOT, SNAPSHOT, err));
}
END_TEST

START_TEST(a_rescue_boots_beside_the_own_disk)
{
    struct volume_root rescue;
    char out[256];
    write_word("mine");
    rig_chown(&spec, "word", 0, 1234);
    spec.rescue = spec.image;
    CALL(0, volume_btrfs.scratch(&rig_config, &spec, err));
    CALL(0, volume_btrfs.scratch(&rig_config, &spec, err));
    CALL(0, volume_btrfs.scratch_root(&rig_config, spec.vps, &rescue, err));
    struct volume_root own;
    CALL(0, volume_btrfs.root(&rig_config, spec.vps, &own, err));
    ck_assert(rescue.disk != 0 && rescue.disk == own.disk); // limits of I/O are set on it
    CALL(0, container_lxc.define(&rig_config, &spec, &rescue, err));
    ck_assert_int_eq(rig_start(&spec), 0);
    ck_assert_int_eq(rig_exec(&spec,
                              "cat /mnt/word; stat -c %u:%g /mnt/word; touch /mnt/fixed && "
                              "test ! -e /word",
                              out, sizeof(out)),
                     0);
    ck_assert_str_eq(out, "mine\n0:1234\n");
    CALL(0, container_lxc.stop(&rig_config, spec.vps, 0, err));
    ck_assert_int_eq(rig_root(&spec, "test -e fixed"), 0);
    ck_assert_int_eq(
        rig_host("test \"$(stat -c %%u %s/%sfixed)\" = 0", root, is_layered() ? "upper/" : ""), 0);
    CALL(0, container_lxc.undefine(&rig_config, spec.vps, err));
    CALL(0, volume_btrfs.scratch_delete(&rig_config, spec.vps, err));
    CALL(ERR_NOT_FOUND, volume_btrfs.scratch_root(&rig_config, spec.vps, &rescue, err));
    spec.rescue = (struct spec_image){0};
}
END_TEST

START_TEST(a_pool_that_is_nearly_full_takes_no_snapshot)
{
    uint64_t bytes;
    rig_host("cd %s/pool && for i in 1 2 3 4 5 6 7 8; do "
             "dd if=/dev/zero of=fill$i bs=64k 2>/dev/null; sync -f .; done",
             rig_config.state_dir);
    CALL(ERR_DISK_FULL, volume_btrfs.snapshot(&rig_config, spec.vps, SNAPSHOT, &bytes, err));
    rig_host("cd %s/pool && rm -f fill*; sync -f .", rig_config.state_dir);
    take(SNAPSHOT);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_snapshot_has_what_was_written_before_it);
    tcase_add_test(tcase, an_exchange_is_taken_back);
    tcase_add_test(tcase, what_an_older_order_left_is_not_used);
    tcase_add_test(tcase, the_disk_limit_holds_on_the_new_root);
    tcase_add_test(tcase, nothing_is_left_of_a_deleted_vps);
    tcase_add_test(tcase, what_is_not_there_is_said);
    tcase_add_test(tcase, a_rescue_boots_beside_the_own_disk);
    tcase_add_test(tcase, a_pool_that_is_nearly_full_takes_no_snapshot);
}

Suite *suite_copies(void)
{
    Suite *suite = suite_create("copies");
    static void (*const setups[])(void) = {setup_snapshot, setup_layer};
    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        TCase *tcase = tcase_create(i == 0 ? "snapshot" : "layer");
        tcase_add_checked_fixture(tcase, setups[i], teardown);
        tcase_set_timeout(tcase, 120);
        add_tests(tcase);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
