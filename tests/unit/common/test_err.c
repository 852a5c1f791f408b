#include "err.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

START_TEST(set_returns_the_code_and_fills_the_text)
{
    struct err err = {.pointer = "stale"};
    ck_assert_int_eq(err_set(&err, ERR_INVALID, "no %s", "good"), ERR_INVALID);
    ck_assert_int_eq(err.code, ERR_INVALID);
    ck_assert_str_eq(err.text, "no good");
    ck_assert_str_eq(err.pointer, "");
}
END_TEST

START_TEST(a_null_error_still_carries_the_code)
{
    ck_assert_int_eq(err_set(NULL, ERR_QUOTA, "x"), ERR_QUOTA);
    ck_assert_int_eq(err_at(NULL, ERR_QUOTA, "/x", "x"), ERR_QUOTA);
    ck_assert_int_eq(err_errno(NULL, ENOSPC, "x"), ERR_DISK_FULL);
    ck_assert_int_eq(err_wrap(NULL, "x"), ERR_INTERNAL);
}
END_TEST

START_TEST(wrap_puts_context_in_front_and_keeps_code_and_pointer)
{
    struct err err = {0};
    err_at(&err, ERR_NOT_FOUND, "/name", "gone");
    ck_assert_int_eq(err_wrap(&err, "reading %d", 7), ERR_NOT_FOUND);
    ck_assert_str_eq(err.text, "reading 7: gone");
    ck_assert_str_eq(err.pointer, "/name");
}
END_TEST

START_TEST(wrap_never_overflows)
{
    struct err err = {0};
    char longest[2000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    err_set(&err, ERR_SYSTEM, "%s", longest);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(err_wrap(&err, "step %d", i), ERR_SYSTEM);
        ck_assert_uint_lt(strlen(err.text), sizeof(err.text));
    }
    ck_assert_int_eq(strncmp(err.text, "step 99: step 98: ", 18), 0);
    ck_assert_int_eq(err_wrap(&err, "%s", longest), ERR_SYSTEM);
    ck_assert_uint_lt(strlen(err.text), sizeof(err.text));
}
END_TEST

START_TEST(errno_says_what_the_system_said)
{
    struct err err = {0};
    ck_assert_int_eq(err_errno(&err, ENOENT, "opening %s", "f"), ERR_SYSTEM);
    ck_assert_str_eq(err.text, "opening f: No such file or directory");
    ck_assert_int_eq(err_errno(&err, EDQUOT, "w"), ERR_DISK_FULL);
}
END_TEST

START_TEST(every_code_has_its_own_slug_and_comes_back_from_it)
{
    for (int code = -1; code >= ERR_CODE_MIN; code--) {
        const struct err_info *info = err_info(code);
        ck_assert_ptr_nonnull(info->slug);
        ck_assert_ptr_nonnull(info->title);
        ck_assert_int_ge(info->status, 400);
        ck_assert_int_lt(info->status, 600);
        ck_assert_int_eq(err_code_from_slug(info->slug), code);
    }
}
END_TEST

START_TEST(unknown_codes_and_slugs_read_as_internal)
{
    ck_assert_str_eq(err_info(ERR_CODE_MIN - 1)->slug, "internal");
    ck_assert_str_eq(err_info(1)->slug, "internal");
    ck_assert_int_eq(err_code_from_slug("nonsense"), ERR_INTERNAL);
    ck_assert_int_eq(err_code_from_slug(NULL), ERR_INTERNAL);
    ck_assert_int_eq(err_code_from_slug("ok"), ERR_INTERNAL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        set_returns_the_code_and_fills_the_text,
        a_null_error_still_carries_the_code,
        wrap_puts_context_in_front_and_keeps_code_and_pointer,
        wrap_never_overflows,
        errno_says_what_the_system_said,
        every_code_has_its_own_slug_and_comes_back_from_it,
        unknown_codes_and_slugs_read_as_internal,
        NULL,
    };
    return unit_run(unit_suite("err", tests));
}
