// Disks in two layers: guests/<id>/rootfs holds only upper/, what the guest changed of its image, and work/, overlayfs's own;
// which image it is says the attribute trusted.croft.image of the subvolume, which no guest can set. All copies of the
// subvolume (snapshot, clone, second root) take it along, so that a disk stays what it was made as.
#include "btrfs_ioctl.h"
#include "config.h"
#include "fault.h"
#include "layer.h"
#include "volume_btrfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char image_attribute[] = "trusted.croft.image";

// Empty disks, one an image, of which those of guests are snapshots: images/.layer-<sha256>
enum { NAME_SIZE = 80 };

static void template_name(char out[NAME_SIZE], const char *sha256, const char *tail)
{
    snprintf(out, NAME_SIZE, ".layer-%s%s", sha256, tail);
}

bool btrfs_makes_layers(const struct agent_config *config, const struct vps_spec *spec)
{
    // What a guest runs containers with mounts overlayfs itself, which takes no overlayfs as its upper layer.
    return config->pool.mode && strcmp(config->pool.mode, "layer") == 0 && !spec->features.nesting;
}

bool btrfs_layer_image(int disk, char ret_image[65])
{
    ssize_t len = fgetxattr(disk, image_attribute, ret_image, 64);
    ret_image[len == 64 ? 64 : 0] = '\0';
    return len == 64;
}

bool btrfs_is_layered(int parent, const char *name)
{
    char image[65];
    _cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && btrfs_layer_image(fd, image);
}

// ---- The empty disk of an image

// Inodes are numbered in each subvolume by itself, and overlayfs shows them as they are: two files of a guest would have one
// number, and cp, find and rm take them for the same. So the own layer begins where its image ends. A nameless file takes a
// number and leaves nothing; the folders that are made next keep the place.
static int skip_inodes(int image, int disk, struct err *err)
{
    uint64_t last = 0;
    struct stat st = {0};
    int r = btrfs_last_inode(image, &last, err);
    while (r == 0 && st.st_ino < last) {
        _cleanup_fd_ int fd = openat(disk, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0 || fstat(fd, &st) < 0) {
            r = err_errno(err, errno, "counting the inodes of an image");
        }
    }
    return r;
}

