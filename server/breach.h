// Passwords that others have lost: a file of their SHA-1, sorted, a line each, as "Pwned Passwords" comes (ordered by hash). Only
// lines are read, by bisection: some thirty of them in a file of forty gigabytes. Blocks: called off the loop (password.c).
#pragma once

#include "err.h"

#include <stdbool.h>

// A line is 40 hex digits, then anything up to its end (":count"). ERR_SYSTEM if the file cannot be read, ERR_INVALID if a line that
// was met is none.
int breach_find(const char *path, const char *password, bool *ret_found,
                struct err *err) _must_check_;
