// YAML files read into a JSON tree: one document, plain scalars typed as in the core schema (bool,
// integer, null, string), no anchors, aliases, tags or duplicate keys, bounded size and depth.
#pragma once

#include "err.h"
#include "field.h"

#include <jansson.h>

struct field_places; // created here, used by field_decode

// *ret_value: new reference to the top mapping; *ret_places: owned by the caller.
int yaml_read_file(const char *path, json_t **ret_value, struct field_places **ret_places,
                   struct err *err) _must_check_;

// As yaml_read_file, from memory; name stands for the file in errors. Fuzz target.
int yaml_read(const char *text, size_t len, const char *name, json_t **ret_value,
              struct field_places **ret_places, struct err *err) _must_check_;

void field_places_destroy(struct field_places *places);
