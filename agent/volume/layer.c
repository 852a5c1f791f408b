#include "layer.h"

#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

enum { IDS = 65536, TEXT_SIZE = 96 };

int layer_check(struct err *err)
{
    _cleanup_fd_ int fs = fsopen("overlay", FSOPEN_CLOEXEC);
    return fs >= 0 ? 0
                   : err_set(err, ERR_UNAVAILABLE, "the kernel has no overlayfs (%s)",
                             strerrordesc_np(errno));
}

// ---- Namespaces

int layer_enter(int space, int *ret_home, struct err *err)
{
    _cleanup_fd_ int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (home < 0 || setns(space, CLONE_NEWNS) < 0) {
        return err_errno(err, errno, "entering a guest's mounts");
    }
    *ret_home = STEAL_FD(home);
    return 0;
}

void layer_leave(int home)
{
    if (setns(home, CLONE_NEWNS) < 0) {
        _exit(1);
    }
    close(home);
}

// A copy of ours. What is unmounted here later is there, too, so that no guest keeps a disk of the host busy; what is mounted
// there never comes here.
static int enter_fresh(int *ret_home, int *ret_space, struct err *err)
{
    _cleanup_fd_ int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (home < 0 || unshare(CLONE_NEWNS) < 0) {
        return err_errno(err, errno, "making a mount namespace");
    }
    _cleanup_fd_ int space = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (space < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        int e = errno;
        layer_leave(STEAL_FD(home));
        return err_errno(err, e, "parting from the host's mounts");
    }
    *ret_home = STEAL_FD(home);
    *ret_space = STEAL_FD(space);
    return 0;
}

// ---- Whose files they are

// Another owner of files takes root's rights over others' files away: they are taken back.
int layer_own_as(uint32_t id, struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    setfsgid(id);
    setfsuid(id);
    if (syscall(SYS_capget, &header, data) < 0) {
        return err_errno(err, errno, "looking at our rights");
    }
    data[0].effective = data[0].permitted;
    data[1].effective = data[1].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? err_errno(err, errno, "keeping our rights") : 0;
}

// ---- The mount

// A mount of the folder with the guest's ids, attached at `at` for as long as the whole is being made: kernels before 6.13
// take a layer from a mount that is attached only.
static int attach(const char *folder, int ids, uint64_t flags, int *ret_fd, struct err *err)
{
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME | flags,
        .attr_clr = MOUNT_ATTR__ATIME,
        .userns_fd = (uint64_t)ids,
    };
    _cleanup_fd_ int fd =
        open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        return err_errno(err, errno, "giving %s the ids of the guest", folder);
    }
    *ret_fd = STEAL_FD(fd);
    return 0;
}

static int set(int fs, const char *key, const char *value, struct err *err)
{
    return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0
               ? err_errno(err, errno, "overlayfs does not take %s", key)
               : 0;
}

// Paths by descriptor: nothing in them can be taken for a separator. No index: it would bind the own layer to this one copy of
// it, and a snapshot or a clone is another. Redirects let a guest rename its image's folders; only we can write them.
static int describe(int fs, const struct layer *layer, int image, int own, struct err *err)
{
    char lower[2 * TEXT_SIZE], upper[TEXT_SIZE], work[TEXT_SIZE];
    snprintf(upper, sizeof(upper), "/proc/self/fd/%d/upper", own);
    snprintf(work, sizeof(work), "/proc/self/fd/%d/work", own);
    snprintf(lower, sizeof(lower), "%s%s/proc/self/fd/%d", layer->read_only ? upper : "",
             layer->read_only ? ":" : "", image);
    int r = set(fs, "source", "overlay", err);
    if (r == 0) {
        r = set(fs, "lowerdir", lower, err);
    }
    if (r == 0 && !layer->read_only) {
        r = set(fs, "upperdir", upper, err);
        r = r < 0 ? r : set(fs, "workdir", work, err);
    }
    if (r == 0) {
        r = set(fs, "index", "off", err);
    }
    if (r == 0) {
        r = set(fs, "metacopy", "off", err);
    }
    return r < 0 ? r : set(fs, "redirect_dir", layer->read_only ? "follow" : "on", err);
}

