#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

int sysfile_path(char *out, size_t size, struct err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(out, size, fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= size) {
        return err_set(err, ERR_INTERNAL, "a path is longer than %zu bytes", size);
    }
    return 0;
}

int sysfile_read(const char *path, char *buffer, size_t size, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "no file %s", path)
                               : err_errno(err, errno, "opening %s", path);
    }
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t n = read(fd, buffer + used, size - 1 - used);
        if (n < 0) {
            return err_errno(err, errno, "reading %s", path);
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    buffer[used] = '\0';
    return 0;
}

int sysfile_read_u64(const char *path, uint64_t *ret_value, struct err *err)
{
    char text[64];
    int r = sysfile_read(path, text, sizeof(text), err);
    if (r < 0) {
        return r;
    }
    if (strncmp(text, "max", 3) == 0) {
        *ret_value = UINT64_MAX;
        return 0;
    }
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || errno != 0) {
        return err_set(err, ERR_MALFORMED, "%s does not hold a number", path);
    }
    *ret_value = value;
    return 0;
}

int sysfile_find_u64(const char *text, const char *key, uint64_t *ret_value, struct err *err)
{
    size_t len = strlen(key);
    for (const char *line = text; line && *line;) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            *ret_value = strtoull(line + len + 1, NULL, 10);
            return 0;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return err_set(err, ERR_NOT_FOUND, "no line '%s'", key);
}

static int write_all(int fd, const char *path, const char *text, struct err *err)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0) {
            return err_errno(err, errno, "writing %s", path);
        }
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

int sysfile_write(const char *path, const char *text, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "no file %s", path)
                               : err_errno(err, errno, "opening %s", path);
    }
    return write_all(fd, path, text, err);
}

int sysfile_replace(const char *path, mode_t mode, const char *text, struct err *err)
{
    char temp[512];
    int r = sysfile_path(temp, sizeof(temp), err, "%s.new", path);
    if (r < 0) {
        return r;
    }
    unlink(temp);
    _cleanup_fd_ int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "creating %s", temp);
    }
    r = write_all(fd, temp, text, err);
    if (r == 0 && fchmod(fd, mode) < 0) {
        r = err_errno(err, errno, "setting the mode of %s", temp);
    }
    if (r == 0 && rename(temp, path) < 0) {
        r = err_errno(err, errno, "renaming to %s", path);
    }
    if (r < 0) {
        unlink(temp);
    }
    return r;
}

int sysfile_mkdir(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        return err_errno(err, errno, "making %s", path);
    }
    if (chmod(path, mode) < 0) {
        return err_errno(err, errno, "setting the mode of %s", path);
    }
    return 0;
}
