// Labels: what a client writes on its things, and the selectors that find them again. Pure; fuzz target.
#pragma once

#include "err.h"

#include <jansson.h>

enum { LABELS_MAX = 32, LABEL_KEY_MAX = 63, LABEL_VALUE_MAX = 63, LABEL_TERMS_MAX = 16 };

// An object of at most LABELS_MAX strings. Keys are of A-Z a-z 0-9 . _ / -, values of the same and : @ +, and may be
// empty. ERR_INVALID with the place below pointer.
int labels_check(const json_t *labels, const char *pointer, struct err *err) _must_check_;

// "env=prod,tier!=db,has,!lacks" as {"is":{"env":"prod"},"not":[{"tier":"db"}],"has":["has"],"lacks":["lacks"]}, which
// croft_labels_match() reads. All terms must hold; a key that is not there differs from every value. ERR_INVALID.
int labels_read_selector(const char *text, json_t **ret_selector, struct err *err) _must_check_;
