#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int file_open_dir(const char *dir, int *ret_fd, struct err *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return err_errno(err, errno, "making %s", dir);
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", dir);
    }
    *ret_fd = fd;
    return 0;
}

static int read_all(int fd, char *data, size_t len, size_t *ret_len, struct err *err)
{
    size_t used = 0;
    while (used < len) {
        ssize_t n = read(fd, data + used, len - used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, errno, "reading");
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    *ret_len = used;
    return 0;
}

int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s is not a regular file", path);
    }
    if ((size_t)st.st_size > max) {
        return err_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", path, max);
    }
    _cleanup_free_ char *data = malloc((size_t)st.st_size + 1);
    if (!data) {
        abort();
    }
    size_t len = 0;
    if (read_all(fd, data, (size_t)st.st_size, &len, err) < 0) {
        return err_wrap(err, "%s", path);
    }
    data[len] = '\0';
    *ret_len = len;
    *ret_data = STEAL(data);
    return 0;
}

int file_write_all(int fd, const void *data, size_t len, struct err *err)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, errno, "writing");
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_temp(int dir_fd, const char *temp, const char *name, mode_t mode, const void *data,
                      size_t len, struct err *err)
{
    _cleanup_fd_ int fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return err_errno(err, errno, "making %s", temp);
    }
    if (file_write_all(fd, data, len, err) < 0) {
        return err_wrap(err, "%s", temp);
    }
    if (fchmod(fd, mode) != 0 || fsync(fd) != 0 || renameat(dir_fd, temp, dir_fd, name) != 0) {
        return err_errno(err, errno, "storing %s", name);
    }
    if (fsync(dir_fd) != 0) {
        return err_errno(err, errno, "storing %s", name);
    }
    return 0;
}

int file_write(int dir_fd, const char *name, mode_t mode, const void *data, size_t len,
               struct err *err)
{
    char temp[NAME_MAX + 1];
    snprintf(temp, sizeof(temp), ".%s.%d", name, (int)getpid());
    int r = write_temp(dir_fd, temp, name, mode, data, len, err);
    if (r < 0) {
        unlinkat(dir_fd, temp, 0);
    }
    return r;
}
