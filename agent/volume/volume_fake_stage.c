// Copies of a fake root: snapshots/<vps>/<snapshot>, and in guests/<vps>/ `rootfs.new`, `rescue` and the
// file `swapped`, which holds the generation whose order exchanged rootfs and rootfs.new.
#include "config.h"
#include "fake.h"
#include "file.h"
#include "sysfile.h"
#include "volume_fake.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = FAKE_PATH_MAX + 80, FILE_BYTES_MAX = 1 << 20 };

static int guest_path(const struct agent_config *config, const char *vps, const char *name,
                      char out[PATH_SIZE], struct err *err)
{
    char guest[FAKE_PATH_MAX];
    int r = fake_path(config, "guests", vps, guest, err);
    snprintf(out, PATH_SIZE, "%s/%s", guest, name);
    return r;
}

static int snapshot_path(const struct agent_config *config, const char *vps, const char *snapshot,
                         char out[PATH_SIZE], struct err *err)
{
    char folder[FAKE_PATH_MAX];
    int r = fake_path(config, "snapshots", vps, folder, err);
    snprintf(out, PATH_SIZE, "%s%s%s", folder, *snapshot ? "/" : "", snapshot);
    return r;
}

static int copy_file(int from, int to, const char *name, mode_t mode, struct err *err)
{
    _cleanup_fd_ int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_fd_ int target =
        openat(to, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 07777);
    _cleanup_free_ char *block = malloc(FILE_BYTES_MAX);
    ssize_t n = source < 0 || target < 0 || !block ? -1 : read(source, block, FILE_BYTES_MAX);
    if (n < 0) {
        return err_errno(err, errno, "copying %s", name);
    }
    return file_write_all(target, block, (size_t)n, err);
}

static int copy_tree(int from, int to, struct err *err);

static int copy_entry(int from, int to, const char *name, struct err *err)
{
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        return err_errno(err, errno, "looking at %s", name);
    }
    if (S_ISREG(st.st_mode)) {
        return copy_file(from, to, name, st.st_mode, err);
    }
    if (!S_ISDIR(st.st_mode)) {
        return 0; // what a fake guest never has
    }
    if (mkdirat(to, name, st.st_mode & 07777) < 0 && errno != EEXIST) {
        return err_errno(err, errno, "making %s", name);
    }
    _cleanup_fd_ int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_fd_ int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0 || target < 0) {
        return err_errno(err, errno, "opening %s", name);
    }
    return copy_tree(source, target, err);
}

static int copy_tree(int from, int to, struct err *err)
{
    int fd = dup(from);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        return err_errno(err, errno, "listing a folder");
    }
    int r = 0;
    for (const struct dirent *item; r == 0 && (item = readdir(dir));) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            r = copy_entry(from, to, item->d_name, err);
        }
    }
    closedir(dir);
    return r;
}

// Appears whole or not at all, as a real one does.
static int copy_root(const char *from, const char *to, struct err *err)
{
    char fresh[PATH_SIZE + 8];
    snprintf(fresh, sizeof(fresh), "%s.part", to);
    int r = fake_remove_tree(fresh, err);
    if (r == 0) {
        r = file_make_dir(fresh, 0755, err);
    }
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int source = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_fd_ int target = open(fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0 || target < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no %s", from)
                               : err_errno(err, errno, "opening %s", from);
    }
    r = copy_tree(source, target, err);
    if (r == 0 && rename(fresh, to) < 0) {
        r = err_errno(err, errno, "naming %s", to);
    }
    return r;
}

// What guest_prepare() writes into is in every fake root, also of an image without anything.
static int make_folders(const char *root, uint32_t owner, struct err *err)
{
    static const char *const folders[] = {"", "/etc", "/root"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++) {
        char path[PATH_SIZE + 8];
        snprintf(path, sizeof(path), "%s%s", root, folders[i]);
        r = file_make_dir(path, 0755, err);
        if (r == 0 && lchown(path, owner, owner) < 0 && errno != EPERM) {
            r = err_errno(err, errno, "owning %s", path);
        }
    }
    return r;
}

static int take(const struct agent_config *config, const struct vps_spec *spec,
                const struct volume_source *source, const char *name, struct err *err)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    int r = source->image      ? fake_path(config, "images", source->image, from, err)
            : source->snapshot ? snapshot_path(config, source->vps, source->snapshot, from, err)
                               : guest_path(config, source->vps, "rootfs", from, err);
    if (r == 0) {
        r = guest_path(config, spec->vps, name, to, err);
    }
    if (r == 0) {
        r = copy_root(from, to, err);
    }
    return r < 0 ? r : make_folders(to, spec->id_base, err);
}

int fake_copy(const struct agent_config *config, const struct vps_spec *spec,
              const struct volume_source *source, struct err *err)
{
    char guest[PATH_SIZE];
    int r = guest_path(config, spec->vps, "", guest, err);
    if (r == 0) {
        r = file_make_dir(guest, 0711, err);
    }
    if (r == 0) {
        r = guest_path(config, spec->vps, "rootfs", guest, err);
    }
    return r < 0 || access(guest, F_OK) == 0 ? r : take(config, spec, source, "rootfs", err);
}

