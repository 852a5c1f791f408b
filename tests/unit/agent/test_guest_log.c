#include "guest_log.h"

#include "unit.h"

#include <string.h>

START_TEST(what_is_shown_is_plain_text)
{
    static const struct {
        const char *written, *shown;
    } rows[] = {
        {"login: ", "login: "},
        {"one\r\ntwo\r\r\nthree\rfour\tfive", "one\ntwo\nthree\nfour\tfive"},
        {"\033[1;31mred\033[0m", "red"},
        {"\033]0;a title\007x", "x"},
        {"\033]0;a title\033\\x", "x"},
        {"\033(Bx\033=y\033c", "xy"},
        {"\033Pdevice control\033\\x", "x"},
        {"a\bb\177c\001d", "abcd"},
        {"gr\303\274n \342\202\254 \360\237\230\200", "gr\303\274n \342\202\254 \360\237\230\200"},
        {"\302\233"
         "31m",
         "??31m"}, // a control character of C1
        {"\377\300\200", "???"},
        {"\355\240\200", "???"}, // half of a surrogate pair
        {"\342\202", "??"}, // cut
        {"\033[999999", ""},
        {"\033]never ends\nnext line", "\nnext line"},
        {"\033", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[128];
        size_t len = strlen(rows[i].written);
        memcpy(text, rows[i].written, len);
        guest_log_clean(text, &len);
        text[len] = '\0';
        ck_assert_str_eq(text, rows[i].shown);
    }
}
END_TEST

START_TEST(a_nul_is_left_out)
{
    char text[] = "a\0b";
    size_t len = 3;
    guest_log_clean(text, &len);
    ck_assert_uint_eq(len, 2);
    ck_assert_int_eq(memcmp(text, "ab", 2), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_shown_is_plain_text, a_nul_is_left_out, NULL};
    return unit_run(unit_suite("guest_log", tests));
}
