#include "console_wire.h"

#include "json.h"
#include "macro.h"
#include "unit.h"

#include <string.h>

static int read_client(const char *text, struct console_size *size)
{
    struct err err;
    return console_read_client(text, strlen(text), size, &err);
}

START_TEST(a_client_resizes_and_says_nothing_else)
{
    struct console_size size = {0};
    char out[80];
    ck_assert_int_eq(read_client("{\"type\":\"resize\",\"cols\":132,\"rows\":43}", &size), 0);
    ck_assert_int_eq(size.cols, 132);
    ck_assert_int_eq(size.rows, 43);
    console_write_size(&size, out);
    ck_assert_int_eq(read_client(out, &size), 0);
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "null",
                                        "{\"type\":\"resize\",\"cols\":0,\"rows\":43}",
                                        "{\"type\":\"resize\",\"cols\":1001,\"rows\":43}",
                                        "{\"type\":\"resize\",\"cols\":80}",
                                        "{\"type\":\"resize\",\"cols\":\"80\",\"rows\":43}",
                                        "{\"type\":\"ready\",\"cols\":80,\"rows\":43}",
                                        "{\"type\":\"resize\",\"cols\":80,\"rows\":43,\"more\":1}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_int_eq(read_client(wrong[i], &size), ERR_PROTOCOL);
    }
}
END_TEST

static int read_agent(const char *text, enum console_said *said, char detail[CONSOLE_DETAIL_MAX])
{
    struct err err;
    return console_read_agent(text, strlen(text), said, detail, &err);
}

START_TEST(an_agent_is_ready_or_has_failed)
{
    enum console_said said = CONSOLE_FAILED;
    char detail[CONSOLE_DETAIL_MAX] = "";
    ck_assert_int_eq(read_agent("{\"type\":\"ready\"}", &said, detail), 0);
    ck_assert_int_eq(said, CONSOLE_READY);
    ck_assert_int_eq(
        read_agent("{\"type\":\"error\",\"code\":\"conflict\",\"detail\":\"no\"}", &said, detail),
        0);
    ck_assert_int_eq(said, CONSOLE_FAILED);
    ck_assert_str_eq(detail, "no");
    ck_assert_int_eq(
        read_agent("{\"type\":\"error\",\"code\":\"slow\",\"detail\":\"no\"}", &said, detail), 0);
    ck_assert_int_eq(said, CONSOLE_SLOW);
    ck_assert_int_eq(read_agent("{\"type\":\"error\"}", &said, detail), ERR_PROTOCOL);
    ck_assert_int_eq(read_agent("{\"type\":\"exec\"}", &said, detail), ERR_PROTOCOL);
    ck_assert_int_eq(read_agent("{\"type\":\"error\",\"detail\":\"\\u001b[2J\"}", &said, detail),
                     ERR_PROTOCOL);
}
END_TEST

START_TEST(a_long_detail_is_cut_between_characters)
{
    enum console_said said;
    char detail[CONSOLE_DETAIL_MAX];
    char text[1200] = "{\"type\":\"error\",\"detail\":\"";
    for (int i = 0; i < 500; i++) {
        strcat(text, "\xc3\xb6");
    }
    strcat(text, "\"}");
    ck_assert_int_eq(read_agent(text, &said, detail), 0);
    ck_assert_uint_eq(strlen(detail) % 2, 0);
    _cleanup_free_ char *closed = console_write_closed("failed", detail);
    ck_assert_ptr_nonnull(closed);
    ck_assert_ptr_nonnull(strstr(closed, "\"closed\""));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_client_resizes_and_says_nothing_else,
                                  an_agent_is_ready_or_has_failed,
                                  a_long_detail_is_cut_between_characters, NULL};
    return unit_run(unit_suite("console_wire", tests));
}
