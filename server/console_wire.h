// The text messages of a console's WebSocket, whose binary ones are the terminal's bytes (docs/api.md, Consoles): what a
// client and an agent may say, and what is passed on. Pure; fuzz targets.
#pragma once

#include "err.h"

#include <stddef.h>

enum { CONSOLE_SIDE_MAX = 1000, CONSOLE_CODE_MAX = 64, CONSOLE_DETAIL_MAX = 256 };

struct console_size {
    int cols, rows; // 1..CONSOLE_SIDE_MAX
};

enum console_said { CONSOLE_READY, CONSOLE_FAILED, CONSOLE_SLOW };

// {"type":"resize","cols":N,"rows":N}, of a client and towards the agent. ERR_PROTOCOL for anything else.
int console_read_client(const char *text, size_t len, struct console_size *ret_size,
                        struct err *err) _must_check_;
void console_write_size(const struct console_size *size, char out[80]);

// {"type":"ready"} or {"type":"error","code":…,"detail":…} of an agent; the latter sets ret_detail, shortened, and
// with code slow it is CONSOLE_SLOW. ERR_PROTOCOL for anything else.
int console_read_agent(const char *text, size_t len, enum console_said *ret_said,
                       char ret_detail[CONSOLE_DETAIL_MAX], struct err *err) _must_check_;

// {"type":"closed","reason":…,"detail":…}, for the client; the caller frees it.
char *console_write_closed(const char *reason, const char *detail);
