// Field tables: one place that states name, type, bounds, default and help of every value that
// arrives from outside. The same tables decode YAML configuration and JSON bodies, refuse unknown
// fields and wrong types with the place of the error, and print the reference documentation.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdint.h>

enum field_type {
    FIELD_STRING, // const char *, borrowed from the decoded tree
    FIELD_NAME, // as string; host name label: [a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?
    FIELD_UUID, // as string; canonical lower case 8-4-4-4-12
    FIELD_EMAIL, // as string; one @, no white space or control characters
    FIELD_INT, // int64_t, within min..max
    FIELD_BOOL, // bool
    FIELD_STRINGS, // struct field_strings; each element within max bytes
    // Nested table in .fields, stored inline at offset. If it is absent and not FIELD_REQUIRED, the
    // presets inside it are set and nothing inside it is required.
    FIELD_OBJECT,
    FIELD_JSON, // json_t *, borrowed, not looked into
};

enum field_flags {
    FIELD_REQUIRED = 1 << 0,
    FIELD_NULLABLE = 1 << 1, // null reads as absent
    FIELD_SECRET = 1 << 2, // never printed
    FIELD_MULTILINE = 1 << 3, // a string may hold \n and \t
};

struct field_strings {
    const char **items; // borrowed strings; the array itself is freed by field_release()
    size_t count;
};

struct field {
    const char *name; // NULL ends a table
    enum field_type type;
    size_t offset; // into the output structure
    // FIELD_INT: range; strings: length in bytes; FIELD_STRINGS: count of items. A max of 0 beside a
    // min of 0 or more means: integers any, strings 4096 bytes, lists 256 items.
    int64_t min, max;
    int64_t item_max; // FIELD_STRINGS: bytes of an item; 0: 4096
    const char
        *preset; // the default, as text; NULL: zero, absent (FIELD_STRINGS, FIELD_JSON: NULL)
    unsigned flags;
    const struct field *fields; // FIELD_OBJECT
    const char *help; // one sentence with the unit
};

// Where the values of a file stood (places.h). NULL: the JSON pointer itself is the place.
struct field_places;

// Decodes object into out (a structure that the table describes; the fields in
// the table are zeroed first). Every string must be
// valid UTF-8 without control characters (see FIELD_MULTILINE) and without NUL. Strings in out are
// borrowed from object. On failure err names the place and out is released.
int field_decode(const struct field *table, json_t *object, const struct field_places *places,
                 void *out, struct err *err) _must_check_;

// Only checks, as field_decode does.
int field_check(const struct field *table, json_t *object, struct err *err) _must_check_;

// Frees what field_decode allocated inside out.
void field_release(const struct field *table, void *out);

// Prints the table as a Markdown reference (name, type, range, default, help), objects as
// "object.name". prefix is "" at the top, which also prints the head of the table.
void field_print_reference(const struct field *table, const char *prefix, FILE *to);
