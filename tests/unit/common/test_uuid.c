#include "uuid.h"

#include "unit.h"

#include <string.h>
#include <time.h>

START_TEST(a_made_uuid_is_canonical_version_7)
{
    char text[UUID_LEN + 1];
    uuid_make(text);
    ck_assert(uuid_is(text));
    ck_assert_int_eq(text[14], '7');
    ck_assert_ptr_nonnull(strchr("89ab", text[19]));
}
END_TEST

START_TEST(the_first_48_bits_are_the_time_in_milliseconds)
{
    char text[UUID_LEN + 1];
    long long before = (long long)time(NULL) * 1000;
    uuid_make(text);
    long long after = ((long long)time(NULL) + 1) * 1000;
    char hex[13];
    memcpy(hex, text, 8);
    memcpy(hex + 8, text + 9, 4);
    hex[12] = '\0';
    long long ms = strtoll(hex, NULL, 16);
    ck_assert_int_ge(ms, before);
    ck_assert_int_le(ms, after);
}
END_TEST

START_TEST(no_two_are_alike)
{
    char last[UUID_LEN + 1] = "";
    for (int i = 0; i < 1000; i++) {
        char text[UUID_LEN + 1];
        uuid_make(text);
        ck_assert_str_ne(text, last);
        memcpy(last, text, sizeof(last));
    }
}
END_TEST

START_TEST(only_canonical_text_is_a_uuid)
{
    ck_assert(uuid_is("01234567-89ab-cdef-0123-456789abcdef"));
    ck_assert(!uuid_is(NULL));
    ck_assert(!uuid_is(""));
    ck_assert(!uuid_is("01234567-89AB-cdef-0123-456789abcdef"));
    ck_assert(!uuid_is("01234567-89ab-cdef-0123-456789abcde"));
    ck_assert(!uuid_is("01234567-89ab-cdef-0123-456789abcdef0"));
    ck_assert(!uuid_is("{1234567-89ab-cdef-0123-456789abcdef"));
    ck_assert(!uuid_is("0123456789ab-cdef-0123-456789abcdef--"));
    ck_assert(!uuid_is("../../../../../../../../../../../../"));
    ck_assert(!uuid_is("01234567-89ab-cdef-0123-456789abcde\n"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_made_uuid_is_canonical_version_7,
        the_first_48_bits_are_the_time_in_milliseconds,
        no_two_are_alike,
        only_canonical_text_is_a_uuid,
        NULL,
    };
    return unit_run(unit_suite("uuid", tests));
}
