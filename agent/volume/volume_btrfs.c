// Volumes on btrfs: images/<sha256> are read-only subvolumes, guests/<id>/rootfs snapshots of them, a
// quota group is the disk limit. Files are owned from id 0; the container driver id-maps the mount.
#include "volume_btrfs.h"

#include "btrfs_ioctl.h"
#include "cgroup.h"
#include "config.h"
#include "drivers.h"
#include "layer.h"
#include "sysfile.h"

#include <btrfsutil.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static int make_folder(const struct agent_config *config, const char *folder, mode_t mode,
                       struct err *err)
{
    char path[BTRFS_PATH_SIZE];
    int r = btrfs_pool_path(config, path, folder, "", "", err);
    return r < 0 ? r : sysfile_mkdir(path, mode, err);
}

static void count_io(int pool)
{
    dev_t disk;
    for (uint64_t number = 0; btrfs_disk(pool, number, &disk, NULL) == 0; number++) {
        cgroup_count_io(disk);
    }
}

static int btrfs_open_pool(const struct agent_config *config, struct err *err)
{
    char pool[BTRFS_PATH_SIZE];
    _cleanup_fd_ int fd = -1;
    int r = btrfs_pool_path(config, pool, "", "", "", err);
    if (r == 0) {
        r = btrfs_pool_mount(config, pool, err);
    }
    if (r == 0) {
        r = btrfs_open_folder(pool, &fd, err);
    }
    if (r == 0 && config->pool.mode && strcmp(config->pool.mode, "layer") == 0) {
        r = layer_check(err);
    }
    if (r == 0) {
        count_io(fd);
        r = btrfs_enable_quota(fd, err);
    }
    if (r == 0) {
        r = btrfs_forget_stale_quotas(fd, err);
    }
    if (r == 0) {
        r = make_folder(config, "/images", 0700, err);
    }
    if (r == 0) {
        r = make_folder(config, "/guests", 0711, err);
    }
    if (r == 0) {
        r = make_folder(config, "/snapshots", 0700, err);
    }
    return r < 0 ? err_wrap(err, "opening the pool") : 0;
}

static int statvfs_at(const char *path, struct statvfs *ret_fs, struct err *err)
{
    return statvfs(path, ret_fs) < 0 ? err_errno(err, errno, "asking about %s", path) : 0;
}

// A sparse loop file can never get more than the disk under it has left.
static int btrfs_stat_pool(const struct agent_config *config, uint64_t *ret_bytes,
                           uint64_t *ret_free, struct err *err)
{
    char pool[BTRFS_PATH_SIZE];
    struct statvfs fs, below;
    int r = btrfs_pool_path(config, pool, "", "", "", err);
    if (r == 0) {
        r = statvfs_at(pool, &fs, err);
    }
    if (r == 0) {
        r = statvfs_at(config->state_dir, &below, err);
    }
    if (r < 0) {
        return r;
    }
    uint64_t available = (uint64_t)fs.f_bavail * fs.f_frsize;
    uint64_t disk = (uint64_t)below.f_bavail * below.f_frsize;
    *ret_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    *ret_free = config->pool.device[0] || available < disk ? available : disk;
    return 0;
}

