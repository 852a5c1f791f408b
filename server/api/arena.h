// Memory of one request: everything is freed at once when the request ends. Under AddressSanitizer each
// piece is an allocation of its own, so that running past one is seen.
#pragma once

#include "macro.h"

#include <stddef.h>

struct arena_piece;

struct arena {
    struct arena_piece *pieces;
};

// Zeroed, aligned for any type. Never NULL.
void *arena_alloc(struct arena *arena, size_t size);
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_print(struct arena *arena, const char *fmt, ...) _printf_(2, 3);
// NULL stays NULL.
char *arena_string(struct arena *arena, const char *text);
void arena_finish(struct arena *arena);
