#include "token.h"

#include "unit.h"

#include <sodium.h>
#include <string.h>

START_TEST(test_makes_tokens_that_differ)
{
    struct token a, b;
    token_make("croft_", &a);
    token_make("croft_", &b);
    ck_assert_str_ne(a.text, b.text);
    ck_assert_uint_eq(strlen(a.text), 6 + TOKEN_SECRET);
    ck_assert_int_eq(strncmp(a.text, a.shown, strlen(a.shown)), 0);
    ck_assert_uint_eq(strlen(a.shown), 6 + TOKEN_SHOWN);
    char hash[TOKEN_HASH + 1];
    token_hash(a.text, strlen(a.text), hash);
    ck_assert_str_eq(hash, a.hash);
    token_wipe(&a);
    ck_assert_str_eq(a.text, "");
}
END_TEST

START_TEST(test_hashes_as_sha256)
{
    char hash[TOKEN_HASH + 1];
    token_hash("abc", 3, hash); // FIPS 180-2, B.1
    ck_assert_str_eq(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {test_makes_tokens_that_differ, test_hashes_as_sha256, NULL};
    return unit_run(unit_suite("token", tests));
}
