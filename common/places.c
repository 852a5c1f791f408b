#include "places.h"

#include "macro.h"

#include <jansson.h>
#include <string.h>

struct field_places {
    char *file;
    json_t *by_pointer; // pointer -> "line:col"
};

struct field_places *field_places_create(const char *file)
{
    struct field_places *places = calloc(1, sizeof(*places));
    if (!places || !(places->file = strdup(file)) || !(places->by_pointer = json_object())) {
        abort();
    }
    return places;
}

void field_places_add(struct field_places *places, const char *pointer, size_t line, size_t column)
{
    json_t *place = json_sprintf("%zu:%zu", line, column);
    if (!place || json_object_set_new(places->by_pointer, pointer, place) != 0) {
        abort();
    }
}

static const char *nearest(const struct field_places *places, const char *pointer)
{
    _cleanup_free_ char *path = strdup(pointer);
    if (!path) {
        abort();
    }
    for (;;) {
        const char *place = json_string_value(json_object_get(places->by_pointer, path));
        char *slash = strrchr(path, '/');
        if (place) {
            return place;
        }
        if (!slash) {
            return "1:1";
        }
        *slash = '\0';
    }
}

static void format(const struct field_places *places, const char *place, char *out, size_t size)
{
    const char *file = places->file;
    size_t need = strlen(file) + 1 + strlen(place) + 1;
    if (need > size) {
        size_t excess = need - size;
        file += excess < strlen(file) ? excess : strlen(file);
    }
    snprintf(out, size, "%s:%s", file, place);
}

void field_places_find(const struct field_places *places, const char *pointer, char *out,
                       size_t size)
{
    format(places, nearest(places, pointer), out, size);
}

void field_places_at(const struct field_places *places, size_t line, size_t column, char *out,
                     size_t size)
{
    char place[48];
    snprintf(place, sizeof(place), "%zu:%zu", line, column);
    format(places, place, out, size);
}

void field_places_destroy(struct field_places *places)
{
    if (places) {
        json_decref(places->by_pointer);
        free(places->file);
        free(places);
    }
}
