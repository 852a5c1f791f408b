// Places and subvolumes of the pool, for the files of the btrfs driver.
#include "btrfs_ioctl.h"
#include "config.h"
#include "sysfile.h"
#include "volume_btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int btrfs_fail(struct err *err, enum btrfs_util_error error, int errnum, const char *what)
{
    if (errnum == ENOSPC || errnum == EDQUOT) {
        return err_set(err, ERR_DISK_FULL, "%s: the pool is full", what);
    }
    return err_set(err, ERR_SYSTEM, "%s: %s: %s", what, btrfs_util_strerror(error),
                   errnum ? strerrordesc_np(errnum) : "no system error");
}

int btrfs_pool_path(const struct agent_config *config, char out[BTRFS_PATH_SIZE],
                    const char *folder, const char *name, const char *tail, struct err *err)
{
    return sysfile_path(out, BTRFS_PATH_SIZE, err, "%s/pool%s%s%s", config->state_dir, folder, name,
                        tail);
}

int btrfs_open_folder(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "no folder %s", path)
                               : err_errno(err, errno, "opening %s", path);
    }
    *ret_fd = fd;
    return 0;
}

int btrfs_open_pool_folder(const struct agent_config *config, const char *folder, const char *name,
                           const char *tail, int *ret_fd, struct err *err)
{
    char path[BTRFS_PATH_SIZE];
    int r = btrfs_pool_path(config, path, folder, name, tail, err);
    return r < 0 ? r : btrfs_open_folder(path, ret_fd, err);
}

int btrfs_open_root(const struct agent_config *config, const char *vps, int *ret_fd,
                    struct err *err)
{
    return btrfs_open_pool_folder(config, "/guests/", vps, "/rootfs", ret_fd, err);
}

int btrfs_make_guest_folder(const struct agent_config *config, const struct vps_spec *spec,
                            int *ret_fd, struct err *err)
{
    char path[BTRFS_PATH_SIZE];
    _cleanup_fd_ int fd = -1;
    int r = btrfs_pool_path(config, path, "/guests/", spec->vps, "", err);
    if (r < 0) {
        return r;
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return err_errno(err, errno, "making %s", path);
    }
    r = btrfs_open_folder(path, &fd, err);
    if (r < 0) {
        return r;
    }
    if (fchown(fd, 0, spec->id_base) < 0 || fchmod(fd, 0710) < 0) {
        return err_errno(err, errno, "giving %s to the guest", path);
    }
    *ret_fd = STEAL_FD(fd);
    return 0;
}

bool btrfs_exists(int parent, const char *name)
{
    struct stat st;
    return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

// 0: it is no subvolume, or none is there.
static uint64_t id_of(int parent, const char *name)
{
    uint64_t id;
    _cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && btrfs_subvolume_id(fd, &id, NULL) == 0 ? id : 0;
}

int btrfs_delete_subvolume(int parent, const char *name, struct err *err)
{
    uint64_t id = id_of(parent, name);
    enum btrfs_util_error error =
        btrfs_util_delete_subvolume_fd(parent, name, BTRFS_UTIL_DELETE_SUBVOLUME_RECURSIVE);
    if (error != BTRFS_UTIL_OK && errno != ENOENT) {
        return btrfs_fail(err, error, errno, "deleting a subvolume");
    }
    if (id != 0) {
        // Too early on newer kernels, which do it themselves; open_pool() sweeps the rest.
        (void)!btrfs_forget_quota(parent, id, NULL);
    }
    return 0;
}

int btrfs_delete_all(int folder, const char *prefix, const char *but, struct err *err)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        return err_errno(err, errno, "listing a folder of the pool");
    }
    int r = 0;
    for (const struct dirent *item; r == 0 && (item = readdir(dir));) {
        const char *name = item->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            strncmp(name, prefix, strlen(prefix)) == 0 && !(but && strcmp(name, but) == 0)) {
            r = btrfs_delete_subvolume(folder, name, err);
        }
    }
    closedir(dir);
    return r;
}

static int open_source(const struct agent_config *config, const struct volume_source *source,
                       bool layered, int *ret_fd, struct err *err)
{
    char tail[64];
    if (source->image && layered) {
        return btrfs_layer_template(config, source->image, ret_fd, err);
    }
    if (source->image) {
        return btrfs_open_pool_folder(config, "/images/", source->image, "", ret_fd, err);
    }
    if (!source->snapshot) {
        return btrfs_open_root(config, source->vps, ret_fd, err);
    }
    snprintf(tail, sizeof(tail), "/%s", source->snapshot);
    return btrfs_open_pool_folder(config, "/snapshots/", source->vps, tail, ret_fd, err);
}

int btrfs_take(const struct agent_config *config, const struct volume_source *source, bool layered,
               int parent, const char *name, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = open_source(config, source, layered, &fd, err);
    if (r < 0) {
        return err_wrap(err, "opening %s", source->image ? "the image" : "what to copy");
    }
    enum btrfs_util_error error = btrfs_util_create_snapshot_fd2(fd, parent, name, 0, NULL, NULL);
    return error == BTRFS_UTIL_OK ? 0 : btrfs_fail(err, error, errno, "taking the snapshot");
}
