#include "yaml_tree.h"

#include "json.h"
#include "unit.h"

#include <string.h>

// What text reads as, written as JSON; the caller frees it. NULL if it is refused.
static char *as_json(const char *text, struct err *err)
{
    json_t *value = NULL;
    struct field_places *places = NULL;
    if (yaml_read(text, strlen(text), "f.yaml", &value, &places, err) < 0) {
        ck_assert_ptr_null(value);
        ck_assert_ptr_null(places);
        return NULL;
    }
    char *json = json_write(value);
    json_decref(value);
    field_places_destroy(places);
    return json;
}

START_TEST(plain_scalars_are_typed_by_the_core_schema)
{
    struct err err;
    _cleanup_free_ char *json = as_json("a: 1\nb: -0010\nc: 0x1F\nd: 0o17\ne: true\nf: False\n"
                                        "g: ~\nh: null\ni:\nj: yes\nk: 1.5\nl: '1'\nm: \"true\"\n"
                                        "n: [1, two, {x: 3}]\no: -x\n",
                                        &err);
    ck_assert_str_eq(json, "{\"a\":1,\"b\":-10,\"c\":31,\"d\":15,\"e\":true,\"f\":false,"
                           "\"g\":null,\"h\":null,\"i\":null,\"j\":\"yes\",\"k\":\"1.5\","
                           "\"l\":\"1\",\"m\":\"true\",\"n\":[1,\"two\",{\"x\":3}],\"o\":\"-x\"}");
}
END_TEST

START_TEST(what_configuration_does_not_need_is_refused_with_its_place)
{
    static const struct {
        const char *text, *place;
    } bad[] = {
        {"a: &x 1\nb: *x\n", "f.yaml:1:4"},
        {"a: 1\nb: *x\n", "f.yaml:2:4"},
        {"a: !!str 1\n", "f.yaml:1:4"},
        {"a: !x {b: 1}\n", "f.yaml:1:4"},
        {"a: &x [1]\n", "f.yaml:1:4"},
        {"&x a: 1\n", "f.yaml:1:1"},
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1"},
        {"a: {b: 1, b: 2}\n", "f.yaml:1:11"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2:1"},
        {"? [a]\n: 1\n", "f.yaml:1:3"},
        {"- 1\n", "f.yaml:1:1"},
        {"text\n", "f.yaml:1:1"},
        {"", "f.yaml:1:1"},
        {"# nothing\n", "f.yaml:2:1"},
        {"a: 99999999999999999999\n", "f.yaml:1:4"},
        {"a: [1\n", "f.yaml:2:1"},
        {"a: 1\n\tb: 2\n", "f.yaml:2:1"},
        {"\"a\\0b\": 1\n", "f.yaml:1:1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        _cleanup_free_ char *json = as_json(bad[i].text, &err);
        ck_assert_msg(!json, "was read: %s", bad[i].text);
        ck_assert_int_eq(err.code, ERR_MALFORMED);
        ck_assert_msg(strcmp(err.pointer, bad[i].place) == 0, "%s: %s, not %s (%s)", bad[i].text,
                      err.pointer, bad[i].place, err.text);
    }
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_refused)
{
    struct err err = {0};
    ck_assert_ptr_null(as_json("a: \"\xff\"\n", &err));
    ck_assert_ptr_null(as_json("a: \"\xed\xa0\x80\"\n", &err));
    ck_assert_int_eq(err.code, ERR_MALFORMED);
}
END_TEST

START_TEST(depth_and_size_are_bounded)
{
    struct err err;
    char text[200] = "a: ";
    memset(text + 3, '[', 15);
    memset(text + 18, ']', 15);
    _cleanup_free_ char *fits = as_json(text, &err);
    ck_assert_ptr_nonnull(fits);
    memset(text + 3, '[', 16);
    memset(text + 19, ']', 16);
    ck_assert_ptr_null(as_json(text, &err));

    size_t size = (1 << 20) + 2;
    _cleanup_free_ char *large = malloc(size);
    memset(large, '[', size);
    memcpy(large, "a: ", 3);
    large[size - 1] = '\0';
    ck_assert_ptr_null(as_json(large, &err));
    ck_assert_int_eq(err.code, ERR_TOO_LARGE);
    large[size - 2] = '\0';
    ck_assert_ptr_null(as_json(large, &err));
    ck_assert_int_eq(err.code, ERR_MALFORMED);
}
END_TEST

START_TEST(places_are_kept_by_pointer)
{
    const char text[] = "top:\n  list:\n    - one\n    - two\n  \"a/b\": 3\n";
    json_t *value;
    struct field_places *places;
    struct err err;
    ck_assert_int_eq(yaml_read(text, strlen(text), "f.yaml", &value, &places, &err), 0);
    char out[64];
    field_places_find(places, "/top/list/1", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:4:7");
    field_places_find(places, "/top/a~1b", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:5:10");
    json_decref(value);
    field_places_destroy(places);
}
END_TEST

START_TEST(a_file_must_be_a_readable_regular_file)
{
    json_t *value;
    struct field_places *places;
    struct err err;
    ck_assert_int_eq(yaml_read_file("/nonexistent/f", &value, &places, &err), ERR_SYSTEM);
    ck_assert_int_eq(yaml_read_file("/dev/zero", &value, &places, &err), ERR_INVALID);
    ck_assert_int_eq(yaml_read_file("/tmp", &value, &places, &err), ERR_INVALID);

    char path[] = "/tmp/croft-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "a: 5\n", 5), 5);
    close(fd);
    int rc = yaml_read_file(path, &value, &places, &err);
    unlink(path);
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(json_get_int(value, "a", 0), 5);
    json_decref(value);
    field_places_destroy(places);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        plain_scalars_are_typed_by_the_core_schema,
        what_configuration_does_not_need_is_refused_with_its_place,
        bytes_that_are_not_utf8_are_refused,
        depth_and_size_are_bounded,
        places_are_kept_by_pointer,
        a_file_must_be_a_readable_regular_file,
        NULL,
    };
    return unit_run(unit_suite("yaml_tree", tests));
}
