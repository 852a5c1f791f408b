#include "volume_fake.h"
#include "config.h"
#include "drivers.h"
#include "fake.h"
#include "file.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { TREE_FDS = 16 };

// Folders under fake/: images/<sha256>, unpacking/<sha256>, guests/<vps>/rootfs (nearly
// empty: a fake guest does not run anything) and a file limits/<vps>. Copies: volume_fake_stage.c.

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

int fake_remove_tree(const char *path, struct err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0 : err_errno(err, errno, "looking at %s", path);
    }
    if (nftw(path, remove_entry, TREE_FDS, FTW_DEPTH | FTW_PHYS) != 0) {
        return err_errno(err, errno, "removing %s", path);
    }
    return 0;
}

static int open_pool(const struct agent_config *config, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "images", NULL, path, err);
    return r < 0 ? r : fake_path(config, "guests", NULL, path, err);
}

static int stat_pool(const struct agent_config *config, uint64_t *ret_bytes, uint64_t *ret_free,
                     struct err *err)
{
    struct statvfs vfs;
    if (statvfs(config->state_dir, &vfs) < 0) {
        return err_errno(err, errno, "looking at %s", config->state_dir);
    }
    *ret_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
    *ret_free = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return 0;
}

static int has_image(const struct agent_config *config, const char *sha256)
{
    char path[FAKE_PATH_MAX];
    return fake_path(config, "images", sha256, path, NULL) == 0 && access(path, F_OK) == 0;
}

static int image_bytes(const struct agent_config *config, const char *sha256, uint64_t *ret_bytes,
                       struct err *err)
{
    *ret_bytes = 4096;
    return 0;
}

static int begin_image(const struct agent_config *config, const char *sha256, char ret_path[256],
                       struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "unpacking", sha256, path, err);
    if (r == 0) {
        r = fake_remove_tree(path, err);
    }
    if (r == 0) {
        r = file_make_dir(path, 0755, err);
    }
    if (r == 0) {
        snprintf(ret_path, 256, "%.255s", path);
    }
    return r;
}

static int commit_image(const struct agent_config *config, const char *sha256, struct err *err)
{
    char from[FAKE_PATH_MAX];
    char to[FAKE_PATH_MAX];
    int r = fake_path(config, "unpacking", sha256, from, err);
    if (r == 0) {
        r = fake_path(config, "images", sha256, to, err);
    }
    if (r == 0 && rename(from, to) < 0 && errno != EEXIST && errno != ENOTEMPTY) {
        r = err_errno(err, errno, "renaming %s", from);
    }
    return r;
}

static int delete_image(const struct agent_config *config, const char *sha256, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "images", sha256, path, err);
    return r < 0 ? r : fake_remove_tree(path, err);
}

static int create(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    const struct volume_source source = {.image = spec->image.sha256};
    if (!has_image(config, spec->image.sha256)) {
        return err_set(err, ERR_NOT_FOUND, "the image %s is not on this node", spec->image.sha256);
    }
    return fake_copy(config, spec, &source, err);
}

static int limit(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "limits", spec->vps, path, err);
    char text[32];
    snprintf(text, sizeof(text), "%lld\n", (long long)spec->limits.disk_bytes);
    return r < 0 ? r : file_write_atomic(path, text, strlen(text), 0600, err);
}

static int root(const struct agent_config *config, const char *vps, struct volume_root *ret_root,
                struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "guests", vps, path, err);
    if (r < 0) {
        return r;
    }
    *ret_root = (struct volume_root){0};
    snprintf(ret_root->path, sizeof(ret_root->path), "%.240s/rootfs", path);
    if (access(ret_root->path, F_OK) < 0) {
        return err_set(err, ERR_NOT_FOUND, "the vps has no volume");
    }
    return 0;
}

static int mount_root(const struct agent_config *config, const struct vps_spec *spec, pid_t monitor,
                      struct volume_root *root, struct err *err)
{
    return 0;
}

static int destroy(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = fake_path(config, "limits", vps, path, err);
    if (r == 0) {
        r = fake_remove_tree(path, err);
    }
    if (r == 0) {
        r = fake_path(config, "snapshots", vps, path, err);
    }
    if (r == 0) {
        r = fake_remove_tree(path, err);
    }
    if (r == 0) {
        r = fake_path(config, "guests", vps, path, err);
    }
    return r < 0 ? r : fake_remove_tree(path, err);
}

static int sample(const struct agent_config *config, const char *vps,
                  struct usage_counters *counters, struct err *err)
{
    counters->disk_bytes = 4096;
    return 0;
}

static int disks(const struct agent_config *config, struct pool_disks *ret_disks, struct err *err)
{
    *ret_disks = (struct pool_disks){0};
    return 0;
}

static int tidy(const struct agent_config *config, struct err *err)
{
    return 0;
}

const struct volume_driver volume_fake = {
    .name = "fake",
    .open_pool = open_pool,
    .disks = disks,
    .stat_pool = stat_pool,
    .image_folder = "fake/images",
    .image_bytes = image_bytes,
    .has_image = has_image,
    .begin_image = begin_image,
    .commit_image = commit_image,
    .delete_image = delete_image,
    .create = create,
    .limit = limit,
    .root = root,
    .mount = mount_root,
    .copy = fake_copy,
    .snapshot = fake_snapshot,
    .snapshot_delete = fake_snapshot_delete,
    .snapshot_root = fake_snapshot_root,
    .stage = fake_stage,
    .staged = fake_staged,
    .swap = fake_swap,
    .unswap = fake_unswap,
    .settle = fake_settle,
    .scratch = fake_scratch,
    .scratch_root = fake_scratch_root,
    .scratch_delete = fake_scratch_delete,
    .tidy = tidy,
    .destroy = destroy,
    .sample = sample,
};
