// A request body: strict JSON, then a field table of every type.
#include "field.h"
#include "fuzz.h"
#include "json.h"

#include <stdbool.h>
#include <string.h>

struct body {
    const char *name, *title, *id, *mail, *note;
    int64_t count;
    bool active;
    struct field_strings keys;
    struct {
        int64_t cpus;
        struct field_strings tags;
    } limits;
    json_t *extra;
};

#define LIMITS_AT(member) (offsetof(struct body, limits.member) - offsetof(struct body, limits))

static const struct field limits_fields[] = {
    {.name = "cpus", .type = FIELD_INT, .offset = LIMITS_AT(cpus), .min = 1, .max = 64},
    {.name = "tags", .type = FIELD_STRINGS, .offset = LIMITS_AT(tags), .max = 4, .item_max = 16},
    {0},
};

#define AT(member) offsetof(struct body, member)

static const struct field fields[] = {
    {.name = "name", .type = FIELD_NAME, .offset = AT(name), .flags = FIELD_REQUIRED},
    {.name = "title", .type = FIELD_STRING, .offset = AT(title), .max = 64},
    {.name = "id", .type = FIELD_UUID, .offset = AT(id), .flags = FIELD_NULLABLE},
    {.name = "mail", .type = FIELD_EMAIL, .offset = AT(mail)},
    {.name = "note", .type = FIELD_STRING, .offset = AT(note), .flags = FIELD_MULTILINE},
    {.name = "count", .type = FIELD_INT, .offset = AT(count), .min = -9, .max = 9},
    {.name = "active", .type = FIELD_BOOL, .offset = AT(active)},
    {.name = "keys", .type = FIELD_STRINGS, .offset = AT(keys), .max = 4, .item_max = 16},
    {.name = "limits", .type = FIELD_OBJECT, .offset = AT(limits), .fields = limits_fields},
    {.name = "extra", .type = FIELD_JSON, .offset = AT(extra)},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *tree = NULL;
    struct err err = {0};
    if (json_read((const char *)data, size, JSON_DEPTH_MAX, &tree, &err) < 0) {
        FUZZ_CHECK(!tree && err.text[0]);
        return 0;
    }
    _cleanup_free_ char *text = json_write(tree);
    _cleanup_json_ json_t *again = NULL;
    FUZZ_CHECK(json_read(text, strlen(text), JSON_DEPTH_MAX, &again, &err) == 0);
    FUZZ_CHECK(json_equal(tree, again));

    struct body body;
    int checked = field_check(fields, tree, &err);
    int decoded = field_decode(fields, tree, NULL, &body, &err);
    FUZZ_CHECK(checked == decoded);
    if (decoded == 0) {
        FUZZ_CHECK(body.name && strlen(body.name) <= 63 && !strpbrk(body.name, "/.\n"));
        FUZZ_CHECK(body.count >= -9 && body.count <= 9 && body.keys.count <= 4);
        field_release(fields, &body);
    }
    return 0;
}
