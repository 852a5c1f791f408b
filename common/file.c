#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int file_write_all(int fd, const void *data, size_t len, struct err *err)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, errno, "writing");
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

// Reads up to size bytes; short only at the end of the file.
static ssize_t read_full(int fd, char *data, size_t size)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, data + got, size - got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "%s does not exist", path)
                               : err_errno(err, errno, "opening %s", path);
    }
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return err_errno(err, errno, "looking at %s", path);
    }
    // Files of /proc say size 0: then room for max is made.
    size_t size = st.st_size > 0 ? (size_t)st.st_size : max;
    if (size > max) {
        return err_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
    }
    _cleanup_free_ char *text = malloc(size + 1);
    if (!text) {
        return err_errno(err, ENOMEM, "reading %s", path);
    }
    ssize_t n = read_full(fd, text, size);
    if (n < 0) {
        return err_errno(err, errno, "reading %s", path);
    }
    text[n] = '\0';
    if (ret_len) {
        *ret_len = (size_t)n;
    }
    *ret_text = STEAL(text);
    return 0;
}

int file_sync_dir(const char *path, struct err *err)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (!slash) {
        snprintf(dir, sizeof(dir), ".");
    } else {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    _cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0) {
        return err_errno(err, errno, "syncing %s", dir);
    }
    return 0;
}

static int write_synced(const char *path, const void *data, size_t len, mode_t mode,
                        struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return err_errno(err, errno, "making %s", path);
    }
    if (file_write_all(fd, data, len, err) < 0) {
        return err_wrap(err, "%s", path);
    }
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0) {
        return err_errno(err, errno, "syncing %s", path);
    }
    return 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary)) {
        return err_set(err, ERR_INVALID, "the path %s is too long", path);
    }
    int r = write_synced(temporary, data, len, mode, err);
    if (r == 0 && rename(temporary, path) < 0) {
        r = err_errno(err, errno, "renaming %s", temporary);
    }
    if (r < 0) {
        unlink(temporary);
        return r;
    }
    return file_sync_dir(path, err);
}

int file_make_dir(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        return err_errno(err, errno, "making the folder %s", path);
    }
    return 0;
}
