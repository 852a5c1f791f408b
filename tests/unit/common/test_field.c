#include "field.h"

#include "json.h"
#include "unit.h"
#include "yaml_tree.h"

#include <string.h>

struct limits {
    int64_t cpus;
    bool burst;
    struct field_strings tags;
};

struct sample {
    const char *private_to_the_owner; // not in the table
    const char *name, *title, *id, *mail, *note, *mode;
    int64_t count, any, least;
    bool active;
    struct field_strings keys;
    struct limits limits;
    json_t *extra;
};

static const struct field limits_fields[] = {
    {"cpus", FIELD_INT, offsetof(struct limits, cpus), .min = 1, .max = 64, .preset = "2",
     .help = "Cores."},
    {"burst", FIELD_BOOL, offsetof(struct limits, burst), .preset = "true"},
    {"tags", FIELD_STRINGS, offsetof(struct limits, tags)},
    {0},
};

static const struct field fields[] = {
    {"name", FIELD_NAME, offsetof(struct sample, name), .flags = FIELD_REQUIRED, .help = "Name."},
    {"title", FIELD_STRING, offsetof(struct sample, title), .min = 1, .max = 8},
    {"id", FIELD_UUID, offsetof(struct sample, id), .flags = FIELD_NULLABLE},
    {"mail", FIELD_EMAIL, offsetof(struct sample, mail)},
    {"note", FIELD_STRING, offsetof(struct sample, note), .flags = FIELD_MULTILINE},
    {"mode", FIELD_STRING, offsetof(struct sample, mode), .preset = "fast", .flags = FIELD_SECRET},
    {"count", FIELD_INT, offsetof(struct sample, count), .min = -5, .max = 5},
    {"any", FIELD_INT, offsetof(struct sample, any)},
    {"least", FIELD_INT, offsetof(struct sample, least), .min = 10, .preset = "10"},
    {"active", FIELD_BOOL, offsetof(struct sample, active)},
    {"keys", FIELD_STRINGS, offsetof(struct sample, keys), .max = 2, .item_max = 4},
    {"limits", FIELD_OBJECT, offsetof(struct sample, limits), .fields = limits_fields},
    {"extra", FIELD_JSON, offsetof(struct sample, extra)},
    {0},
};

static json_t *parse(const char *text)
{
    struct err err;
    json_t *value = NULL;
    ck_assert_msg(json_read(text, strlen(text), 16, &value, &err) == 0, "%s", err.text);
    return value;
}

START_TEST(values_are_decoded_by_the_table)
{
    _cleanup_json_ json_t *tree =
        parse("{\"name\":\"web-1\",\"title\":\"T\xc3\xa9\",\"id\":\"01234567-89ab-cdef-0123-"
              "456789abcdef\","
              "\"mail\":\"a@b.c\",\"note\":\"a\\n\\tb\",\"mode\":\"slow\",\"count\":-5,"
              "\"any\":-9223372036854775808,\"active\":true,\"keys\":[\"one\",\"two\"],"
              "\"limits\":{\"cpus\":8,\"tags\":[\"x\"]},\"extra\":[1]}");
    struct sample sample = {.private_to_the_owner = "kept"};
    struct err err = {0};
    ck_assert_msg(field_decode(fields, tree, NULL, &sample, &err) == 0, "%s %s", err.pointer,
                  err.text);
    ck_assert_str_eq(sample.private_to_the_owner, "kept");
    ck_assert_str_eq(sample.name, "web-1");
    ck_assert_str_eq(sample.note, "a\n\tb");
    ck_assert_str_eq(sample.mode, "slow");
    ck_assert_int_eq(sample.count, -5);
    ck_assert_int_eq(sample.any, INT64_MIN);
    ck_assert(sample.active);
    ck_assert_uint_eq(sample.keys.count, 2);
    ck_assert_str_eq(sample.keys.items[1], "two");
    ck_assert_int_eq(sample.limits.cpus, 8);
    ck_assert(sample.limits.burst);
    ck_assert_str_eq(sample.limits.tags.items[0], "x");
    ck_assert_ptr_eq(sample.extra, json_object_get(tree, "extra"));
    field_release(fields, &sample);
    ck_assert_uint_eq(sample.keys.count, 0);
}
END_TEST

START_TEST(what_is_absent_gets_its_preset)
{
    _cleanup_json_ json_t *tree = parse("{\"name\":\"a\",\"id\":null}");
    struct sample sample;
    memset(&sample, 0x55, sizeof(sample));
    struct err err = {0};
    ck_assert_int_eq(field_decode(fields, tree, NULL, &sample, &err), 0);
    ck_assert_ptr_null(sample.id);
    ck_assert_ptr_null(sample.title);
    ck_assert_str_eq(sample.mode, "fast");
    ck_assert_int_eq(sample.least, 10);
    ck_assert(!sample.active);
    ck_assert_uint_eq(sample.keys.count, 0);
    ck_assert_int_eq(sample.limits.cpus, 2);
    ck_assert(sample.limits.burst);
    ck_assert_ptr_null(sample.extra);
    field_release(fields, &sample);
}
END_TEST

