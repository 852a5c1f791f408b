// Where each value of a decoded file stood, so that an error of a value can name file, line and column.
#pragma once

#include <stddef.h>

struct field_places;

// file is copied. Destroyed with field_places_destroy().
struct field_places *field_places_create(const char *file);

// pointer: JSON pointer of the value; line and column count from 1.
void field_places_add(struct field_places *places, const char *pointer, size_t line, size_t column);

// Writes "file:line:col" of the value at pointer, or, if it is not in the file, of the nearest value
// around it. A file name that does not fit loses its beginning.
void field_places_find(const struct field_places *places, const char *pointer, char *out,
                       size_t size);

// Writes "file:line:col" of a place that has no value (a syntax error).
void field_places_at(const struct field_places *places, size_t line, size_t column, char *out,
                     size_t size);

// NULL is allowed.
void field_places_destroy(struct field_places *places);
