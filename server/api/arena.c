#include "arena.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_SIZE = 4096 };

struct arena_piece {
    struct arena_piece *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
};

static struct arena_piece *add_piece(struct arena *arena, size_t size)
{
    struct arena_piece *piece = calloc(1, sizeof(*piece) + size);
    if (!piece) {
        abort();
    }
    piece->size = size;
    piece->next = arena->pieces;
    arena->pieces = piece;
    return piece;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct arena_piece *piece = arena->pieces;
#ifdef __SANITIZE_ADDRESS__
    piece = add_piece(arena, size);
#else
    if (!piece || piece->size - piece->used < size) {
        piece = add_piece(arena, size > PIECE_SIZE ? size : PIECE_SIZE);
    }
#endif
    void *at = piece->bytes + piece->used;
    piece->used += size;
    return at;
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *arena_string(struct arena *arena, const char *text)
{
    return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

char *arena_print(struct arena *arena, const char *fmt, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) {
        abort();
    }
    return arena_copy(arena, text, (size_t)len);
}

void arena_finish(struct arena *arena)
{
    struct arena_piece *piece;
    while ((piece = arena->pieces)) {
        arena->pieces = piece->next;
        free(piece);
    }
}
