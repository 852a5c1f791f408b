#include "upload.h"

#include "config.h"
#include "file.h"
#include "image_store.h"
#include "pki.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { DIGITS_MAX = 15 };

// A decimal number without sign or leading junk, of bounded length; moves *at behind it.
static bool take_number(const char **at, int64_t *ret)
{
    size_t len = strspn(*at, "0123456789");
    if (len == 0 || len > DIGITS_MAX) {
        return false;
    }
    *ret = strtoll(*at, NULL, 10);
    *at += len;
    return true;
}

static bool take_char(const char **at, char c)
{
    return **at == c && *(*at)++ == c;
}

int upload_parse_range(const char *text, struct upload_range *ret_range, struct err *err)
{
    struct upload_range range = {0};
    int64_t last = -1;
    bool right = text && strncmp(text, "bytes ", 6) == 0;
    const char *at = right ? text + 6 : "";
    if (right && take_char(&at, '*')) {
        range.asks = true;
    } else {
        right = right && take_number(&at, &range.first) && take_char(&at, '-') &&
                take_number(&at, &last) && last >= range.first;
        range.size = last - range.first + 1;
    }
    right = right && take_char(&at, '/') && take_number(&at, &range.total) && *at == '\0' &&
            range.total > 0 && last < range.total;
    if (!right) {
        return err_set(err, ERR_MALFORMED, "Content-Range must be bytes A-B/T or bytes */T.");
    }
    *ret_range = range;
    return 0;
}

static void upload_path(const struct server_config *config, const char *image, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/.upload-%s", config->image_dir, image);
}

// Locked, so that of two who write the second is told to come again.
static int open_upload(const struct server_config *config, const char *image, int *ret_fd,
                       int64_t *ret_size, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    int r = file_make_dir(config->image_dir, 0700, err);
    if (r < 0) {
        return r;
    }
    upload_path(config, image, path);
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return err_set(err, ERR_UNAVAILABLE, "This image is being written.");
    }
    *ret_size = st.st_size;
    *ret_fd = STEAL_FD(fd);
    return 0;
}

static int append(int fd, const struct upload_piece *piece, struct upload_state *state,
                  struct err *err)
{
    if (piece->range.first != state->have) {
        return err_set(err, ERR_CONFLICT, "The next byte wanted is %lld.", (long long)state->have);
    }
    if (lseek(fd, state->have, SEEK_SET) < 0) {
        return err_errno(err, errno, "seeking in an upload");
    }
    int r = file_write_all(fd, piece->bytes, (size_t)piece->range.size, err);
    if (r < 0) {
        // What was written of it would else count as here.
        (void)!ftruncate(fd, state->have);
        return r;
    }
    state->have += piece->range.size;
    return 0;
}

static int forget(int fd, struct upload_state *state, struct err *err)
{
    if (ftruncate(fd, 0) < 0) {
        return err_errno(err, errno, "emptying an upload");
    }
    state->have = 0;
    return 0;
}

static int check_whole(const struct server_config *config, int fd, const struct upload_piece *piece,
                       struct upload_state *state, struct err *err)
{
    char sha256[65];
    int r = lseek(fd, 0, SEEK_SET) < 0 || fsync(fd) < 0 ? err_errno(err, errno, "storing the image")
                                                        : image_store_hash(fd, sha256, err);
    if (r == 0 && strcmp(sha256, piece->sha256) != 0) {
        r = forget(fd, state, err);
        return r < 0 ? r : err_set(err, ERR_CONFLICT, "The image has another SHA-256.");
    }
    if (r == 0) {
        r = pki_sign_image(config->pki_dir, sha256, state->have, state->signature, err);
    }
    state->whole = r == 0;
    return r;
}

int upload_add(const struct server_config *config, const struct upload_piece *piece,
               struct upload_state *ret_state, struct err *err)
{
    _cleanup_fd_ int fd = -1;
    int r = open_upload(config, piece->image, &fd, &ret_state->have, err);
    // The same image made anew, smaller: nothing of it is here.
    if (r == 0 && ret_state->have > piece->range.total) {
        r = forget(fd, ret_state, err);
    }
    if (r == 0 && !piece->range.asks) {
        r = append(fd, piece, ret_state, err);
    }
    if (r == 0 && ret_state->have == piece->range.total) {
        r = check_whole(config, fd, piece, ret_state, err);
    }
    return r;
}

int upload_name(const struct server_config *config, const char *image, const char *sha256,
                struct err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    upload_path(config, image, from);
    snprintf(to, sizeof(to), "%s/%s", config->image_dir, sha256);
    if (rename(from, to) < 0 && !(errno == ENOENT && access(to, F_OK) == 0)) {
        return err_errno(err, errno, "naming %s", to);
    }
    // Stored now, whenever it came (image_sweep.c).
    if (utimensat(AT_FDCWD, to, NULL, AT_SYMLINK_NOFOLLOW) < 0) {
        return err_errno(err, errno, "naming %s", to);
    }
    _cleanup_fd_ int folder = open(config->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fsync(folder) < 0) {
        return err_errno(err, errno, "storing the image");
    }
    return 0;
}
