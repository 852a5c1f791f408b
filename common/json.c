#include "json.h"

#include <string.h>

// How deep arrays and objects nest, by brackets outside strings. jansson recurses for each level and
// has no limit that a caller can set, hence the look ahead.
static unsigned nesting(const char *text, size_t len)
{
    unsigned depth = 0;
    unsigned deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

int json_read(const char *text, size_t len, unsigned max_depth, json_t **ret_value, struct err *err)
{
    if (max_depth > JSON_DEPTH_MAX) {
        max_depth = JSON_DEPTH_MAX;
    }
    if (nesting(text, len) > max_depth) {
        return err_set(err, ERR_MALFORMED, "JSON is nested deeper than %u levels", max_depth);
    }
    json_error_t why;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (!value) {
        return err_set(err, ERR_MALFORMED, "not valid JSON: line %d column %d: %s", why.line,
                       why.column, why.text);
    }
    *ret_value = value;
    return 0;
}

char *json_write(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) {
        abort();
    }
    return text;
}

const char *json_get_string(const json_t *object, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : fallback;
}

int64_t json_get_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}
