#include "guest_files.h"

#include "layer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

// A folder of the guest. Links in the way are followed inside the root only (an absolute one starts
// at the guest's root), magic links and mounts are refused. Returns a descriptor or an error code.
int guest_open_folder(const struct guest *guest, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, guest->root, path, &how, sizeof(how));
    if (fd >= 0) {
        return fd;
    }
    return errno == ENOENT ? err_set(guest->err, ERR_NOT_FOUND, "the image has no /%s", path)
                           : err_set(guest->err, ERR_IMAGE, "/%s of the image is not usable: %s",
                                     path, strerrordesc_np(errno));
}

static int write_text(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0) {
            return -errno;
        }
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

static int fill_file(const struct guest *guest, int fd, const struct guest_owner *owner,
                     const char *text)
{
    int e = write_text(fd, text, strlen(text));
    if (e == 0 && (fchown(fd, owner->uid, owner->gid) < 0 || fchmod(fd, owner->mode) < 0)) {
        e = -errno;
    }
    return e < 0 ? err_errno(guest->err, -e, "writing into the guest") : 0;
}

// A new file under a name of its own, renamed over whatever has the name: a link, a FIFO or a
// device of the image is replaced and never opened.
int guest_replace_file_as(const struct guest *guest, const char *folder, const char *name,
                          const struct guest_owner *owner, const char *text)
{
    static const char temp[] = ".croft-new";
    _cleanup_fd_ int dir = guest_open_folder(guest, folder);
    if (dir < 0) {
        return dir;
    }
    unlinkat(dir, temp, 0);
    _cleanup_fd_ int fd =
        openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(guest->err, errno, "writing /%s/%s of the guest", folder, name);
    }
    int r = fill_file(guest, fd, owner, text);
    if (r == 0 && renameat(dir, temp, dir, name) < 0) {
        r = errno == EISDIR
                ? err_set(guest->err, ERR_IMAGE, "/%s/%s of the image is a folder", folder, name)
                : err_errno(guest->err, errno, "naming /%s/%s of the guest", folder, name);
    }
    if (r < 0) {
        unlinkat(dir, temp, 0);
    }
    return r;
}

int guest_replace_file(const struct guest *guest, const char *folder, const char *name, mode_t mode,
                       const char *text)
{
    const struct guest_owner owner = {guest->owner, guest->owner, mode};
    return guest_replace_file_as(guest, folder, name, &owner, text);
}

int guest_make_folder(const struct guest *guest, const char *parent, const char *name, mode_t mode)
{
    _cleanup_fd_ int dir = guest_open_folder(guest, parent);
    if (dir < 0) {
        return dir;
    }
    if (mkdirat(dir, name, 0700) < 0) {
        return errno == EEXIST
                   ? 0
                   : err_errno(guest->err, errno, "making /%s/%s of the guest", parent, name);
    }
    _cleanup_fd_ int made = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0 || fchown(made, guest->owner, guest->owner) < 0 || fchmod(made, mode) < 0) {
        return err_errno(guest->err, errno, "making /%s/%s of the guest", parent, name);
    }
    return 0;
}

// At most max bytes, whatever the size was a moment ago.
static int read_all(const struct guest *guest, int fd, size_t max, char **ret_text)
{
    _cleanup_free_ char *text = calloc(1, max + 1);
    size_t len = 0;
    ssize_t n = 1;
    if (!text) {
        abort();
    }
    while (len < max && (n = read(fd, text + len, max - len)) > 0) {
        len += (size_t)n;
    }
    if (n < 0) {
        return err_errno(guest->err, errno, "reading a file of the guest");
    }
    *ret_text = STEAL(text);
    return 0;
}

// Looked at before it is opened for reading: opening a FIFO or a device may wait or do something. What is no plain
// file counts as missing.
int guest_read_file(const struct guest *guest, const char *folder, const char *name, size_t max,
                    char **ret_text, struct guest_owner *ret_owner)
{
    _cleanup_fd_ int dir = guest_open_folder(guest, folder);
    if (dir < 0) {
        return dir;
    }
    struct stat st;
    _cleanup_fd_ int seen = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (seen < 0 || fstat(seen, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(guest->err, ERR_NOT_FOUND, "/%s/%s of the guest is no file", folder, name);
    }
    if ((uint64_t)st.st_size > max) {
        return err_set(guest->err, ERR_TOO_LARGE, "/%s/%s of the guest is too large", folder, name);
    }
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", seen);
    *ret_owner = (struct guest_owner){st.st_uid, st.st_gid, st.st_mode & 0777};
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? err_errno(guest->err, errno, "opening /%s/%s of the guest", folder, name)
                  : read_all(guest, fd, max, ret_text);
}

int guest_open(const struct vps_spec *spec, const struct volume_root *root, struct err *err,
               struct guest *ret_guest)
{
    bool layered = root->tree > 0 && strcmp(root->layered, root->path) == 0;
    _cleanup_fd_ int fd = openat(layered ? root->tree : AT_FDCWD, layered ? "." : root->path,
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "opening the guest's root");
    }
    // What lies below knows none but the guest's own ids, also not for the moment until a file is given away.
    int r = layered ? layer_own_as(spec->id_base, err) : 0;
    if (r == 0) {
        *ret_guest = (struct guest){
            .root = STEAL_FD(fd),
            .owner = root->id_mapped ? 0 : spec->id_base,
            .err = err,
            .acting = layered,
        };
    }
    return r;
}

void guest_close(struct guest *guest)
{
    struct err unheard;
    if (guest->acting && layer_own_as(0, &unheard) < 0) {
        _exit(1); // as somebody else it must do nothing more
    }
    close(guest->root);
}
