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
    FIELD_OBJECT, // nested table in .fields, stored inline at offset
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
    int64_t min, max; // FIELD_INT: range; strings: length in bytes; FIELD_STRINGS: count of items
    int64_t item_max; // FIELD_STRINGS: bytes of an item
    const char *preset; // the default, as text; NULL: zero, absent
    unsigned flags;
    const struct field *fields; // FIELD_OBJECT
    const char *help; // one sentence with the unit
};

// Where the decoder is, for errors of values that came from a file: returns "file:line:col" for a
// JSON pointer. NULL: the pointer itself is the place.
struct field_places;

// Decodes object into out (a structure that the table describes; zeroed first). Every string must be
// valid UTF-8 without control characters (see FIELD_MULTILINE) and without NUL. Strings in out are
// borrowed from object. On failure err names the place and out is released.
int field_decode(const struct field *table, json_t *object, const struct field_places *places,
                 void *out, struct err *err) _must_check_;

// Only checks, as field_decode does.
int field_check(const struct field *table, json_t *object, struct err *err) _must_check_;

// Frees what field_decode allocated inside out.
void field_release(const struct field *table, void *out);

// Prints the table as a Markdown reference (name, type, range, default, help).
void field_print_reference(const struct field *table, const char *prefix, FILE *to);
