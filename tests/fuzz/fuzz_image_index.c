// An index of images from anywhere. The first byte chooses between a whole file, whose signature nothing but a signed one passes, and
// what is behind the signature.
#include "fuzz.h"
#include "image_fetch.h"
#include "image_index.h"

#include <string.h>

enum { NOW = 1768000000 };

static void read_whole(const char *text, size_t len)
{
    static const char *items[] = {
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"};
    const struct field_strings keys = {items, 1};
    const char *body = NULL;
    const char *key = NULL;
    struct err err = {0};
    int r = image_index_verify(text, len, &keys, &body, &key, &err);
    FUZZ_CHECK(r == 0 ? body >= text && body <= text + len && key == items[0]
                      : err.text[0] != '\0');
}

static void read_body(const char *text, size_t len)
{
    struct image_index index;
    struct err err = {0};
    if (image_index_parse(text, len, NOW, &index, &err) < 0) {
        FUZZ_CHECK(err.text[0] != '\0');
        return;
    }
    FUZZ_CHECK(index.serial > 0 && index.count <= IMAGE_INDEX_IMAGES_MAX);
    for (size_t i = 0; i < index.count; i++) {
        const struct image_index_entry *entry = &index.entries[i];
        FUZZ_CHECK(strlen(entry->sha256) == 64 && !strchr(entry->sha256, '/') && entry->size > 0);
        FUZZ_CHECK(image_fetch_is_url(entry->url) ||
                   (!strchr(entry->url, '/') && entry->url[0] != '.'));
        FUZZ_CHECK(image_index_find(&index, entry->name, entry->arch) == entry);
    }
    image_index_finish(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        (data[0] == 'w' ? read_whole : read_body)((const char *)data + 1, size - 1);
    }
    return 0;
}
