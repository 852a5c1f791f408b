// What changes in a guest that runs, and what its limits are set on.
#include "cgroup.h"
#include "rig.h"
#include "sysfile.h"
#include "test_drivers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct vps_spec spec;
static struct volume_root root;

static void create(void)
{
    rig_spec(&spec, 8);
    rig_create(&spec);
    CALL(0, volume_btrfs.root(&rig_config, spec.vps, &root, err));
}

static void destroy(void)
{
    rig_destroy(&spec);
}

static bool is_limit(const char *v1, const char *v2, const char *value)
{
    char path[CGROUP_PATH_SIZE], text[256], controller[32];
    const char *file = cgroup_is_unified() ? v2 : v1;
    snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(file, "."), file);
    cgroup_path(path, controller, spec.vps, file);
    CALL(0, sysfile_read(path, text, sizeof(text), err));
    return strstr(text, value) != NULL;
}

START_TEST(what_can_be_lowered_is_though_its_memory_does_not_fit)
{
    ck_assert_int_eq(rig_exec(&spec,
                              "dd if=/dev/zero bs=40M count=1 2>/dev/null | sleep 100 & sleep 1",
                              NULL, 0),
                     0);
    spec.limits.memory_bytes = 20 << 20;
    spec.limits.pids = 32;
    spec.rates.io_bps = 7654321;
    spec.suspended = SUSPENDED_THROTTLE;
    CALL(ERR_CONFLICT, container_lxc.apply(&rig_config, &spec, &root, err));
    ck_assert(is_limit("pids.max", "pids.max", "32"));
    ck_assert(is_limit("cpu.cfs_quota_us", "cpu.max", "10000"));
    ck_assert(is_limit("blkio.throttle.write_bps_device", "io.max", "7654321"));
    ck_assert(is_limit("memory.limit_in_bytes", "memory.max", "67108864"));
    spec.limits.memory_bytes = 60 << 20;
    CALL(0, container_lxc.apply(&rig_config, &spec, &root, err));
    ck_assert(is_limit("memory.limit_in_bytes", "memory.max", "62914560"));
}
END_TEST

// A disk in a loop file with a partition, told to the kernel by hand: this one may know no partition tables.
static void make_partition(const char *folder, char device[64])
{
    char path[300];
    ck_assert_int_eq(rig_host("mkdir -p %s && cd %s && truncate -s 256M disk && "
                              "losetup -f --show $PWD/disk >device && "
                              "addpart $(cat device) 1 2048 500000 && "
                              "mkfs.btrfs -q $(cat device)p1 >/dev/null",
                              folder, folder),
                     0);
    snprintf(path, sizeof(path), "%s/device", folder);
    CALL(0, sysfile_read(path, device, 60, err));
    device[strcspn(device, "\n")] = '\0';
}

START_TEST(limits_of_a_pool_on_a_partition_are_set_on_its_disk)
{
    char folder[200], device[64], partition[80];
    struct stat disk;
    struct volume_root found;
    snprintf(folder, sizeof(folder), "%s/partition", rig_config.state_dir);
    make_partition(folder, device);
    snprintf(partition, sizeof(partition), "%sp1", device);
    struct agent_config other = rig_config;
    other.state_dir = folder;
    other.pool.device = partition;
    CALL(0, volume_btrfs.open_pool(&other, err));
    rig_host("mkdir %s/pool/guests/%s && btrfs -q subvolume create %s/pool/guests/%s/rootfs",
             folder, spec.vps, folder, spec.vps);
    CALL(0, volume_btrfs.root(&other, spec.vps, &found, err));
    int r = stat(device, &disk);
    rig_host("umount %s/pool; delpart %s 1; losetup -d %s; rm -rf %s", folder, device, device,
             folder);
    ck_assert_int_eq(r, 0);
    ck_assert_msg(found.disk == disk.st_rdev, "%u:%u", major(found.disk), minor(found.disk));
    spec.rates.io_bps = 1234567; // the kernel takes a disk, and refuses a partition
    CALL(0, container_lxc.apply(&rig_config, &spec, &root, err));
}
END_TEST

Suite *suite_live(void)
{
    Suite *suite = suite_create("live");
    TCase *tcase = tcase_create("lxc");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_can_be_lowered_is_though_its_memory_does_not_fit);
    tcase_add_test(tcase, limits_of_a_pool_on_a_partition_are_set_on_its_disk);
    suite_add_tcase(suite, tcase);
    return suite;
}
