// A request's target taken apart: the decoded path, the decoded query. Pure; fuzz target.
#pragma once

#include "err.h"

#include <stddef.h>

enum { EDGE_QUERY_MAX = 32 };

struct edge_target {
    char *text; // owns every string below
    const char *path;
    const char *names[EDGE_QUERY_MAX], *values[EDGE_QUERY_MAX];
    int count;
};

// Percent-decoding happens once, "+" is a space in the query only. ERR_MALFORMED for NUL and other control
// characters, invalid UTF-8, an encoded slash, a parameter without "=" or given twice, more than 32.
int edge_target_parse(const char *target, struct edge_target *ret_target,
                      struct err *err) _must_check_;
void edge_target_finish(struct edge_target *target);