int fake_snapshot(const struct agent_config *config, const char *vps, const char *snapshot,
                  uint64_t *ret_bytes, struct err *err)
{
    char path[PATH_SIZE], root[PATH_SIZE];
    int r = snapshot_path(config, vps, "", path, err);
    if (r == 0) {
        r = file_make_dir(path, 0700, err);
    }
    if (r == 0) {
        r = snapshot_path(config, vps, snapshot, path, err);
    }
    if (r == 0) {
        r = guest_path(config, vps, "rootfs", root, err);
    }
    *ret_bytes = 4096;
    return r < 0 || access(path, F_OK) == 0 ? r : copy_root(root, path, err);
}

int fake_snapshot_root(const struct agent_config *config, const char *vps, const char *snapshot,
                       struct volume_root *ret_root, struct err *err)
{
    char path[PATH_SIZE];
    *ret_root = (struct volume_root){.read_only = true};
    int r = snapshot_path(config, vps, snapshot, path, err);
    return r < 0 ? r : sysfile_path(ret_root->path, sizeof(ret_root->path), err, "%s", path);
}

int fake_snapshot_delete(const struct agent_config *config, const char *vps, const char *snapshot,
                         struct err *err)
{
    char path[PATH_SIZE];
    int r = snapshot_path(config, vps, snapshot, path, err);
    if (r == 0) {
        r = fake_remove_tree(path, err);
    }
    if (r == 0) {
        r = snapshot_path(config, vps, "", path, err);
    }
    if (r == 0 && rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}

static bool is_swapped(const struct agent_config *config, const struct vps_spec *spec)
{
    char path[PATH_SIZE];
    _cleanup_free_ char *text = NULL;
    return guest_path(config, spec->vps, "swapped", path, NULL) == 0 &&
           file_read(path, FILE_SMALL_MAX, &text, NULL, NULL) == 0 &&
           strtoll(text, NULL, 10) == spec->generation;
}

static int set_swapped(const struct agent_config *config, const struct vps_spec *spec, bool swapped,
                       struct err *err)
{
    char root[PATH_SIZE], staged[PATH_SIZE], mark[PATH_SIZE], text[32];
    int r = guest_path(config, spec->vps, "rootfs", root, err);
    if (r == 0) {
        r = guest_path(config, spec->vps, "rootfs.new", staged, err);
    }
    if (r == 0) {
        r = guest_path(config, spec->vps, "swapped", mark, err);
    }
    if (r < 0) {
        return r;
    }
    if (renameat2(AT_FDCWD, root, AT_FDCWD, staged, RENAME_EXCHANGE) < 0) {
        return err_errno(err, errno, "exchanging %s", root);
    }
    snprintf(text, sizeof(text), "%lld\n", swapped ? (long long)spec->generation : 0);
    return file_write_atomic(mark, text, strlen(text), 0600, err);
}

int fake_stage(const struct agent_config *config, const struct vps_spec *spec,
               const struct volume_source *source, struct err *err)
{
    if (is_swapped(config, spec)) {
        return 0;
    }
    int r = fake_settle(config, spec, err);
    return r < 0 ? r : take(config, spec, source, "rootfs.new", err);
}

int fake_staged(const struct agent_config *config, const struct vps_spec *spec,
                struct volume_root *ret_root, struct err *err)
{
    char path[PATH_SIZE];
    int r = guest_path(config, spec->vps, "rootfs.new", path, err);
    *ret_root = (struct volume_root){0};
    if (r == 0 && access(path, F_OK) < 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no root beside that of the vps");
    }
    if (r == 0 && !is_swapped(config, spec)) {
        snprintf(ret_root->path, sizeof(ret_root->path), "%.255s", path);
    }
    return r;
}

int fake_swap(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    return is_swapped(config, spec) ? 0 : set_swapped(config, spec, true, err);
}

int fake_unswap(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    return is_swapped(config, spec) ? set_swapped(config, spec, false, err) : 0;
}

int fake_settle(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    static const char *const names[] = {"rootfs.new", "rootfs.new.part", "swapped"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
        char path[PATH_SIZE];
        r = guest_path(config, spec->vps, names[i], path, err);
        if (r == 0) {
            r = fake_remove_tree(path, err);
        }
    }
    return r;
}

int fake_scratch(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    const struct volume_source source = {.image = spec->rescue.sha256};
    char path[PATH_SIZE];
    int r = guest_path(config, spec->vps, "rescue", path, err);
    return r < 0 || access(path, F_OK) == 0 ? r : take(config, spec, &source, "rescue", err);
}

int fake_scratch_root(const struct agent_config *config, const char *vps,
                      struct volume_root *ret_root, struct err *err)
{
    char path[PATH_SIZE], own[PATH_SIZE];
    int r = guest_path(config, vps, "rescue", path, err);
    if (r == 0) {
        r = guest_path(config, vps, "rootfs", own, err);
    }
    if (r == 0 && access(path, F_OK) < 0) {
        r = err_set(err, ERR_NOT_FOUND, "the vps has no rescue root");
    }
    *ret_root = (struct volume_root){0};
    snprintf(ret_root->path, sizeof(ret_root->path), "%.255s", path);
    snprintf(ret_root->beside, sizeof(ret_root->beside), "%.255s", own);
    return r;
}

int fake_scratch_delete(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[PATH_SIZE];
    int r = guest_path(config, vps, "rescue", path, err);
    return r < 0 ? r : fake_remove_tree(path, err);
}
