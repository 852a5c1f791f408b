#include "yaml_tree.h"

#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

enum { SIZE_MAX_BYTES = 1 << 20, DEPTH_MAX = 16, POINTER_MAX = 1024 };

struct reader {
    yaml_parser_t parser;
    struct field_places *places;
    struct err *err;
};

static void cleanup_event(yaml_event_t *event)
{
    yaml_event_delete(event);
}
#define _cleanup_event_ _cleanup_(cleanup_event)

static int refuse(const struct reader *reader, yaml_mark_t mark, const char *what)
{
    char at[sizeof(reader->err->pointer)];
    field_places_at(reader->places, mark.line + 1, mark.column + 1, at, sizeof(at));
    return err_at(reader->err, ERR_MALFORMED, at, "%s", what);
}

static int next_event(struct reader *reader, yaml_event_t *ret_event)
{
    if (yaml_parser_parse(&reader->parser, ret_event)) {
        return 0;
    }
    const char *problem = reader->parser.problem;
    return refuse(reader, reader->parser.problem_mark, problem ? problem : "not valid YAML");
}

// The core schema's integers: decimal with a sign, 0o octal, 0x hexadecimal. Not an integer: false.
static bool is_integer(const char *text, int *ret_base, const char **ret_digits)
{
    *ret_base = 10;
    *ret_digits = text;
    const char *digits = text + (*text == '-' || *text == '+');
    const char *set = "0123456789";
    if (text[0] == '0' && text[1] == 'o') {
        *ret_base = 8;
        *ret_digits = digits = text + 2;
        set = "01234567";
    } else if (text[0] == '0' && text[1] == 'x') {
        *ret_base = 16;
        *ret_digits = digits = text + 2;
        set = "0123456789abcdefABCDEF";
    }
    return *digits && strspn(digits, set) == strlen(digits);
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

static int read_plain(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    const char *text = (const char *)event->data.scalar.value;
    int base;
    const char *digits;
    if (is_one_of(text, nulls)) {
        *ret_value = json_null();
    } else if (is_one_of(text, trues)) {
        *ret_value = json_true();
    } else if (is_one_of(text, falses)) {
        *ret_value = json_false();
    } else if (is_integer(text, &base, &digits)) {
        errno = 0;
        long long number = strtoll(digits, NULL, base);
        if (errno == ERANGE) {
            return refuse(reader, event->start_mark, "integer out of range");
        }
        *ret_value = json_integer(number);
    } else {
        *ret_value = json_stringn(text, event->data.scalar.length);
    }
    return *ret_value ? 0 : refuse(reader, event->start_mark, "not valid UTF-8");
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, json_t **ret_value)
{
    if (event->data.scalar.anchor || event->data.scalar.tag) {
        return refuse(reader, event->start_mark, "anchors and tags are not supported");
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return read_plain(reader, event, ret_value);
    }
    *ret_value = json_stringn((const char *)event->data.scalar.value, event->data.scalar.length);
    return *ret_value ? 0 : refuse(reader, event->start_mark, "not valid UTF-8");
}

static int read_value(struct reader *reader, const yaml_event_t *event, const char *pointer,
                      unsigned depth, json_t **ret_value);

// Appends "/key" with ~ and / escaped as RFC 6901 says.
static int join_pointer(struct reader *reader, const yaml_event_t *event, const char *pointer,
                        const char *key, char out[POINTER_MAX])
{
    size_t used = strlen(pointer);
    if (used + 2 * strlen(key) + 2 > POINTER_MAX) {
        return refuse(reader, event->start_mark, "keys are too long");
    }
    memcpy(out, pointer, used);
    out[used++] = '/';
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            out[used++] = '~';
            out[used++] = *key == '~' ? '0' : '1';
        } else {
            out[used++] = *key;
        }
    }
    out[used] = '\0';
    return 0;
}

static int read_key(struct reader *reader, const yaml_event_t *event, const json_t *object)
{
    if (event->type != YAML_SCALAR_EVENT) {
        return refuse(reader, event->start_mark, "a key must be a plain or quoted string");
    }
    if (event->data.scalar.anchor || event->data.scalar.tag) {
        return refuse(reader, event->start_mark, "anchors and tags are not supported");
    }
    const char *key = (const char *)event->data.scalar.value;
    if (strlen(key) != event->data.scalar.length) {
        return refuse(reader, event->start_mark, "a key must not hold NUL");
    }
    if (json_object_get(object, key)) {
        return refuse(reader, event->start_mark, "this key is there twice");
    }
    return 0;
}

static int read_member(struct reader *reader, const yaml_event_t *key_event, const char *pointer,
                       unsigned depth, json_t *object)
{
    int rc = read_key(reader, key_event, object);
    if (rc < 0) {
        return rc;
    }
    const char *key = (const char *)key_event->data.scalar.value;
    char at[POINTER_MAX];
    rc = join_pointer(reader, key_event, pointer, key, at);
    if (rc < 0) {
        return rc;
    }
    _cleanup_event_ yaml_event_t event = {0};
    rc = next_event(reader, &event);
    json_t *value = NULL;
    if (rc == 0) {
        rc = read_value(reader, &event, at, depth, &value);
    }
    if (rc == 0 && json_object_set_new(object, key, value) != 0) {
        rc = refuse(reader, key_event->start_mark, "not valid UTF-8");
    }
    return rc;
}

