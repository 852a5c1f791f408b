#include "json.h"

#include "unit.h"

#include <string.h>

static int reads(const char *text, unsigned depth, struct err *err)
{
    json_t *value = NULL;
    int rc = json_read(text, strlen(text), depth, &value, err);
    json_decref(value);
    return rc;
}

START_TEST(a_document_is_read_and_written_back)
{
    struct err err;
    _cleanup_json_ json_t *value = NULL;
    const char text[] = "{ \"a\": [1, true, null, \"\\u00e9\\\\\"] }";
    ck_assert_int_eq(json_read(text, strlen(text), 4, &value, &err), 0);
    _cleanup_free_ char *written = json_write(value);
    ck_assert_str_eq(written, "{\"a\":[1,true,null,\"\xc3\xa9\\\\\"]}");
}
END_TEST

START_TEST(what_is_not_strict_json_is_refused)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}x",
        "{} {}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\\u0000b\":1}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":99999999999999999999}",
        "{\"a\":1e999}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "{'a':1}",
        "{\"a\":1,}",
        "\"text\"",
        "1",
        "\xef\xbb\xbf{}",
        "{\"a\":\"line\nbreak\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        ck_assert_msg(reads(bad[i], 32, &err) == ERR_MALFORMED, "was read: %s", bad[i]);
        ck_assert_str_ne(err.text, "");
    }
}
END_TEST

START_TEST(bytes_behind_a_nul_are_not_overlooked)
{
    struct err err;
    json_t *value = NULL;
    ck_assert_int_eq(json_read("{}\0x", 4, 4, &value, &err), ERR_MALFORMED);
    ck_assert_ptr_null(value);
}
END_TEST

START_TEST(the_error_names_line_and_column)
{
    struct err err;
    ck_assert_int_eq(reads("{\n  \"a\": }", 4, &err), ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.text, "line 2"));
}
END_TEST

START_TEST(nesting_is_bounded)
{
    struct err err;
    ck_assert_int_eq(reads("[[[]]]", 3, &err), 0);
    ck_assert_int_eq(reads("[[[[]]]]", 3, &err), ERR_MALFORMED);
    ck_assert_int_eq(reads("[\"[[[[[[[\\\"[[[\"]", 1, &err), 0);
    ck_assert_int_eq(reads("[[],[],[],{}]", 2, &err), 0);
}
END_TEST

START_TEST(a_million_brackets_do_not_reach_the_parser)
{
    size_t len = 1 << 20;
    _cleanup_free_ char *text = malloc(len + 1);
    memset(text, '[', len);
    text[len] = '\0';
    struct err err;
    ck_assert_int_eq(reads(text, 1u << 30, &err), ERR_MALFORMED);
}
END_TEST

START_TEST(lookups_fall_back)
{
    _cleanup_json_ json_t *value = json_pack("{s:s, s:i, s:n}", "s", "text", "i", 7, "n");
    ck_assert_str_eq(json_get_string(value, "s", "x"), "text");
    ck_assert_str_eq(json_get_string(value, "i", "x"), "x");
    ck_assert_ptr_null(json_get_string(value, "none", NULL));
    ck_assert_int_eq(json_get_int(value, "i", -1), 7);
    ck_assert_int_eq(json_get_int(value, "s", -1), -1);
    ck_assert_int_eq(json_get_int(NULL, "s", -1), -1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_document_is_read_and_written_back,
        what_is_not_strict_json_is_refused,
        bytes_behind_a_nul_are_not_overlooked,
        the_error_names_line_and_column,
        nesting_is_bounded,
        a_million_brackets_do_not_reach_the_parser,
        lookups_fall_back,
        NULL,
    };
    return unit_run(unit_suite("json", tests));
}
