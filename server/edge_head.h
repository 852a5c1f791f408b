// A request's head, line by line, stricter than evhttp: what it lets pass has one meaning only. Used
// by edge_conn.c before evhttp sees the bytes. Fuzz target.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum { EDGE_HEADERS_MAX = 100 };

struct edge_head {
    int lines; // so far; the first is the request line
    bool may_have_body; // by its method
    bool needs_host; // HTTP/1.1
    bool has_host, has_length;
    bool ended;
    size_t content_length;
};

// One line without its CRLF; an empty one ends the head. body_max: bytes. Any error is final.
int edge_head_line(struct edge_head *head, const char *line, size_t len, size_t body_max,
                   struct err *err) _must_check_;
