#include "container_lxc_log.h"

#include "macro.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A start that fails writes some ten lines.
enum { LOG_MAX = 16384 };

// A line is `<program> <container> <time> <LEVEL> <module> - <file>:<function>:<line> - <message>`.
struct line {
    const char *module, *place, *message;
    size_t module_len, place_len, message_len;
};

static bool split(const char *text, size_t len, struct line *ret_line)
{
    static const char dash[] = " - ";
    const char *end = text + len;
    const char *first = memmem(text, len, dash, 3);
    const char *second = first ? memmem(first + 3, (size_t)(end - first - 3), dash, 3) : NULL;
    if (!second) {
        return false;
    }
    const char *module = first;
    while (module > text && module[-1] != ' ') {
        module--;
    }
    *ret_line = (struct line){
        .module = module,
        .module_len = (size_t)(first - module),
        .place = first + 3,
        .place_len = (size_t)(second - first - 3),
        .message = second + 3,
        .message_len = (size_t)(end - second - 3),
    };
    return true;
}

// Lines that only say that something before them failed.
static bool is_echo(const struct line *line)
{
    static const char *const modules[] = {"lxccontainer", "sync"};
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        if (line->module_len == strlen(modules[i]) &&
            memcmp(line->module, modules[i], line->module_len) == 0) {
            return true;
        }
    }
    return memmem(line->place, line->place_len, ":__lxc_start:", 13);
}

static void append(char out[LXC_REASON_SIZE], const char *text, size_t len, const char *hidden)
{
    size_t used = strlen(out);
    size_t hidden_len = strlen(hidden);
    for (size_t i = 0; i < len && used + 1 < LXC_REASON_SIZE;) {
        if (hidden_len > 0 && len - i > hidden_len && memcmp(text + i, hidden, hidden_len) == 0) {
            i += hidden_len;
            continue;
        }
        unsigned char c = (unsigned char)text[i++];
        out[used++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    out[used] = '\0';
}

// Calls append for the lines that are echoes, or for those that are not, until there is no room.
static void collect(const char *text, bool echoes, const char *hidden, char out[LXC_REASON_SIZE])
{
    while (*text) {
        struct line line;
        const char *end = strchrnul(text, '\n');
        if (split(text, (size_t)(end - text), &line) && is_echo(&line) == echoes) {
            append(out, "; ", *out ? 2 : 0, "");
            append(out, line.message, line.message_len, hidden);
        }
        text = *end ? end + 1 : end;
    }
}

void lxc_log_summarise(const char *text, const char *hidden, char out[LXC_REASON_SIZE])
{
    out[0] = '\0';
    collect(text, false, hidden, out);
    if (!*out) {
        collect(text, true, hidden, out);
    }
}

off_t lxc_log_end(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

void lxc_log_reason(const char *path, off_t from, const char *hidden, char out[LXC_REASON_SIZE])
{
    out[0] = '\0';
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *text = malloc(LOG_MAX);
    ssize_t n = fd < 0 || !text ? -1 : pread(fd, text, LOG_MAX - 1, from);
    if (n > 0) {
        text[n] = '\0';
        lxc_log_summarise(text, hidden, out);
    }
}
