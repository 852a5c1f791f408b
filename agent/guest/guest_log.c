#include "guest_log.h"

#include "config.h"
#include "macro.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

// Where in an escape sequence (ECMA-48) a byte stands.
enum place { PLACE_TEXT, PLACE_ESCAPE, PLACE_CONTROL, PLACE_STRING, PLACE_STRING_ESCAPE };

static enum place after_escape(unsigned char c)
{
    if (c == '[') {
        return PLACE_CONTROL;
    }
    if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
        return PLACE_STRING;
    }
    return c >= 0x20 && c < 0x30 ? PLACE_ESCAPE : PLACE_TEXT; // intermediate bytes, then one more
}

// The place of the next byte, for one within a sequence. A line feed ends whatever it stands in, so that a sequence that
// never ends hides one line.
static enum place next_place(enum place place, unsigned char c)
{
    if (c == '\n') {
        return PLACE_TEXT;
    }
    if (c == 0x1b) {
        return place == PLACE_STRING ? PLACE_STRING_ESCAPE : PLACE_ESCAPE;
    }
    switch (place) {
    case PLACE_ESCAPE:
        return after_escape(c);
    case PLACE_CONTROL:
        return c >= 0x40 && c < 0x7f ? PLACE_TEXT : PLACE_CONTROL;
    case PLACE_STRING:
        return c == '\a' ? PLACE_TEXT : PLACE_STRING;
    case PLACE_STRING_ESCAPE:
        return c == '\\' ? PLACE_TEXT : PLACE_STRING;
    case PLACE_TEXT:
        break;
    }
    return PLACE_TEXT;
}

// Bytes of the well-formed UTF-8 character at text that may be shown; 0: there is none.
static size_t character(const unsigned char *text, size_t len)
{
    static const struct {
        unsigned char low, high; // of the first byte
        unsigned char second_low, second_high;
        size_t len;
    } forms
        [] =
            {
                {0x20, 0x7e, 0, 0, 1},
                {0xc2, 0xc2, 0xa0, 0xbf, 2}, // not the control characters of C1
                {0xc3, 0xdf, 0x80, 0xbf, 2},
                {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3},
                {0xed, 0xed, 0x80, 0x9f, 3},
                {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4},
                {0xf1, 0xf3, 0x80, 0xbf, 4},
                {0xf4, 0xf4, 0x80, 0x8f, 4},
            };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (*text < forms[i].low || *text > forms[i].high || len < forms[i].len) {
            continue;
        }
        bool good = forms[i].len == 1 ||
                    (text[1] >= forms[i].second_low && text[1] <= forms[i].second_high);
        for (size_t k = 2; k < forms[i].len; k++) {
            good = good && (text[k] & 0xc0) == 0x80;
        }
        return good ? forms[i].len : 0;
    }
    return 0;
}

// Copies what the byte at `from` begins to `to` (or drops it); returns the bytes that were read.
static size_t copy_text(const char *from, size_t len, char *to, size_t *used)
{
    unsigned char c = (unsigned char)*from;
    size_t n = character((const unsigned char *)from, len);
    if (n > 0) {
        memmove(to + *used, from, n);
        *used += n;
        return n;
    }
    if (c == '\n' || c == '\t') {
        to[(*used)++] = (char)c;
    } else if (c == '\r' && (len < 2 || (from[1] != '\n' && from[1] != '\r'))) {
        to[(*used)++] = '\n';
    } else if (c >= 0x80) {
        to[(*used)++] = '?';
    }
    return 1;
}

void guest_log_clean(char *text, size_t *len)
{
    enum place place = PLACE_TEXT;
    size_t used = 0;
    for (size_t at = 0; at < *len;) {
        unsigned char c = (unsigned char)text[at];
        if (place == PLACE_TEXT && c != 0x1b) {
            at += copy_text(text + at, *len - at, text, &used);
            continue;
        }
        place = next_place(place, c);
        if (c == '\n') {
            text[used++] = '\n';
        }
        at++;
    }
    *len = used;
}

static int read_tail(int fd, char *text, size_t *ret_len, bool *ret_truncated, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INTERNAL, "the console's log is no file");
    }
    off_t from = st.st_size > GUEST_LOG_MAX ? st.st_size - GUEST_LOG_MAX : 0;
    ssize_t n = pread(fd, text, GUEST_LOG_MAX, from);
    if (n < 0) {
        return err_errno(err, errno, "reading the console's log");
    }
    *ret_len = (size_t)n;
    *ret_truncated = from > 0;
    return 0;
}

int guest_log_read(const struct agent_config *config, const char *vps, char **ret_text,
                   bool *ret_truncated, struct err *err)
{
    char path[PATH_MAX];
    _cleanup_free_ char *text = calloc(1, GUEST_LOG_MAX + 1);
    size_t len = 0;
    *ret_truncated = false;
    if (!text) {
        abort();
    }
    int r = sysfile_path(path, sizeof(path), err, "%s/vps/%s/console.log", config->state_dir, vps);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (fd >= 0) {
        r = read_tail(fd, text, &len, ret_truncated, err);
        guest_log_clean(text, &len);
        text[len] = '\0';
    }
    if (r == 0) {
        *ret_text = STEAL(text);
    }
    return r;
}
