// GET /agent/v1/images/<sha256>: a file of image_dir, whole or from an offset.
#include "hub_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { SHA256_HEX = 64 };

static const char *image_name(const struct edge_request *request)
{
    return strrchr(edge_path(request), '/') + 1;
}

int hub_image_check(struct edge_request *request, struct err *err)
{
    const char *name = edge_path(request) + strlen("/agent/v1/images/");
    if (strlen(name) != SHA256_HEX || strspn(name, "0123456789abcdef") != SHA256_HEX) {
        return err_set(err, ERR_NOT_FOUND, "There is no such image.");
    }
    return 0;
}

// The offset of "bytes=N-". Any other form may be ignored (RFC 9110, 14.2), and is: the whole file.
static bool parse_range(const char *range, size_t *ret_offset)
{
    if (!range || strncmp(range, "bytes=", 6) != 0) {
        return false;
    }
    const char *digits = range + 6;
    size_t len = strspn(digits, "0123456789");
    if (len == 0 || len > 18 || strcmp(digits + len, "-") != 0) {
        return false;
    }
    *ret_offset = strtoull(digits, NULL, 10);
    return true;
}

static int open_image(const struct hub *hub, const char *name, int *ret_fd, size_t *ret_size,
                      struct err *err)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", hub->config->image_dir, name);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "There is no such image.");
    }
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return err_set(err, ERR_INTERNAL, "%s is not an image", path);
    }
    *ret_size = (size_t)st.st_size;
    *ret_fd = STEAL_FD(fd);
    return 0;
}

static void reply_unsatisfiable(struct edge_request *request, size_t size)
{
    static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Range not satisfiable\","
                               "\"status\":416,\"code\":\"range_not_satisfiable\"}";
    char range[48];
    snprintf(range, sizeof(range), "bytes */%zu", size);
    edge_add_header(request, "Content-Range", range);
    edge_reply(request, 416, "application/problem+json", body, sizeof(body) - 1);
}

void hub_image(struct hub_call *call, const struct db_rows *rows)
{
    struct edge_request *request = call->request;
    _cleanup_fd_ int fd = -1;
    size_t size = 0;
    struct err err = {0};
    if (db_rows_count(rows) == 0) {
        err_set(&err, ERR_NOT_FOUND, "There is no such image.");
        hub_call_fail(call, &err);
        return;
    }
    if (open_image(call->hub, image_name(request), &fd, &size, &err) < 0) {
        hub_call_fail(call, &err);
        return;
    }
    size_t offset = 0;
    bool partial = parse_range(edge_header(request, "Range"), &offset);
    if (offset >= size) {
        reply_unsatisfiable(request, size);
        hub_call_end(call);
        return;
    }
    if (partial) {
        char range[80];
        snprintf(range, sizeof(range), "bytes %zu-%zu/%zu", offset, size - 1, size);
        edge_add_header(request, "Content-Range", range);
    }
    edge_add_header(request, "Content-Type", "application/octet-stream");
    edge_add_header(request, "Accept-Ranges", "bytes");
    edge_reply_file(request, partial ? 206 : 200, STEAL_FD(fd), offset, size - offset);
    hub_call_end(call);
}
