#include "image.h"
#include "rig.h"
#include "test_drivers.h"

#include <string.h>
#include <sys/stat.h>

static struct vps_spec spec;

static void setup(void)
{
    rig_config.pool.mode = "snapshot";
    rig_spec(&spec, 4);
    rig_image(&spec, NULL, 1);
    CALL(0, image_install(&rig_config, &rig_drivers, &spec, err));
}

static void setup_layer(void)
{
    setup();
    rig_config.pool.mode = "layer";
}

START_TEST(opens_again)
{
    uint64_t bytes, left;
    CALL(0, volume_btrfs.open_pool(&rig_config, err));
    CALL(0, volume_btrfs.stat_pool(&rig_config, &bytes, &left, err));
    ck_assert_uint_gt(bytes, 1 << 30);
    ck_assert_uint_gt(left, 1 << 29);
    ck_assert_uint_le(left, bytes);
}
END_TEST

START_TEST(makes_guests_and_removes_what_they_nested)
{
    char root[256];
    struct stat st;
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.limit(&rig_config, &spec, err));
    snprintf(root, sizeof(root), "%s/pool/guests/%s", rig_config.state_dir, spec.vps);
    ck_assert_int_eq(stat(root, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0710);
    ck_assert_uint_eq(st.st_uid, 0);
    ck_assert_uint_eq(st.st_gid, spec.id_base);
    const char *below = strcmp(rig_config.pool.mode, "layer") == 0 ? "upper" : "tmp";
    ck_assert_int_eq(rig_host("cd %s/rootfs/%s && btrfs subvolume create nested >/dev/null && "
                              "btrfs subvolume create nested/deeper >/dev/null",
                              root, below),
                     0);
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
    ck_assert_int_ne(stat(root, &st), 0);
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}
END_TEST

START_TEST(knows_a_missing_image)
{
    spec.image.sha256[0] = spec.image.sha256[0] == 'a' ? 'b' : 'a';
    CALL(ERR_NOT_FOUND, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}
END_TEST

START_TEST(usage_follows_what_is_written)
{
    struct usage_counters before, after;
    CALL(0, volume_btrfs.create(&rig_config, &spec, err));
    CALL(0, volume_btrfs.sample(&rig_config, spec.vps, &before, err));
    ck_assert_int_eq(rig_root(&spec, "dd if=/dev/urandom of=f bs=1M count=5 2>/dev/null"), 0);
    ck_assert_int_eq(rig_host("sync -f %s/pool", rig_config.state_dir), 0);
    CALL(0, volume_btrfs.sample(&rig_config, spec.vps, &after, err));
    ck_assert_uint_ge(after.disk_bytes, before.disk_bytes + (5 << 20));
    ck_assert_uint_le(after.disk_bytes, before.disk_bytes + (6 << 20));
    CALL(0, volume_btrfs.destroy(&rig_config, spec.vps, err));
}
END_TEST

START_TEST(a_full_pool_is_said)
{
    // Each sync gives back what was reserved too generously, for the next round to fill.
    rig_host("cd %s/pool && for i in 1 2 3 4 5 6 7 8; do "
             "dd if=/dev/zero of=fill$i bs=64k 2>/dev/null; sync -f .; done",
             rig_config.state_dir);
    struct vps_spec other;
    rig_spec(&other, 5);
    static char text[4 << 20];
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        text[i] = (char)('a' + ((i * 2654435761U) >> 13) % 26);
    }
    static const struct rig_entry entries[] = {{"big", 'f', text, 0644}, {0}};
    rig_image(&other, entries, 0);
    CALL(ERR_DISK_FULL, image_install(&rig_config, &rig_drivers, &other, err));
    rig_host("cd %s/pool && rm -f fill*; sync -f .", rig_config.state_dir);
    CALL(0, image_install(&rig_config, &rig_drivers, &other, err));
}
END_TEST

Suite *suite_volume(void)
{
    Suite *suite = suite_create("volume");
    static void (*const setups[])(void) = {setup, setup_layer};
    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        TCase *tcase = tcase_create(i == 0 ? "snapshot" : "layer");
        tcase_add_checked_fixture(tcase, setups[i], NULL);
        tcase_set_timeout(tcase, 120);
        tcase_add_test(tcase, opens_again);
        tcase_add_test(tcase, makes_guests_and_removes_what_they_nested);
        tcase_add_test(tcase, knows_a_missing_image);
        tcase_add_test(tcase, usage_follows_what_is_written);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

// Last of all, since a failure leaves the pool full.
Suite *suite_full(void)
{
    Suite *suite = suite_create("full");
    TCase *tcase = tcase_create("btrfs");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_full_pool_is_said);
    suite_add_tcase(suite, tcase);
    return suite;
}
