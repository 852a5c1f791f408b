#include "totp.h"

#include "unit.h"

#include <sodium.h>
#include <string.h>

// RFC 6238, appendix B, SHA-1; the last six of its eight digits.
static const char secret[] = "3132333435363738393031323334353637383930";
static const struct {
    int64_t now;
    const char *code;
} vectors[] = {
    {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
    {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
};

START_TEST(codes_are_those_of_the_rfc)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        int64_t step = 0;
        ck_assert(totp_check(secret, vectors[i].code, vectors[i].now, &step));
        ck_assert_int_eq(step, vectors[i].now / 30);
    }
}
END_TEST

START_TEST(a_code_holds_one_step_earlier_and_later)
{
    static const struct {
        int steps;
        bool right;
    } cases[] = {{-2, false}, {-1, true}, {0, true}, {1, true}, {2, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t step = 0, now = 1234567890;
        bool right = totp_check(secret, "005924", now + 30 * cases[i].steps, &step);
        ck_assert_int_eq(right, cases[i].right);
        if (right) {
            ck_assert_int_eq(step, now / 30); // of the code, not of the clock
        }
    }
}
END_TEST

START_TEST(what_is_no_code_or_secret_is_refused)
{
    static const char *const codes[] = {"",        "28708",  "2870820", "28708a",
                                        " 287082", "-87082", "94287082"};
    int64_t step;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ck_assert(!totp_check(secret, codes[i], 59, &step));
    }
    ck_assert(!totp_check("", "287082", 59, &step));
    ck_assert(!totp_check("313233", "287082", 59, &step));
    ck_assert(!totp_check("zz32333435363738393031323334353637383930", "287082", 59, &step));
}
END_TEST

START_TEST(a_new_secret_is_shown_in_base32)
{
    struct totp_secret a, b;
    totp_make(&a);
    totp_make(&b);
    ck_assert_str_ne(a.hex, b.hex);
    ck_assert_uint_eq(strlen(a.hex), TOTP_HEX);
    ck_assert_uint_eq(strlen(a.text), TOTP_TEXT);
    ck_assert_uint_eq(strspn(a.text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), TOTP_TEXT);
    char *uri = totp_uri(&a, "a&b@example.org");
    ck_assert_ptr_nonnull(strstr(uri, "otpauth://totp/Croft:a%26b%40example.org?secret="));
    ck_assert_ptr_nonnull(strstr(uri, a.text));
    free(uri);
}
END_TEST

START_TEST(a_recovery_code_is_known_however_it_is_typed)
{
    struct recovery_code code, other;
    recovery_make(&code);
    recovery_make(&other);
    ck_assert_str_ne(code.text, other.text);
    ck_assert_uint_eq(strlen(code.text), RECOVERY_TEXT);
    char typed[64] = " ", hash[TOKEN_HASH + 1];
    size_t len = 1;
    for (const char *c = code.text; *c; c++) {
        if (*c != '-') {
            typed[len++] = *c >= 'A' ? (char)(*c | 0x20) : *c;
        }
    }
    typed[len] = '\0';
    recovery_hash(typed, hash);
    ck_assert_str_eq(hash, code.hash);
    recovery_hash(other.text, hash);
    ck_assert_str_ne(hash, code.hash);
    char endless[500];
    memset(endless, 'A', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    recovery_hash(endless, hash);
    ck_assert_str_ne(hash, code.hash);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {codes_are_those_of_the_rfc,
                                  a_code_holds_one_step_earlier_and_later,
                                  what_is_no_code_or_secret_is_refused,
                                  a_new_secret_is_shown_in_base32,
                                  a_recovery_code_is_known_however_it_is_typed,
                                  NULL};
    return unit_run(unit_suite("totp", tests));
}
