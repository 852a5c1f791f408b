// One terminal of a guest, in a process of its own that lives as long as it: croft-agent-worker console. It has the
// container driver make it, hands its controlling side to the link process, and ends it when the broker says so or is gone.
// An order is a line of JSON on standard input, which then stays open; the answer a line on standard output.
#pragma once

#include "drivers.h"

#include <jansson.h>

struct agent_config;

enum { CONSOLE_SIDE_MAX = 1000 };

struct console_order {
    const char *terminal, *vps, *kind; // borrowed; ids, and "login" or "shell"
    int64_t cols, rows;
};

// Checks an order, of link to the broker or of the broker to the process. ERR_INVALID. Fuzz target.
int console_order_read(json_t *message, struct console_order *ret_order,
                       struct err *err) _must_check_;
enum console_kind console_order_kind(const struct console_order *order);

// The process. handover: where the controlling side goes. argv: its own, to be executed with again. Returns the exit
// status.
int console_main(const struct agent_config *config, int handover, char **argv);