// Overlayfs acts as whoever mounts it: that must be one whom the layers know, or it becomes read-only.
static int create(int fs, const struct layer *layer, int *ret_fd, struct err *err)
{
    int r = layer->read_only ? 0 : layer_own_as(layer->id_base, err);
    if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        r = err_errno(err, errno, "mounting the layers of a guest");
    }
    struct err failure = {0};
    if (!layer->read_only && layer_own_as(0, &failure) < 0 && r == 0) {
        *err = failure;
        r = failure.code;
    }
    if (r == 0 &&
        (*ret_fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME)) < 0) {
        r = err_errno(err, errno, "mounting the layers of a guest");
    }
    return r;
}

static int put_over(int fd, const char *at, struct err *err)
{
    return move_mount(fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0
               ? err_errno(err, errno, "mounting at %s", at)
               : 0;
}

static int open_layers(const struct layer *layer, int *ret_image, int *ret_own, struct err *err)
{
    _cleanup_fd_ int ids = -1, image = -1, own = -1;
    int r = idmap_open(layer->id_base, &ids, err);
    if (r == 0) {
        r = attach(layer->image, ids, MOUNT_ATTR_RDONLY, &image, err);
    }
    if (r == 0) {
        r = attach(layer->own, ids, 0, &own, err);
    }
    // Only now: the second would be looked for below the first.
    if (r == 0) {
        r = put_over(image, layer->at, err);
    }
    if (r == 0) {
        r = put_over(own, layer->at, err);
    }
    if (r == 0) {
        *ret_image = STEAL_FD(image);
        *ret_own = STEAL_FD(own);
    }
    return r;
}

static int open_as_they_are(const struct layer *layer, int *ret_image, int *ret_own,
                            struct err *err)
{
    enum { FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    *ret_image = open(layer->image, FLAGS);
    *ret_own = open(layer->own, FLAGS);
    return *ret_image < 0 || *ret_own < 0 ? err_errno(err, errno, "opening the layers of a guest")
                                          : 0;
}

static int assemble(const struct layer *layer, struct err *err)
{
    _cleanup_fd_ int image = -1, own = -1, whole = -1;
    _cleanup_fd_ int fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0) {
        return layer_check(err);
    }
    int r = layer->read_only ? open_as_they_are(layer, &image, &own, err)
                             : open_layers(layer, &image, &own, err);
    if (r == 0) {
        r = describe(fs, layer, image, own, err);
    }
    if (r == 0) {
        r = create(fs, layer, &whole, err);
    }
    for (int i = 0; r == 0 && i < 2 && !layer->read_only; i++) {
        if (umount2(layer->at, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            r = err_errno(err, errno, "unmounting %s", layer->at);
        }
    }
    return r < 0 ? r : put_over(whole, layer->at, err);
}

static int open_whole(const char *at, int *ret_tree, struct err *err)
{
    struct statfs fs;
    _cleanup_fd_ int tree = open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree < 0 || fstatfs(tree, &fs) < 0) {
        return err_errno(err, errno, "opening %s", at);
    }
    if (fs.f_type != OVERLAYFS_SUPER_MAGIC) {
        return err_set(err, ERR_CONFLICT, "the layers of the guest are not mounted");
    }
    *ret_tree = STEAL_FD(tree);
    return 0;
}

int layer_mount(const struct layer *layer, struct layer_view *ret_view, struct err *err)
{
    _cleanup_fd_ int space = -1, tree = -1;
    int home = -1;
    int r = enter_fresh(&home, &space, err);
    if (r < 0) {
        return r;
    }
    r = assemble(layer, err);
    if (r == 0) {
        r = open_whole(layer->at, &tree, err);
    }
    layer_leave(home);
    if (r == 0) {
        *ret_view = (struct layer_view){.space = STEAL_FD(space), .tree = STEAL_FD(tree)};
    }
    return r;
}

int layer_look(int space, const char *at, int *ret_tree, struct err *err)
{
    int home = -1;
    int r = layer_enter(space, &home, err);
    if (r < 0) {
        return r;
    }
    r = open_whole(at, ret_tree, err);
    layer_leave(home);
    return r;
}

int layer_join(pid_t pid, const char *at, struct layer_view *ret_view, struct err *err)
{
    char path[TEXT_SIZE];
    int tree = -1;
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
    _cleanup_fd_ int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0) {
        return err_errno(err, errno, "opening the mounts of a guest's monitor");
    }
    int r = layer_look(space, at, &tree, err);
    if (r == 0) {
        *ret_view = (struct layer_view){.space = STEAL_FD(space), .tree = tree};
    }
    return r;
}
