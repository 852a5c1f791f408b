#include "field.h"

#include "places.h"
#include "uuid.h"

#include <stdarg.h>
#include <string.h>

enum { TEXT_MAX = 4096, ITEMS_MAX = 256, NAME_MAX_LEN = 63, EMAIL_MAX = 254, POINTER_MAX = 160 };

static const char *const type_names[] = {
    [FIELD_STRING] = "string",           [FIELD_NAME] = "name",     [FIELD_UUID] = "UUID",
    [FIELD_EMAIL] = "e-mail address",    [FIELD_INT] = "integer",   [FIELD_BOOL] = "true or false",
    [FIELD_STRINGS] = "list of strings", [FIELD_OBJECT] = "object", [FIELD_JSON] = "any",
};

// One run over one tree. out below is NULL when the values are only checked.
struct decoder {
    const struct field_places *places;
    struct err *err;
};

static int refuse(const struct decoder *decoder, const char *pointer, const char *fmt, ...)
    _printf_(3, 4);

static int refuse(const struct decoder *decoder, const char *pointer, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (!decoder->places) {
        return err_at(decoder->err, ERR_INVALID, pointer, "%s", what);
    }
    char place[sizeof(((struct err *)NULL)->pointer)];
    field_places_find(decoder->places, pointer, place, sizeof(place));
    const char *name = *pointer ? pointer + 1 : "the file";
    return err_at(decoder->err, ERR_INVALID, place, "%s: %s", name, what);
}

static bool has_max(const struct field *field)
{
    return field->max != 0 || field->min < 0;
}

static int64_t max_or(const struct field *field, int64_t otherwise)
{
    return has_max(field) ? field->max : otherwise;
}

static int64_t item_max(const struct field *field)
{
    return field->item_max ? field->item_max : TEXT_MAX;
}

// U+2028 to U+202E and U+2066 to U+2069: line ends, and what turns the direction of the text beside it.
static bool is_turn(const unsigned char *c, size_t len)
{
    return len >= 3 && c[0] == 0xe2 &&
           ((c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||
            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
}

// jansson holds only valid UTF-8; what is left to refuse are the C0 and C1 control characters, and what lets a text look
// like another one.
static bool has_control(const char *text, size_t len, unsigned flags)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7f) {
            continue;
        }
        bool line = (flags & FIELD_MULTILINE) && (c == '\n' || c == '\t');
        bool c1 = c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;
        if ((c < 0x20 && !line) || c == 0x7f || c1 ||
            is_turn((const unsigned char *)text + i, len - i)) {
            return true;
        }
    }
    return false;
}

static bool is_label(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= NAME_MAX_LEN && text[0] != '-' && text[len - 1] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at != text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " \t") &&
           strlen(text) <= EMAIL_MAX;
}

// What is wrong with a text of that type, or NULL.
static const char *wrong_form(enum field_type type, const char *text)
{
    switch (type) {
    case FIELD_NAME:
        return is_label(text) ? NULL : "must be 1 to 63 of a-z, 0-9 and -, not with - at an end";
    case FIELD_UUID:
        return uuid_is(text) ? NULL : "must be a UUID in lower case";
    case FIELD_EMAIL:
        return is_email(text) ? NULL : "must be an e-mail address";
    default:
        return NULL;
    }
}

static int check_text(const struct decoder *decoder, const struct field *field, const json_t *value,
                      int64_t min, int64_t max, const char *pointer)
{
    if (!json_is_string(value)) {
        return refuse(decoder, pointer, "must be a string");
    }
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (has_control(text, len, field->flags)) {
        return refuse(decoder, pointer, "must not hold control characters");
    }
    if ((int64_t)len < min || (int64_t)len > max) {
        return refuse(decoder, pointer, "must have %lld to %lld bytes", (long long)min,
                      (long long)max);
    }
    const char *wrong = wrong_form(field->type, text);
    return wrong ? refuse(decoder, pointer, "%s", wrong) : 0;
}

static int decode_text(const struct decoder *decoder, const struct field *field,
                       const json_t *value, const char *pointer, const char **out)
{
    int rc = check_text(decoder, field, value, field->min, max_or(field, TEXT_MAX), pointer);
    if (rc == 0 && out) {
        *out = json_string_value(value);
    }
    return rc;
}