static int read_mapping(struct reader *reader, const char *pointer, unsigned depth, json_t *object)
{
    for (;;) {
        _cleanup_event_ yaml_event_t event = {0};
        int rc = next_event(reader, &event);
        if (rc == 0 && event.type == YAML_MAPPING_END_EVENT) {
            return 0;
        }
        if (rc == 0) {
            rc = read_member(reader, &event, pointer, depth, object);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

static int read_sequence(struct reader *reader, const char *pointer, unsigned depth, json_t *array)
{
    for (;;) {
        _cleanup_event_ yaml_event_t event = {0};
        int rc = next_event(reader, &event);
        if (rc == 0 && event.type == YAML_SEQUENCE_END_EVENT) {
            return 0;
        }
        char index[24];
        char at[POINTER_MAX];
        snprintf(index, sizeof(index), "%zu", json_array_size(array));
        if (rc == 0) {
            rc = join_pointer(reader, &event, pointer, index, at);
        }
        json_t *value = NULL;
        if (rc == 0) {
            rc = read_value(reader, &event, at, depth, &value);
        }
        if (rc < 0) {
            return rc;
        }
        if (json_array_append_new(array, value) != 0) {
            abort();
        }
    }
}

static int read_collection(struct reader *reader, const yaml_event_t *event, const char *pointer,
                           unsigned depth, json_t **ret_value)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    // Both members of the union begin with anchor and tag.
    if (mapping ? event->data.mapping_start.anchor || event->data.mapping_start.tag
                : event->data.sequence_start.anchor || event->data.sequence_start.tag) {
        return refuse(reader, event->start_mark, "anchors and tags are not supported");
    }
    if (depth >= DEPTH_MAX) {
        return refuse(reader, event->start_mark, "nested too deep");
    }
    json_t *value = mapping ? json_object() : json_array();
    if (!value) {
        abort();
    }
    int rc = mapping ? read_mapping(reader, pointer, depth + 1, value)
                     : read_sequence(reader, pointer, depth + 1, value);
    if (rc < 0) {
        json_decref(value);
        return rc;
    }
    *ret_value = value;
    return 0;
}

static int read_value(struct reader *reader, const yaml_event_t *event, const char *pointer,
                      unsigned depth, json_t **ret_value)
{
    field_places_add(reader->places, pointer, event->start_mark.line + 1,
                     event->start_mark.column + 1);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event, ret_value);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(reader, event, pointer, depth, ret_value);
    case YAML_ALIAS_EVENT:
        return refuse(reader, event->start_mark, "aliases are not supported");
    default:
        return refuse(reader, event->start_mark, "a value is expected here");
    }
}

// Reads one event and refuses any other type.
static int expect(struct reader *reader, yaml_event_type_t type, const char *otherwise)
{
    _cleanup_event_ yaml_event_t event = {0};
    int rc = next_event(reader, &event);
    if (rc == 0 && event.type != type) {
        rc = refuse(reader, event.start_mark, otherwise);
    }
    return rc;
}

static int read_top(struct reader *reader, json_t **ret_value)
{
    _cleanup_event_ yaml_event_t event = {0};
    int rc = next_event(reader, &event);
    if (rc == 0 && event.type != YAML_MAPPING_START_EVENT) {
        rc = refuse(reader, event.start_mark, "the file must hold a mapping (key: value)");
    }
    return rc == 0 ? read_value(reader, &event, "", 0, ret_value) : rc;
}

static int read_stream(struct reader *reader, json_t **ret_value)
{
    _cleanup_json_ json_t *value = NULL;
    int rc = expect(reader, YAML_STREAM_START_EVENT, "not valid YAML");
    if (rc == 0) {
        rc = expect(reader, YAML_DOCUMENT_START_EVENT, "the file is empty");
    }
    if (rc == 0) {
        rc = read_top(reader, &value);
    }
    if (rc == 0) {
        rc = expect(reader, YAML_DOCUMENT_END_EVENT, "not valid YAML");
    }
    if (rc == 0) {
        rc = expect(reader, YAML_STREAM_END_EVENT, "more than one document");
    }
    if (rc == 0) {
        *ret_value = STEAL(value);
    }
    return rc;
}

int yaml_read(const char *text, size_t len, const char *name, json_t **ret_value,
              struct field_places **ret_places, struct err *err)
{
    if (len > SIZE_MAX_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "%s is larger than 1 MiB", name);
    }
    struct reader reader = {.places = field_places_create(name), .err = err};
    if (!yaml_parser_initialize(&reader.parser)) {
        abort();
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    int rc = read_stream(&reader, ret_value);
    yaml_parser_delete(&reader.parser);
    if (rc < 0) {
        field_places_destroy(reader.places);
        return rc;
    }
    *ret_places = reader.places;
    return 0;
}

static int read_all(int fd, char *buffer, size_t size, size_t *ret_len, const char *path,
                    struct err *err)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, buffer + len, size - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(err, errno, "reading %s", path);
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

int yaml_read_file(const char *path, json_t **ret_value, struct field_places **ret_places,
                   struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return err_errno(err, errno, "looking at %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s is not a regular file", path);
    }
    // One byte more than is allowed, so that a file that is too large shows.
    _cleanup_free_ char *text = malloc(SIZE_MAX_BYTES + 1);
    if (!text) {
        abort();
    }
    size_t len = 0;
    int rc = read_all(fd, text, SIZE_MAX_BYTES + 1, &len, path, err);
    return rc < 0 ? rc : yaml_read(text, len, path, ret_value, ret_places, err);
}
