// A configuration file, and the places of its values.
#include "fuzz.h"
#include "json.h"
#include "yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *tree = NULL;
    struct field_places *places = NULL;
    struct err err = {0};
    if (yaml_read((const char *)data, size, "f.yaml", &tree, &places, &err) < 0) {
        FUZZ_CHECK(!tree && !places && err.text[0]);
        return 0;
    }
    FUZZ_CHECK(json_is_object(tree));
    const char *key;
    json_t *value;
    json_object_foreach (tree, key, value) {
        char place[32];
        field_places_find(places, key, place, sizeof(place));
        FUZZ_CHECK(value && place[0]);
    }
    free(json_write(tree));
    json_decref(tree);
    field_places_destroy(places);
    return 0;
}
