#include "log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static struct {
    const char *program;
    enum log_level level;
} state = {.program = "croft", .level = LOG_INFO};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

void log_init(const char *program, enum log_level level)
{
    state.program = program;
    state.level = level;
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

int log_level_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(level_names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (level < state.level) {
        return;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    gmtime_r(&now.tv_sec, &tm);

    char line[2048];
    size_t len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
    len += (size_t)snprintf(line + len, sizeof(line) - len,
                            ".%03ldZ level=%s prog=%s pid=%d event=%s ", now.tv_nsec / 1000000,
                            level_names[level], state.program, getpid(), event);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
    va_end(ap);
    len = len + (size_t)n < sizeof(line) - 1 ? len + (size_t)n : sizeof(line) - 2;
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0) {
        return; // there is nobody left to tell
    }
}

struct log_quoted log_quote(const char *value)
{
    struct log_quoted q;
    size_t n = 0;
    q.text[n++] = '"';
    for (const char *p = value ? value : ""; *p && n < sizeof(q.text) - 6; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            q.text[n++] = '\\';
            q.text[n++] = (char)c;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(q.text + n, sizeof(q.text) - n, "\\x%02x", c);
        } else {
            q.text[n++] = (char)c;
        }
    }
    q.text[n++] = '"';
    q.text[n] = '\0';
    return q;
}
