#include "edge_target.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// jansson checks UTF-8 for us: it makes no string of anything else.
static bool is_utf8(const char *text)
{
    json_t *string = json_string(text);
    json_decref(string);
    return string;
}

enum part { PART_PATH, PART_QUERY };

// In place. The result never grows.
static int decode(char *text, enum part part, struct err *err)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        char c = *in;
        if (c == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0) {
                return err_set(err, ERR_MALFORMED, "a percent sign without two hex digits");
            }
            c = (char)(high << 4 | low);
            in += 2;
            if (part == PART_PATH && c == '/') {
                return err_set(err, ERR_MALFORMED, "an encoded slash in the path");
            }
        } else if (c == '+' && part == PART_QUERY) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return err_set(err, ERR_MALFORMED, "a control character in the request's target");
        }
        *out++ = c;
    }
    *out = '\0';
    return is_utf8(text) ? 0 : err_set(err, ERR_MALFORMED, "the request's target is not UTF-8");
}

static int add_parameter(struct edge_target *target, char *pair, struct err *err)
{
    char *equals = strchr(pair, '=');
    if (!equals || equals == pair) {
        return err_set(err, ERR_MALFORMED, "a query parameter must read name=value");
    }
    if (target->count == EDGE_QUERY_MAX) {
        return err_set(err, ERR_MALFORMED, "more than %d query parameters", EDGE_QUERY_MAX);
    }
    *equals = '\0';
    int r = decode(pair, PART_QUERY, err);
    if (r == 0) {
        r = decode(equals + 1, PART_QUERY, err);
    }
    if (r < 0) {
        return r;
    }
    for (int i = 0; i < target->count; i++) {
        if (strcmp(target->names[i], pair) == 0) {
            return err_set(err, ERR_MALFORMED, "a query parameter is given twice");
        }
    }
    target->names[target->count] = pair;
    target->values[target->count++] = equals + 1;
    return 0;
}

static int parse(struct edge_target *target, struct err *err)
{
    char *query = strchr(target->text, '?');
    if (query) {
        *query++ = '\0';
    }
    target->path = target->text;
    int r = decode(target->text, PART_PATH, err);
    char *pair;
    while (r == 0 && (pair = strsep(&query, "&"))) {
        r = *pair ? add_parameter(target, pair, err) : 0;
    }
    return r;
}

int edge_target_parse(const char *text, struct edge_target *ret_target, struct err *err)
{
    struct edge_target target = {.text = strdup(text)};
    int r = parse(&target, err);
    if (r < 0) {
        edge_target_finish(&target);
        return r;
    }
    *ret_target = target;
    return 0;
}

void edge_target_finish(struct edge_target *target)
{
    free(target->text);
    target->text = NULL;
}
