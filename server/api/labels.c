#include "labels.h"

#include "json.h"
#include "macro.h"

#include <string.h>

#define KEY_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-"

enum { POINTER_MAX = 128 };

static bool is_key(const char *text, size_t len)
{
    return len >= 1 && len <= LABEL_KEY_MAX && strspn(text, KEY_ALPHABET) >= len;
}

static bool is_value(const char *text)
{
    size_t len = strlen(text);
    return len <= LABEL_VALUE_MAX && strspn(text, KEY_ALPHABET ":@+") == len;
}

static int check_one(const char *key, const json_t *value, const char *pointer, struct err *err)
{
    char at[POINTER_MAX];
    if (!is_key(key, strlen(key))) {
        return err_at(err, ERR_INVALID, pointer,
                      "a label's key is 1 to %d of A-Z, a-z, 0-9, ., _, / and -", LABEL_KEY_MAX);
    }
    // A slash in a pointer reads ~1 (RFC 6901).
    size_t used = (size_t)snprintf(at, sizeof(at), "%s/", pointer);
    for (const char *c = key; *c && used + 3 < sizeof(at); c++) {
        at[used++] = *c == '/' ? '~' : *c;
        if (*c == '/') {
            at[used++] = '1';
        }
    }
    at[used] = '\0';
    if (!json_is_string(value) || !is_value(json_string_value(value))) {
        return err_at(err, ERR_INVALID, at,
                      "a label is at most %d of A-Z, a-z, 0-9, ., _, /, :, @, + and -",
                      LABEL_VALUE_MAX);
    }
    return 0;
}

int labels_check(const json_t *labels, const char *pointer, struct err *err)
{
    if (!json_is_object(labels)) {
        return err_at(err, ERR_INVALID, pointer, "must be an object");
    }
    if (json_object_size(labels) > LABELS_MAX) {
        return err_at(err, ERR_INVALID, pointer, "must have at most %d labels", LABELS_MAX);
    }
    const char *key;
    json_t *value;
    int r = 0;
    json_object_foreach ((json_t *)labels, key, value) {
        r = r == 0 ? check_one(key, value, pointer, err) : r;
    }
    return r;
}

static int refuse_term(const char *term, struct err *err)
{
    return err_at(err, ERR_INVALID, "/label",
                  "a selector is a list of key, !key, key=value and key!=value: %.64s", term);
}

// key=value or key!=value; sign points at its '='.
static int read_comparison(json_t *selector, char *term, char *sign, struct err *err)
{
    bool differs = sign > term && sign[-1] == '!';
    const char *value = sign + 1;
    sign[differs ? -1 : 0] = '\0';
    if (!is_key(term, strlen(term)) || !is_value(value)) {
        return refuse_term(term, err);
    }
    if (differs) {
        json_array_append_new(json_object_get(selector, "not"), json_pack("{s:s}", term, value));
        return 0;
    }
    json_t *is = json_object_get(selector, "is");
    const char *other = json_get_string(is, term, NULL);
    if (other && strcmp(other, value) != 0) {
        return err_at(err, ERR_INVALID, "/label", "%s cannot be two things at once", term);
    }
    json_object_set_new(is, term, json_string(value));
    return 0;
}

static int read_term(json_t *selector, char *term, struct err *err)
{
    char *sign = strchr(term, '=');
    if (sign) {
        return read_comparison(selector, term, sign, err);
    }
    bool lacks = *term == '!';
    const char *key = lacks ? term + 1 : term;
    if (!is_key(key, strlen(key))) {
        return refuse_term(term, err);
    }
    json_array_append_new(json_object_get(selector, lacks ? "lacks" : "has"), json_string(key));
    return 0;
}

int labels_read_selector(const char *text, json_t **ret_selector, struct err *err)
{
    _cleanup_json_ json_t *selector =
        json_pack("{s:{}, s:[], s:[], s:[]}", "is", "not", "has", "lacks");
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy;
    char *term;
    int count = 0;
    while ((term = strsep(&rest, ","))) {
        int r = count++ < LABEL_TERMS_MAX
                    ? read_term(selector, term, err)
                    : err_at(err, ERR_INVALID, "/label", "at most %d terms", LABEL_TERMS_MAX);
        if (r < 0) {
            return r;
        }
    }
    *ret_selector = json_incref(selector);
    return 0;
}
