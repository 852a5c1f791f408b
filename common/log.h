// Structured log: one key=value line an event, to standard error, written with one write(2).
// Library code never logs; the top of a request, of a task, of the loop and main() do.
#pragma once

#include "macro.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

// Names the program in every line; call once from main. level: what is printed at least.
void log_init(const char *program, enum log_level level);

void log_set_level(enum log_level level);

// event: a stable snake_case word. fmt: "key=value key=value"; values that may hold spaces, quotes
// or control characters are passed through log_quote() first.
void log_event(enum log_level level, const char *event, const char *fmt, ...) _printf_(3, 4);

#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)

struct log_quoted {
    char text[512];
};

// A quoted, escaped and, if need be, shortened copy: "like \"this\"\n". NULL reads as "".
struct log_quoted log_quote(const char *value);

#define LOGQ(value) (log_quote(value).text)

// "debug", "info", "warn", "error" to a level; -1 for anything else.
int log_level_parse(const char *name);