static int btrfs_has_image(const struct agent_config *config, const char *sha256)
{
    char path[BTRFS_PATH_SIZE];
    struct stat st;
    return btrfs_pool_path(config, path, "/images/", sha256, "", NULL) == 0 &&
           lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int btrfs_image_bytes(const struct agent_config *config, const char *sha256,
                             uint64_t *ret_bytes, struct err *err)
{
    _cleanup_fd_ int image = -1;
    int r = btrfs_open_pool_folder(config, "/images/", sha256, "", &image, err);
    return r < 0 ? r : btrfs_usage(image, ret_bytes, err);
}

// Until it is committed an image is images/.new-<sha256>.
static void new_name(char out[80], const char *sha256)
{
    snprintf(out, 80, ".new-%s", sha256);
}

static int btrfs_begin_image(const struct agent_config *config, const char *sha256,
                             char ret_path[256], struct err *err)
{
    char name[80];
    _cleanup_fd_ int images = -1;
    new_name(name, sha256);
    int r = btrfs_open_pool_folder(config, "/images", "", "", &images, err);
    if (r == 0) {
        r = btrfs_delete_subvolume(images, name, err);
    }
    if (r == 0) {
        r = btrfs_pool_path(config, ret_path, "/images/", name, "", err);
    }
    if (r < 0) {
        return r;
    }
    enum btrfs_util_error error = btrfs_util_create_subvolume_fd(images, name, 0, NULL, NULL);
    return error == BTRFS_UTIL_OK ? 0
                                  : btrfs_fail(err, error, errno, "making an image's subvolume");
}

static int btrfs_commit_image(const struct agent_config *config, const char *sha256,
                              struct err *err)
{
    char name[80];
    _cleanup_fd_ int images = -1, image = -1;
    new_name(name, sha256);
    int r = btrfs_open_pool_folder(config, "/images", "", "", &images, err);
    if (r == 0) {
        r = btrfs_open_pool_folder(config, "/images/", name, "", &image, err);
    }
    if (r < 0) {
        return r;
    }
    if (syncfs(image) < 0) {
        return err_errno(err, errno, "writing the image to disk");
    }
    enum btrfs_util_error error = btrfs_util_set_subvolume_read_only_fd(image, true);
    if (error != BTRFS_UTIL_OK) {
        return btrfs_fail(err, error, errno, "making the image read-only");
    }
    if (renameat(images, name, images, sha256) < 0 || fsync(images) < 0) {
        return err_errno(err, errno, "naming the image");
    }
    return 0;
}

static int btrfs_delete_image(const struct agent_config *config, const char *sha256,
                              struct err *err)
{
    char name[80];
    _cleanup_fd_ int images = -1;
    new_name(name, sha256);
    int r = btrfs_open_pool_folder(config, "/images", "", "", &images, err);
    if (r == 0) {
        r = btrfs_delete_subvolume(images, name, err);
    }
    if (r == 0) {
        r = btrfs_layer_check_free(config, sha256, err);
    }
    if (r == 0) {
        r = btrfs_layer_forget(images, sha256, err);
    }
    return r < 0 ? r : btrfs_delete_subvolume(images, sha256, err);
}

static int btrfs_copy(const struct agent_config *config, const struct vps_spec *spec,
                      const struct volume_source *source, struct err *err)
{
    _cleanup_fd_ int guest = -1;
    int r = btrfs_make_guest_folder(config, spec, &guest, err);
    if (r < 0 || btrfs_exists(guest, "rootfs")) {
        return r;
    }
    return btrfs_take(config, source, btrfs_makes_layers(config, spec), guest, "rootfs", err);
}

static int btrfs_create(const struct agent_config *config, const struct vps_spec *spec,
                        struct err *err)
{
    const struct volume_source source = {.image = spec->image.sha256};
    return btrfs_copy(config, spec, &source, err);
}

static int btrfs_set_limit(const struct agent_config *config, const struct vps_spec *spec,
                           struct err *err)
{
    _cleanup_fd_ int fd = -1, guests = -1;
    int r = btrfs_open_root(config, spec->vps, &fd, err);
    if (r == 0) {
        r = btrfs_open_pool_folder(config, "/guests", "", "", &guests, err);
    }
    return r < 0 ? r : btrfs_limit(guests, fd, (uint64_t)spec->limits.disk_bytes, err);
}

static int btrfs_root(const struct agent_config *config, const char *vps,
                      struct volume_root *ret_root, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = btrfs_open_root(config, vps, &fd, err);
    if (r < 0) {
        return r;
    }
    char image[65];
    bool layered = btrfs_layer_image(fd, image);
    *ret_root = (struct volume_root){.id_mapped = !layered};
    if (btrfs_disk(fd, 0, &ret_root->disk, NULL) == 0) {
        ret_root->disk = cgroup_disk_of(ret_root->disk);
    }
    r = btrfs_pool_path(config, ret_root->path, "/guests/", vps, "/rootfs", err);
    if (layered) {
        snprintf(ret_root->layered, sizeof(ret_root->layered), "%s", ret_root->path);
    }
    return r;
}

static int destroy_roots(const struct agent_config *config, const char *vps, struct err *err)
{
    _cleanup_fd_ int guests = -1, guest = -1;
    int r = btrfs_open_pool_folder(config, "/guests", "", "", &guests, err);
    if (r < 0) {
        return r;
    }
    r = btrfs_open_pool_folder(config, "/guests/", vps, "", &guest, err);
    if (r == ERR_NOT_FOUND) {
        return 0;
    }
    if (r == 0) {
        r = btrfs_delete_all(guest, "", NULL, err);
    }
    if (r < 0) {
        return r;
    }
    if (unlinkat(guests, vps, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        return err_errno(err, errno, "removing the folder of vps %s", vps);
    }
    return 0;
}

static int btrfs_destroy(const struct agent_config *config, const char *vps, struct err *err)
{
    btrfs_layer_drop();
    int r = btrfs_snapshot_delete_all(config, vps, err);
    return r < 0 ? r : destroy_roots(config, vps, err);
}

static int btrfs_tidy(const struct agent_config *config, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = btrfs_open_pool_folder(config, "", "", "", &fd, err);
    return r < 0 ? r : btrfs_forget_stale_quotas(fd, err);
}

static int btrfs_sample(const struct agent_config *config, const char *vps,
                        struct usage_counters *counters, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = btrfs_open_root(config, vps, &fd, err);
    return r < 0 ? r : btrfs_usage(fd, &counters->disk_bytes, err);
}

static int btrfs_disks(const struct agent_config *config, struct pool_disks *ret_disks,
                       struct err *err)
{
    char pool[BTRFS_PATH_SIZE];
    _cleanup_fd_ int fd = -1;
    int r = btrfs_pool_path(config, pool, "", "", "", err);
    if (r == 0) {
        r = btrfs_open_folder(pool, &fd, err);
    }
    *ret_disks = (struct pool_disks){0};
    dev_t disk;
    while (r == 0 && ret_disks->count < POOL_DISKS_MAX &&
           btrfs_disk(fd, ret_disks->count, &disk, NULL) == 0) {
        ret_disks->disks[ret_disks->count++] = cgroup_disk_of(disk);
    }
    return r;
}

const struct volume_driver volume_btrfs = {
    .name = "btrfs",
    .open_pool = btrfs_open_pool,
    .stat_pool = btrfs_stat_pool,
    .disks = btrfs_disks,
    .image_folder = "pool/images",
    .image_bytes = btrfs_image_bytes,
    .has_image = btrfs_has_image,
    .begin_image = btrfs_begin_image,
    .commit_image = btrfs_commit_image,
    .delete_image = btrfs_delete_image,
    .create = btrfs_create,
    .limit = btrfs_set_limit,
    .root = btrfs_root,
    .mount = btrfs_mount,
    .copy = btrfs_copy,
    .snapshot = btrfs_snapshot,
    .snapshot_delete = btrfs_snapshot_delete,
    .snapshot_root = btrfs_snapshot_root,
    .stage = btrfs_stage,
    .staged = btrfs_staged,
    .swap = btrfs_swap,
    .unswap = btrfs_unswap,
    .settle = btrfs_settle,
    .scratch = btrfs_scratch,
    .scratch_root = btrfs_scratch_root,
    .scratch_delete = btrfs_scratch_delete,
    .tidy = btrfs_tidy,
    .destroy = btrfs_destroy,
    .sample = btrfs_sample,
};