static int decode_int(const struct decoder *decoder, const struct field *field, const json_t *value,
                      const char *pointer, int64_t *out)
{
    if (!json_is_integer(value)) {
        return refuse(decoder, pointer, "must be an integer");
    }
    int64_t number = json_integer_value(value);
    bool any = field->min == 0 && field->max == 0;
    if (!any && (number < field->min || number > max_or(field, INT64_MAX))) {
        return has_max(field)
                   ? refuse(decoder, pointer, "must be within %lld and %lld", (long long)field->min,
                            (long long)field->max)
                   : refuse(decoder, pointer, "must be at least %lld", (long long)field->min);
    }
    if (out) {
        *out = number;
    }
    return 0;
}

static int decode_bool(const struct decoder *decoder, const json_t *value, const char *pointer,
                       bool *out)
{
    if (!json_is_boolean(value)) {
        return refuse(decoder, pointer, "must be true or false");
    }
    if (out) {
        *out = json_is_true(value);
    }
    return 0;
}

// Appends "/name" with ~ and / escaped as RFC 6901 says. A name that does not fit is cut.
static void join_pointer(char *out, size_t size, const char *pointer, const char *name)
{
    size_t used = strnlen(pointer, size - 2);
    memcpy(out, pointer, used);
    out[used++] = '/';
    for (; *name && used + 3 < size; name++) {
        if (*name == '~' || *name == '/') {
            out[used++] = '~';
            out[used++] = *name == '~' ? '0' : '1';
        } else {
            out[used++] = *name;
        }
    }
    out[used] = '\0';
}

static int decode_strings(const struct decoder *decoder, const struct field *field,
                          const json_t *value, const char *pointer, struct field_strings *out)
{
    if (!json_is_array(value)) {
        return refuse(decoder, pointer, "must be a list of strings");
    }
    size_t count = json_array_size(value);
    int64_t max = max_or(field, ITEMS_MAX);
    if ((int64_t)count < field->min || (int64_t)count > max) {
        return refuse(decoder, pointer, "must have %lld to %lld items", (long long)field->min,
                      (long long)max);
    }
    if (out && count > 0) {
        out->items = calloc(count, sizeof(*out->items));
        if (!out->items) {
            abort();
        }
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        char index[24];
        char at[POINTER_MAX];
        snprintf(index, sizeof(index), "%zu", i);
        join_pointer(at, sizeof(at), pointer, index);
        int rc = check_text(decoder, field, item, 1, item_max(field), at);
        if (rc < 0) {
            return rc;
        }
        if (out) {
            out->items[out->count++] = json_string_value(item);
        }
    }
    return 0;
}

static int decode_object(const struct decoder *decoder, const struct field *table, json_t *object,
                         const char *pointer, char *out);

static int decode_value(const struct decoder *decoder, const struct field *field, json_t *value,
                        const char *pointer, void *out)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_NAME:
    case FIELD_UUID:
    case FIELD_EMAIL:
        return decode_text(decoder, field, value, pointer, out);
    case FIELD_INT:
        return decode_int(decoder, field, value, pointer, out);
    case FIELD_BOOL:
        return decode_bool(decoder, value, pointer, out);
    case FIELD_STRINGS:
        return decode_strings(decoder, field, value, pointer, out);
    case FIELD_OBJECT:
        return decode_object(decoder, field->fields, value, pointer, out);
    case FIELD_JSON:
        if (out) {
            *(json_t **)out = value;
        }
        return 0;
    }
    return err_set(decoder->err, ERR_INTERNAL, "field table: unknown type");
}

// Zero, or the preset. Presets are ours: a wrong one is a bug.
static void set_preset(const struct field *field, char *at)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_NAME:
    case FIELD_UUID:
    case FIELD_EMAIL:
        *(const char **)at = field->preset;
        break;
    case FIELD_INT:
        *(int64_t *)at = field->preset ? strtoll(field->preset, NULL, 10) : 0;
        break;
    case FIELD_BOOL:
        *(bool *)at = field->preset && strcmp(field->preset, "true") == 0;
        break;
    case FIELD_STRINGS:
        *(struct field_strings *)at = (struct field_strings){0};
        break;
    case FIELD_JSON:
        *(json_t **)at = NULL;
        break;
    case FIELD_OBJECT:
        for (const struct field *inner = field->fields; inner->name; inner++) {
            set_preset(inner, at + inner->offset);
        }
        break;
    }
}

