// The end of what a guest has written on its console, made fit to be shown as text.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct agent_config;

enum { GUEST_LOG_MAX = 65536 };

// *ret_text: at most GUEST_LOG_MAX bytes of UTF-8 without control characters but line feed and tab; the caller frees it. Empty
// when there is no log. *ret_truncated: there was more before it.
int guest_log_read(const struct agent_config *config, const char *vps, char **ret_text,
                   bool *ret_truncated, struct err *err) _must_check_;

// In place; never longer. Escape sequences go, a return without a line feed is a line feed, what is not UTF-8 becomes '?'.
void guest_log_clean(char *text, size_t *len);