static int make_folders(int image, int disk, struct err *err)
{
    struct stat root;
    if (fstat(image, &root) < 0 || mkdirat(disk, "upper", 0700) < 0 ||
        mkdirat(disk, "work", 0700) < 0) {
        return err_errno(err, errno, "making the folders of a layer");
    }
    _cleanup_fd_ int upper = openat(disk, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return upper < 0 || fchown(upper, root.st_uid, root.st_gid) < 0 ||
                   fchmod(upper, root.st_mode & 07777) < 0
               ? err_errno(err, errno, "making the folders of a layer")
               : 0;
}

static int furnish(int image, const char *sha256, int disk, struct err *err)
{
    int r = skip_inodes(image, disk, err);
    if (r == 0) {
        r = make_folders(image, disk, err);
    }
    if (r == 0 && (fchmod(disk, 0700) < 0 || fsetxattr(disk, image_attribute, sha256, 64, 0) < 0)) {
        r = err_errno(err, errno, "noting the image of a layer");
    }
    return r;
}

static int make_template(const struct agent_config *config, int images, int image,
                         const char *sha256, const char *name, struct err *err)
{
    char fresh[NAME_SIZE];
    template_name(fresh, sha256, ".new");
    int r = btrfs_delete_subvolume(images, fresh, err);
    if (r < 0) {
        return r;
    }
    enum btrfs_util_error error = btrfs_util_create_subvolume_fd(images, fresh, 0, NULL, NULL);
    if (error != BTRFS_UTIL_OK) {
        return btrfs_fail(err, error, errno, "making an image's layer");
    }
    _cleanup_fd_ int disk = openat(images, fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = disk < 0 ? err_errno(err, errno, "opening an image's layer")
                 : furnish(image, sha256, disk, err);
    if (r == 0) {
        r = fault_point(config, "layer", "empty", err);
    }
    if (r == 0 && renameat(images, fresh, images, name) < 0) {
        r = err_errno(err, errno, "naming an image's layer");
    }
    return r;
}

int btrfs_layer_template(const struct agent_config *config, const char *sha256, int *ret_fd,
                         struct err *err)
{
    char name[NAME_SIZE];
    _cleanup_fd_ int images = -1, image = -1;
    template_name(name, sha256, "");
    int r = btrfs_open_pool_folder(config, "/images", "", "", &images, err);
    if (r == 0) {
        r = btrfs_open_pool_folder(config, "/images/", sha256, "", &image, err);
    }
    if (r == 0 && flock(image, LOCK_EX) < 0) { // one makes it
        r = err_errno(err, errno, "locking an image");
    }
    if (r == 0 && !btrfs_exists(images, name)) {
        r = make_template(config, images, image, sha256, name, err);
    }
    return r < 0 ? r : btrfs_open_pool_folder(config, "/images/", name, "", ret_fd, err);
}

int btrfs_layer_forget(int images, const char *sha256, struct err *err)
{
    char name[NAME_SIZE];
    template_name(name, sha256, "");
    return btrfs_delete_all(images, name, NULL, err);
}

// ---- Which images are needed

static bool folder_needs(int folder, const char *sha256)
{
    char image[65];
    bool needed = false;
    DIR *dir = fdopendir(folder);
    for (const struct dirent *item; dir && !needed && (item = readdir(dir));) {
        if (item->d_name[0] != '.') {
            _cleanup_fd_ int disk =
                openat(dirfd(dir), item->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            needed = disk >= 0 && btrfs_layer_image(disk, image) && strcmp(image, sha256) == 0;
        }
    }
    if (dir) {
        closedir(dir);
    } else {
        close(folder);
    }
    return needed || !dir;
}

// Of every vps in pool/<folder>; what cannot be looked at counts as needed.
static int all_need(const struct agent_config *config, const char *folder, const char *sha256,
                    bool *needed, struct err *err)
{
    int fd = -1;
    int r = btrfs_open_pool_folder(config, folder, "", "", &fd, err);
    DIR *dir = r < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        return r < 0 ? r : err_errno(err, errno, "listing the pool");
    }
    for (const struct dirent *item; !*needed && (item = readdir(dir));) {
        int vps = item->d_name[0] == '.' ? -1
                                         : openat(dirfd(dir), item->d_name,
                                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        *needed = vps >= 0 && folder_needs(vps, sha256);
    }
    closedir(dir);
    return 0;
}

int btrfs_layer_check_free(const struct agent_config *config, const char *sha256, struct err *err)
{
    bool needed = false;
    int r = all_need(config, "/guests", sha256, &needed, err);
    if (r == 0) {
        r = all_need(config, "/snapshots", sha256, &needed, err);
    }
    return r == 0 && needed
               ? err_set(err, ERR_CONFLICT, "disks of guests lie above the image %s", sha256)
               : r;
}

// ---- Its mount

// The last one of this process: what is written into a guest before its start is then mounted once.
static struct {
    struct layer_view view;
    bool held;
    dev_t disk; // of the own layer; 0: one of a guest that runs, which ends with it
} kept;

void btrfs_layer_drop(void)
{
    if (kept.held) {
        close(kept.view.tree);
        close(kept.view.space);
        kept.held = false;
    }
}

// A root that was exchanged since took its mount along, to its new name.
static bool is_kept(const struct volume_root *root, dev_t disk)
{
    int tree = -1;
    struct err err;
    if (!kept.held || kept.disk != disk ||
        layer_look(kept.view.space, root->layered, &tree, &err) < 0) {
        return false;
    }
    close(kept.view.tree);
    kept.view.tree = tree;
    return true;
}

static int mount_layers(const struct agent_config *config, const struct vps_spec *spec,
                        const struct volume_root *root, struct err *err)
{
    char sha256[65], image[BTRFS_PATH_SIZE];
    struct stat st = {0};
    _cleanup_fd_ int disk = -1;
    int r = btrfs_open_folder(root->layered, &disk, err);
    if (r == 0 && (fstat(disk, &st) < 0 || !btrfs_layer_image(disk, sha256))) {
        r = err_set(err, ERR_INTERNAL, "the disk does not say which image it lies above");
    }
    if (r < 0 || is_kept(root, st.st_dev)) {
        return r;
    }
    btrfs_layer_drop();
    r = btrfs_pool_path(config, image, "/images/", sha256, "", err);
    if (r == 0 && access(image, F_OK) < 0) {
        r = err_set(err, ERR_IMAGE, "the image %s, above which the disk lies, is gone", sha256);
    }
    const struct layer layer = {.image = image,
                                .own = root->layered,
                                .at = root->layered,
                                .id_base = spec->id_base,
                                .read_only = root->read_only};
    r = r < 0 ? r : layer_mount(&layer, &kept.view, err);
    kept.held = r == 0;
    kept.disk = st.st_dev;
    return r < 0 ? r : fault_point(config, "layer", "mounted", err);
}

int btrfs_mount(const struct agent_config *config, const struct vps_spec *spec, pid_t monitor,
                struct volume_root *root, struct err *err)
{
    int r = 0;
    if (!root->layered[0]) {
        return 0;
    }
    if (monitor > 0) {
        btrfs_layer_drop();
        r = layer_join(monitor, root->layered, &kept.view, err);
        kept.held = r == 0;
        kept.disk = 0;
    } else {
        r = mount_layers(config, spec, root, err);
    }
    if (r == 0) {
        root->tree = kept.view.tree;
        root->space = kept.view.space;
    }
    return r;
}