// From a field on, then from the first: what is said in the table's order is found at once.
static const struct field *find(const struct field *table, const struct field *from,
                                const char *name)
{
    for (const struct field *field = from; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    for (const struct field *field = table; field != from; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

static int refuse_unknown(const struct decoder *decoder, const struct field *table, json_t *object,
                          const char *pointer)
{
    const struct field *next = table;
    const char *name;
    json_t *value;
    json_object_foreach (object, name, value) {
        const struct field *field = find(table, next, name);
        if (field) {
            next = field + 1;
        } else {
            char at[POINTER_MAX];
            join_pointer(at, sizeof(at), pointer, name);
            return refuse(decoder, at, "is not a known field");
        }
    }
    return 0;
}

static int decode_object(const struct decoder *decoder, const struct field *table, json_t *object,
                         const char *pointer, char *out)
{
    if (!json_is_object(object)) {
        return refuse(decoder, pointer, "must be an object");
    }
    int rc = refuse_unknown(decoder, table, object, pointer);
    for (const struct field *field = table; rc == 0 && field->name; field++) {
        char at[POINTER_MAX];
        join_pointer(at, sizeof(at), pointer, field->name);
        json_t *value = json_object_get(object, field->name);
        if (json_is_null(value) && (field->flags & FIELD_NULLABLE)) {
            value = NULL;
        }
        if (value) {
            rc = decode_value(decoder, field, value, at, out ? out + field->offset : NULL);
        } else if (field->flags & FIELD_REQUIRED) {
            rc = refuse(decoder, at, "is required");
        }
    }
    return rc;
}

int field_decode(const struct field *table, json_t *object, const struct field_places *places,
                 void *out, struct err *err)
{
    struct decoder decoder = {.places = places, .err = err};
    for (const struct field *field = table; field->name; field++) {
        set_preset(field, (char *)out + field->offset);
    }
    int rc = decode_object(&decoder, table, object, "", out);
    if (rc < 0) {
        field_release(table, out);
    }
    return rc;
}

int field_check(const struct field *table, json_t *object, struct err *err)
{
    struct decoder decoder = {.err = err};
    return decode_object(&decoder, table, object, "", NULL);
}

void field_release(const struct field *table, void *out)
{
    for (const struct field *field = table; field->name; field++) {
        char *at = (char *)out + field->offset;
        if (field->type == FIELD_OBJECT) {
            field_release(field->fields, at);
        } else if (field->type == FIELD_STRINGS) {
            struct field_strings *strings = (struct field_strings *)at;
            free(strings->items);
            *strings = (struct field_strings){0};
        }
    }
}

static void print_range(const struct field *field, FILE *to)
{
    switch (field->type) {
    case FIELD_STRING:
        fprintf(to, "%lld to %lld bytes", (long long)field->min,
                (long long)max_or(field, TEXT_MAX));
        break;
    case FIELD_INT:
        if (has_max(field)) {
            fprintf(to, "%lld to %lld", (long long)field->min, (long long)field->max);
        } else if (field->min > 0) {
            fprintf(to, "at least %lld", (long long)field->min);
        }
        break;
    case FIELD_STRINGS:
        fprintf(to, "%lld to %lld items", (long long)field->min,
                (long long)max_or(field, ITEMS_MAX));
        break;
    default:
        break;
    }
}

static void print_default(const struct field *field, FILE *to)
{
    if (field->flags & FIELD_REQUIRED) {
        fputs("required", to);
    } else if (field->flags & FIELD_SECRET) {
        fputs("(secret)", to);
    } else if (field->preset) {
        fprintf(to, "`%s`", field->preset);
    }
}

void field_print_reference(const struct field *table, const char *prefix, FILE *to)
{
    if (!*prefix) {
        fputs("| name | type | range | default | meaning |\n| --- | --- | --- | --- | --- |\n", to);
    }
    for (const struct field *field = table; field->name; field++) {
        if (field->type == FIELD_OBJECT) {
            char inner[160];
            snprintf(inner, sizeof(inner), "%s%s.", prefix, field->name);
            field_print_reference(field->fields, inner, to);
            continue;
        }
        fprintf(to, "| `%s%s` | %s | ", prefix, field->name, type_names[field->type]);
        print_range(field, to);
        fputs(" | ", to);
        print_default(field, to);
        fprintf(to, " | %s |\n", field->help ? field->help : "");
    }
}
