// Snapshots that customers make: snapshots/<vps>/<snapshot>, read-only, in folders that no guest and no
// local user enters.
//
// Nothing is frozen: btrfs writes out what the subvolume's files hold in memory and then takes all of
// it at one point of its log, so that every write() that returned before is in the snapshot and none is
// half (docs/decisions/0017-snapshots.md).
#include "btrfs_ioctl.h"
#include "config.h"
#include "sysfile.h"
#include "volume_btrfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

// Below this share of the pool no more snapshots are made: each keeps blocks that its guest gives back,
// and the room must do for the writes of all guests.
enum { RESERVE_SHARE = 20 };

static int check_room(const struct agent_config *config, struct err *err)
{
    uint64_t bytes, left;
    int r = volume_btrfs.stat_pool(config, &bytes, &left, err);
    if (r == 0 && left < bytes / RESERVE_SHARE) {
        r = err_set(err, ERR_DISK_FULL, "less than a twentieth of the node's pool is free");
    }
    return r;
}

static int open_snapshots(const struct agent_config *config, const char *vps, int *ret_fd,
                          struct err *err)
{
    return btrfs_open_pool_folder(config, "/snapshots/", vps, "", ret_fd, err);
}

static int make_folder(const struct agent_config *config, const char *vps, int *ret_fd,
                       struct err *err)
{
    char path[BTRFS_PATH_SIZE];
    int r = btrfs_pool_path(config, path, "/snapshots/", vps, "", err);
    if (r == 0) {
        r = sysfile_mkdir(path, 0700, err);
    }
    return r < 0 ? r : open_snapshots(config, vps, ret_fd, err);
}

static int take_read_only(const struct agent_config *config, const char *vps, int folder,
                          const char *snapshot, struct err *err)
{
    _cleanup_fd_ int root = -1;
    int r = check_room(config, err);
    if (r == 0) {
        r = btrfs_open_root(config, vps, &root, err);
    }
    if (r < 0) {
        return r;
    }
    enum btrfs_util_error error = btrfs_util_create_snapshot_fd2(
        root, folder, snapshot, BTRFS_UTIL_CREATE_SNAPSHOT_READ_ONLY, NULL, NULL);
    return error == BTRFS_UTIL_OK ? 0 : btrfs_fail(err, error, errno, "taking the snapshot");
}

int btrfs_snapshot(const struct agent_config *config, const char *vps, const char *snapshot,
                   uint64_t *ret_bytes, struct err *err)
{
    _cleanup_fd_ int folder = -1, made = -1;
    int r = make_folder(config, vps, &folder, err);
    if (r == 0 && !btrfs_exists(folder, snapshot)) {
        r = take_read_only(config, vps, folder, snapshot, err);
    }
    if (r < 0) {
        return r;
    }
    made = openat(folder, snapshot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return made < 0 ? err_errno(err, errno, "opening the snapshot")
                    : btrfs_usage(made, ret_bytes, err);
}

int btrfs_snapshot_root(const struct agent_config *config, const char *vps, const char *snapshot,
                        struct volume_root *ret_root, struct err *err)
{
    char tail[64], image[65];
    _cleanup_fd_ int fd = -1;
    *ret_root = (struct volume_root){.id_mapped = 1, .read_only = true};
    snprintf(tail, sizeof(tail), "/%s", snapshot);
    int r = btrfs_pool_path(config, ret_root->path, "/snapshots/", vps, tail, err);
    if (r == 0) {
        r = btrfs_open_folder(ret_root->path, &fd, err);
    }
    if (r == 0 && btrfs_layer_image(fd, image)) {
        snprintf(ret_root->layered, sizeof(ret_root->layered), "%s", ret_root->path);
    }
    return r;
}

// The folder goes with the last one.
static int remove_folder(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[BTRFS_PATH_SIZE];
    int r = btrfs_pool_path(config, path, "/snapshots/", vps, "", err);
    if (r == 0 && rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}

int btrfs_snapshot_delete(const struct agent_config *config, const char *vps, const char *snapshot,
                          struct err *err)
{
    _cleanup_fd_ int folder = -1;
    int r = open_snapshots(config, vps, &folder, err);
    if (r == ERR_NOT_FOUND) {
        return 0;
    }
    if (r == 0) {
        r = btrfs_delete_subvolume(folder, snapshot, err);
    }
    return r < 0 ? r : remove_folder(config, vps, err);
}

int btrfs_snapshot_delete_all(const struct agent_config *config, const char *vps, struct err *err)
{
    _cleanup_fd_ int folder = -1;
    int r = open_snapshots(config, vps, &folder, err);
    if (r == ERR_NOT_FOUND) {
        return 0;
    }
    if (r == 0) {
        r = btrfs_delete_all(folder, "", NULL, err);
    }
    return r < 0 ? r : remove_folder(config, vps, err);
}
