// YAML files read into a JSON tree: one document, plain scalars typed as in the core schema (bool,
// integer, null, string), no anchors, aliases, tags or duplicate keys, bounded size and depth.
// Not named yaml.h, which is the header of libyaml.
#pragma once

#include "err.h"
#include "places.h"

#include <jansson.h>

// *ret_value: new reference to the top mapping; *ret_places: owned by the caller.
int yaml_read_file(const char *path, json_t **ret_value, struct field_places **ret_places,
                   struct err *err) _must_check_;

// As yaml_read_file, from memory; name stands for the file in errors. Fuzz target.
int yaml_read(const char *text, size_t len, const char *name, json_t **ret_value,
              struct field_places **ret_places, struct err *err) _must_check_;