START_TEST(a_wrong_value_is_refused_at_its_pointer)
{
    static const struct {
        const char *text, *pointer;
    } bad[] = {
        {"{}", "/name"},
        {"{\"name\":null}", "/name"},
        {"{\"name\":1}", "/name"},
        {"{\"name\":\"\"}", "/name"},
        {"{\"name\":\"-a\"}", "/name"},
        {"{\"name\":\"a-\"}", "/name"},
        {"{\"name\":\"A\"}", "/name"},
        {"{\"name\":\"a.b\"}", "/name"},
        {"{\"name\":\"a/../b\"}", "/name"},
        {"{\"name\":\"a\\n\"}", "/name"},
        {"{\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
         "/name"},
        {"{\"name\":\"a\",\"title\":\"\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"123456789\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"a\\tb\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"a\\u007f\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"a\\u009b\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"a\\u2028\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"a\\u202eb\"}", "/title"},
        {"{\"name\":\"a\",\"title\":\"\\u2069\"}", "/title"},
        {"{\"name\":\"a\",\"title\":null}", "/title"},
        {"{\"name\":\"a\",\"note\":\"a\\rb\"}", "/note"},
        {"{\"name\":\"a\",\"id\":\"01234567-89AB-cdef-0123-456789abcdef\"}", "/id"},
        {"{\"name\":\"a\",\"mail\":\"ab.c\"}", "/mail"},
        {"{\"name\":\"a\",\"mail\":\"@b\"}", "/mail"},
        {"{\"name\":\"a\",\"mail\":\"a@\"}", "/mail"},
        {"{\"name\":\"a\",\"mail\":\"a@b@c\"}", "/mail"},
        {"{\"name\":\"a\",\"mail\":\"a b@c\"}", "/mail"},
        {"{\"name\":\"a\",\"count\":6}", "/count"},
        {"{\"name\":\"a\",\"count\":-6}", "/count"},
        {"{\"name\":\"a\",\"count\":1.0}", "/count"},
        {"{\"name\":\"a\",\"count\":\"1\"}", "/count"},
        {"{\"name\":\"a\",\"least\":9}", "/least"},
        {"{\"name\":\"a\",\"active\":1}", "/active"},
        {"{\"name\":\"a\",\"keys\":\"x\"}", "/keys"},
        {"{\"name\":\"a\",\"keys\":[\"1\",\"2\",\"3\"]}", "/keys"},
        {"{\"name\":\"a\",\"keys\":[\"1\",2]}", "/keys/1"},
        {"{\"name\":\"a\",\"keys\":[\"12345\"]}", "/keys/0"},
        {"{\"name\":\"a\",\"keys\":[\"a\\n\"]}", "/keys/0"},
        {"{\"name\":\"a\",\"limits\":[]}", "/limits"},
        {"{\"name\":\"a\",\"limits\":{\"cpus\":0}}", "/limits/cpus"},
        {"{\"name\":\"a\",\"limits\":{\"tags\":[\"x\"],\"cpu\":1}}", "/limits/cpu"},
        {"{\"name\":\"a\",\"surprise\":1}", "/surprise"},
        {"{\"name\":\"a\",\"a/~b\":1}", "/a~1~0b"},
        {"{\"name\":\"a\",\"\":1}", "/"},
        {"[]", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_json_ json_t *tree = parse(bad[i].text);
        struct sample sample = {0};
        struct err err = {0}, check_err = {0};
        int rc = field_decode(fields, tree, NULL, &sample, &err);
        ck_assert_msg(rc == ERR_INVALID, "was taken: %s", bad[i].text);
        ck_assert_msg(strcmp(err.pointer, bad[i].pointer) == 0, "%s: at %s", bad[i].text,
                      err.pointer);
        ck_assert_int_eq(field_check(fields, tree, &check_err), ERR_INVALID);
        ck_assert_str_eq(check_err.pointer, err.pointer);
        ck_assert_str_eq(check_err.text, err.text);
    }
}
END_TEST

START_TEST(a_failure_behind_a_list_releases_the_list)
{
    _cleanup_json_ json_t *tree =
        parse("{\"name\":\"a\",\"keys\":[\"x\"],\"limits\":{\"cpus\":0}}");
    struct sample sample = {0};
    struct err err;
    ck_assert_int_eq(field_decode(fields, tree, NULL, &sample, &err), ERR_INVALID);
    ck_assert_ptr_null(sample.keys.items);
}
END_TEST

START_TEST(a_very_long_unknown_key_is_cut)
{
    char text[3000] = "{\"name\":\"a\",\"";
    size_t len = strlen(text);
    memset(text + len, '~', 2000);
    memcpy(text + len + 2000, "\":1}", 5);
    _cleanup_json_ json_t *tree = parse(text);
    struct err err;
    ck_assert_int_eq(field_check(fields, tree, &err), ERR_INVALID);
    ck_assert_uint_lt(strlen(err.pointer), sizeof(err.pointer));
}
END_TEST

START_TEST(values_of_a_file_are_named_by_file_line_and_column)
{
    const char text[] = "name: a\nlimits:\n  cpus: 99\n";
    json_t *tree;
    struct field_places *places;
    struct err err;
    ck_assert_int_eq(yaml_read(text, strlen(text), "f.yaml", &tree, &places, &err), 0);
    struct sample sample;
    ck_assert_int_eq(field_decode(fields, tree, places, &sample, &err), ERR_INVALID);
    ck_assert_str_eq(err.pointer, "f.yaml:3:9");
    ck_assert_str_eq(err.text, "limits/cpus: must be within 1 and 64");
    json_decref(tree);
    field_places_destroy(places);
}
END_TEST

START_TEST(the_reference_names_every_field_and_no_secret)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    field_print_reference(fields, "", file);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "| `name` | name |  | required | Name. |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| `limits.cpus` | integer | 1 to 64 | `2` | Cores. |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| `least` | integer | at least 10 | `10` |"));
    ck_assert_ptr_null(strstr(text, "fast"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        values_are_decoded_by_the_table,
        what_is_absent_gets_its_preset,
        a_wrong_value_is_refused_at_its_pointer,
        a_failure_behind_a_list_releases_the_list,
        a_very_long_unknown_key_is_cut,
        values_of_a_file_are_named_by_file_line_and_column,
        the_reference_names_every_field_and_no_secret,
        NULL,
    };
    return unit_run(unit_suite("field", tests));
}
