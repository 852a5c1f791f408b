#include "breach.h"

#include "macro.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { DIGITS = 2 * SHA_DIGEST_LENGTH, LINE_MAX_LEN = 128 };

static int read_at(int fd, off_t at, char *out, size_t size, size_t *ret_len, struct err *err)
{
    ssize_t len = pread(fd, out, size, at);
    if (len < 0) {
        return err_errno(err, errno, "reading the list of breached passwords");
    }
    *ret_len = (size_t)len;
    return 0;
}

// The first line that begins at or after at: where it begins, its digits, where the next one begins. *ret_start is end if there is
// none.
static int line_at(int fd, off_t at, off_t end, off_t *ret_start, char digits[DIGITS + 1],
                   off_t *ret_next, struct err *err)
{
    char text[2 * LINE_MAX_LEN];
    size_t len = 0;
    off_t from = at > 0 ? at - 1 : 0; // a line begins at `at` if the byte before ends one
    int r = read_at(fd, from, text, sizeof(text), &len, err);
    if (r < 0) {
        return r;
    }
    const char *start = text;
    if (at > 0) {
        const char *newline = memchr(text, '\n', len);
        start = newline ? newline + 1 : text + len;
    }
    *ret_start = from + (start - text);
    if (*ret_start >= end) {
        *ret_start = end;
        return 0;
    }
    const char *stop = memchr(start, '\n', len - (size_t)(start - text));
    size_t line = stop ? (size_t)(stop - start) : len - (size_t)(start - text);
    if (line < DIGITS || line > LINE_MAX_LEN) {
        return err_set(err, ERR_INVALID, "a line of the list of breached passwords is no SHA-1");
    }
    memcpy(digits, start, DIGITS);
    digits[DIGITS] = '\0';
    if (strspn(digits, "0123456789abcdefABCDEF") != DIGITS) {
        return err_set(err, ERR_INVALID, "a line of the list of breached passwords is no SHA-1");
    }
    *ret_next = *ret_start + (off_t)line + 1;
    return 0;
}

// Lines that begin in [low, high) may be the one.
static int bisect(int fd, off_t size, const char *wanted, bool *ret_found, struct err *err)
{
    off_t low = 0, high = size;
    while (low < high) {
        off_t middle = low + (high - low) / 2, start, next = 0;
        char digits[DIGITS + 1];
        int r = line_at(fd, middle, high, &start, digits, &next, err);
        if (r < 0) {
            return r;
        }
        int order = start >= high ? -1 : strcasecmp(wanted, digits);
        if (order == 0) {
            *ret_found = true;
            return 0;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = next;
        }
    }
    *ret_found = false;
    return 0;
}

static void sha1_hex(const char *password, char out[DIGITS + 1])
{
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1((const unsigned char *)password, strlen(password), digest);
    sodium_bin2hex(out, DIGITS + 1, digest, sizeof(digest));
    sodium_memzero(digest, sizeof(digest));
}

int breach_find(const char *path, const char *password, bool *ret_found, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    char wanted[DIGITS + 1];
    sha1_hex(password, wanted);
    return bisect(fd, st.st_size, wanted, ret_found, err);
}
