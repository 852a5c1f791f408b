#include "edge_head.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_DIGITS_MAX = 12 };

static const struct {
    const char *name;
    bool may_have_body; // evhttp reads none for the others, and would take it for the next request
} methods[] = {
    {"GET", false}, {"HEAD", false}, {"OPTIONS", false}, {"DELETE", false},
    {"POST", true}, {"PUT", true},   {"PATCH", true},
};

static int malformed(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "%s", what);
}

static int take_method(struct edge_head *head, const char *name, size_t len, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (strlen(methods[i].name) == len && memcmp(methods[i].name, name, len) == 0) {
            head->may_have_body = methods[i].may_have_body;
            return 0;
        }
    }
    return err_set(err, ERR_METHOD, "this method is not known here");
}

// The characters of an origin-form target (RFC 9112, 3.2.1, with RFC 3986's path and query).
static bool is_target(const char *target, size_t len)
{
    static const char others[] = "-._~!$&'()*+,;=:@/?";
    if (len == 0 || target[0] != '/' || (len > 1 && target[1] == '/')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)target[i];
        if (c == '%') {
            if (i + 2 >= len || !isxdigit((unsigned char)target[i + 1]) ||
                !isxdigit((unsigned char)target[i + 2])) {
                return false;
            }
            i += 2;
        } else if (c == '\0' || c >= 0x80 || (!isalnum(c) && !strchr(others, c))) {
            return false;
        }
    }
    return true;
}

static int take_request_line(struct edge_head *head, const char *line, size_t len, struct err *err)
{
    const char *end = line + len;
    const char *first = memchr(line, ' ', len);
    if (!first) {
        return malformed(err, "the request line is not HTTP");
    }
    const char *second = memchr(first + 1, ' ', (size_t)(end - first - 1));
    if (!second || end - second - 1 != 8) {
        return malformed(err, "the request line is not HTTP/1.1");
    }
    if (memcmp(second + 1, "HTTP/1.1", 8) == 0) {
        head->needs_host = true;
    } else if (memcmp(second + 1, "HTTP/1.0", 8) != 0) {
        return malformed(err, "the request line is not HTTP/1.1");
    }
    if (!is_target(first + 1, (size_t)(second - first - 1))) {
        return malformed(err, "the request's path is malformed");
    }
    return take_method(head, line, (size_t)(first - line), err);
}

static bool is_token(const char *text, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\0' || c >= 0x80 || (!isalnum(c) && !strchr(others, c))) {
            return false;
        }
    }
    return len > 0;
}

static bool is_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static int take_length(struct edge_head *head, const char *value, size_t len, size_t body_max,
                       struct err *err)
{
    if (head->has_length) {
        return malformed(err, "two Content-Length headers");
    }
    head->has_length = true;
    uint64_t length = 0;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)value[i])) {
            return malformed(err, "Content-Length is not a number");
        }
        if (i < LENGTH_DIGITS_MAX) {
            length = length * 10 + (uint64_t)(value[i] - '0');
        }
    }
    if (len == 0) {
        return malformed(err, "Content-Length is not a number");
    }
    if (len > LENGTH_DIGITS_MAX || length > body_max) {
        return err_set(err, ERR_TOO_LARGE, "the body may have at most %zu bytes", body_max);
    }
    if (length > 0 && !head->may_have_body) {
        return malformed(err, "this method takes no body");
    }
    head->content_length = (size_t)length;
    return 0;
}

static bool is(const char *name, size_t len, const char *what)
{
    return strlen(what) == len && strncasecmp(name, what, len) == 0;
}

static int take_header(struct edge_head *head, const char *line, size_t len, size_t body_max,
                       struct err *err)
{
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : 0;
    // A space before the colon or at the start of the line (a folded one) is no token either.
    if (!colon || !is_token(line, name_len)) {
        return malformed(err, "a header line is malformed");
    }
    const char *value = colon + 1;
    size_t value_len = len - name_len - 1;
    if (!is_value(value, value_len)) {
        return malformed(err, "a header holds a control character");
    }
    for (; value_len > 0 && (*value == ' ' || *value == '\t'); value++) {
        value_len--;
    }
    while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
        value_len--;
    }
    if (is(line, name_len, "Content-Length")) {
        return take_length(head, value, value_len, body_max, err);
    }
    if (is(line, name_len, "Transfer-Encoding")) {
        return malformed(err, "Transfer-Encoding is not accepted: send a Content-Length");
    }
    if (is(line, name_len, "Host")) {
        if (head->has_host || value_len == 0) {
            return malformed(err, "there must be one Host header");
        }
        head->has_host = true;
    }
    if (is(line, name_len, "Expect") && !is(value, value_len, "100-continue")) {
        return malformed(err, "this Expect header is not known");
    }
    return 0;
}

static int end_head(struct edge_head *head, struct err *err)
{
    if (head->needs_host && !head->has_host) {
        return malformed(err, "there must be one Host header");
    }
    head->ended = true;
    return 0;
}

int edge_head_line(struct edge_head *head, const char *line, size_t len, size_t body_max,
                   struct err *err)
{
    if (head->lines++ == 0) {
        return take_request_line(head, line, len, err);
    }
    if (len == 0) {
        return end_head(head, err);
    }
    if (head->lines > EDGE_HEADERS_MAX + 1) {
        return err_set(err, ERR_TOO_LARGE, "more than %d headers", EDGE_HEADERS_MAX);
    }
    return take_header(head, line, len, body_max, err);
}
