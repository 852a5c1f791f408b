#include "image_lock.h"

#include <stdlib.h>
#include <string.h>

// What stands for a second field of len bytes; NULL: it may stay.
static const char *locked(const char *field, size_t len, enum image_lock_empty empty)
{
    if (len == 0) {
        return empty == IMAGE_KEEP_EMPTY ? NULL : "*";
    }
    if (field[0] == '!') {
        return "!";
    }
    return len == 1 && field[0] == 'x' ? NULL : "*"; // x: it is in the shadow file
}

static char *append(char *to, const char *from, size_t len)
{
    memcpy(to, from, len);
    return to + len;
}

static char *append_line(char *to, const char *line, size_t len, enum image_lock_empty empty)
{
    const char *first = memchr(line, ':', len);
    if (!first) {
        return append(to, line, len);
    }
    const char *end = line + len;
    const char *field = first + 1;
    const char *second = memchr(field, ':', (size_t)(end - field));
    const char *rest = second ? second : end;
    const char *instead = locked(field, (size_t)(rest - field), empty);
    to = append(to, line, (size_t)(field - line));
    to = instead ? append(to, instead, 1) : append(to, field, (size_t)(rest - field));
    return append(to, rest, (size_t)(end - rest));
}

char *image_lock(const char *text, size_t len, enum image_lock_empty empty, size_t *ret_len)
{
    char *result = malloc(2 * len + 1); // a byte more for a field that was empty, behind a colon
    if (!result) {
        abort();
    }
    char *to = result;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) - at : len - at;
        to = append_line(to, text + at, line, empty);
        at += line;
        if (end) {
            *to++ = '\n';
            at++;
        }
    }
    *ret_len = (size_t)(to - result);
    return result;
}
