#include "access_token.h"

#include "macro.h"
#include "unit.h"

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <string.h>

#define SESSION "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11"
#define USER "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a12"
#define NOW 1800000000

static char dir[] = "/tmp/croft-access-XXXXXX";
static char path[64];

static void write_key(EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    EVP_PKEY_free(key);
}

static struct access_key *load_new(void)
{
    struct access_key *key;
    struct err err = {0};
    write_key(EVP_EC_gen("P-256"));
    ck_assert_msg(access_key_load(dir, &key, &err) == 0, "%s", err.text);
    return key;
}

static char *file_text(void)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

// A token of any claims, signed with our own key: what is refused is refused for the claim.
static char *sign_claims(const char *claims, jwt_alg_t alg, const char *header)
{
    jwt_t *jwt;
    ck_assert_int_eq(jwt_new(&jwt), 0);
    ck_assert_int_eq(jwt_add_grants_json(jwt, claims), 0);
    if (header) {
        ck_assert_int_eq(jwt_add_header(jwt, header, "x"), 0);
    }
    char *pem = file_text();
    ck_assert_int_eq(
        alg == JWT_ALG_NONE ? 0 : jwt_set_alg(jwt, alg, (unsigned char *)pem, (int)strlen(pem)), 0);
    char *text = jwt_encode_str(jwt);
    jwt_free(jwt);
    ck_assert_ptr_nonnull(text);
    return text;
}

static int check(const struct access_key *key, const char *text, int64_t now)
{
    struct access_claims claims;
    struct err err = {0};
    return access_token_check(key, text, now, &claims, &err);
}

START_TEST(test_makes_what_it_takes)
{
    struct access_key *key = load_new();
    struct access_claims claims = {SESSION, USER, NOW, NOW + 900}, got;
    char *text;
    struct err err = {0};
    ck_assert_int_eq(access_token_make(key, &claims, &text, &err), 0);
    ck_assert_int_eq(access_token_check(key, text, NOW, &got, &err), 0);
    ck_assert_str_eq(got.session, SESSION);
    ck_assert_str_eq(got.user, USER);
    ck_assert_int_eq(check(key, text, NOW + 899), 0);
    ck_assert_int_eq(check(key, text, NOW + 900), ERR_UNAUTHENTICATED);
    ck_assert_int_eq(check(key, text, NOW - 60), ERR_UNAUTHENTICATED);
    free(text);
    access_key_destroy(key);
}
END_TEST

START_TEST(test_keyed_hashes_are_of_the_key_and_the_text)
{
    struct access_key *key = load_new();
    struct access_key *other = load_new();
    char a[ACCESS_MAC + 1], b[ACCESS_MAC + 1];
    access_key_mac(key, "text", 4, a);
    access_key_mac(key, "text", 4, b);
    ck_assert_uint_eq(strlen(a), ACCESS_MAC);
    ck_assert_str_eq(a, b);
    access_key_mac(key, "texu", 4, b);
    ck_assert_str_ne(a, b);
    access_key_mac(other, "text", 4, b);
    ck_assert_str_ne(a, b);
    access_key_destroy(key);
    access_key_destroy(other);
}
END_TEST

#define CLAIMS(iss, aud, sid, sub, iat, nbf, exp)                                                  \
    "{\"iss\":" iss ",\"aud\":" aud ",\"sid\":" sid ",\"sub\":" sub ",\"iat\":" iat                \
    ",\"nbf\":" nbf ",\"exp\":" exp "}"
#define ISS "\"croft\""
#define AUD "\"croft-api\""
#define SID "\"" SESSION "\""
#define SUB "\"" USER "\""
#define IAT "1800000000"
#define EXP "1800000900"

START_TEST(test_checks_every_claim)
{
    struct access_key *key = load_new();
    static const char *const wrong[] = {
        CLAIMS("\"other\"", AUD, SID, SUB, IAT, IAT, EXP),
        CLAIMS("1", AUD, SID, SUB, IAT, IAT, EXP),
        CLAIMS(ISS, "\"croft\"", SID, SUB, IAT, IAT, EXP),
        CLAIMS(ISS, "[\"croft-api\"]", SID, SUB, IAT, IAT, EXP),
        CLAIMS(ISS, AUD, "\"x\"", SUB, IAT, IAT, EXP),
        CLAIMS(ISS, AUD, "null", SUB, IAT, IAT, EXP),
        CLAIMS(ISS, AUD, SID, "\"\"", IAT, IAT, EXP),
        CLAIMS(ISS, AUD, SID, SUB, "\"1800000000\"", IAT, EXP),
        CLAIMS(ISS, AUD, SID, SUB, "1900000000", IAT, EXP),
        CLAIMS(ISS, AUD, SID, SUB, IAT, "1900000000", EXP),
        CLAIMS(ISS, AUD, SID, SUB, IAT, "true", EXP),
        CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, "1799999999"),
        CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, "\"never\""),
        CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, "1e99"),
        "{\"iss\":\"croft\",\"aud\":\"croft-api\",\"sid\":" SID ",\"sub\":" SUB ",\"iat\":" IAT
        ",\"nbf\":" IAT "}",
        "{\"iss\":\"croft\",\"aud\":\"croft-api\",\"sid\":" SID ",\"sub\":" SUB ",\"iat\":" IAT
        ",\"nbf\":" IAT ",\"exp\":" EXP ",\"role\":\"operator\"}",
    };
    char *right = sign_claims(CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, EXP), JWT_ALG_ES256, NULL);
    ck_assert_int_eq(check(key, right, NOW), 0);
    free(right);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char *text = sign_claims(wrong[i], JWT_ALG_ES256, NULL);
        ck_assert_msg(check(key, text, NOW) == ERR_UNAUTHENTICATED, "%s", wrong[i]);
        free(text);
    }
    access_key_destroy(key);
}
END_TEST

START_TEST(test_checks_the_header)
{
    struct access_key *key = load_new();
    static const char claims[] = CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, EXP);
    static const char *const headers[] = {"crit", "kid", "jku", "x5u"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char *text = sign_claims(claims, JWT_ALG_ES256, headers[i]);
        ck_assert_msg(check(key, text, NOW) == ERR_UNAUTHENTICATED, "%s", headers[i]);
        free(text);
    }
    // The text of our key as an HMAC secret, and no signature at all.
    static const jwt_alg_t algs[] = {JWT_ALG_HS256, JWT_ALG_HS512, JWT_ALG_NONE};
    for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
        char *text = sign_claims(claims, algs[i], NULL);
        ck_assert_int_eq(check(key, text, NOW), ERR_UNAUTHENTICATED);
        free(text);
    }
    access_key_destroy(key);
}
END_TEST

START_TEST(test_refuses_what_is_cut_or_changed)
{
    struct access_key *key = load_new();
    char *text = sign_claims(CLAIMS(ISS, AUD, SID, SUB, IAT, IAT, EXP), JWT_ALG_ES256, NULL);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char *copy = strndup(text, i);
        ck_assert_int_eq(check(key, copy, NOW), ERR_UNAUTHENTICATED);
        free(copy);
    }
    for (size_t i = 0; i < len - 1; i += 7) {
        char *copy = strdup(text);
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        ck_assert_msg(check(key, copy, NOW) == ERR_UNAUTHENTICATED, "changed at %zu", i);
        free(copy);
    }
    // The same token in another spelling: padded, split, with bits left over at its end.
    static const char *const tails[] = {"=", "==", "\n", " ", "%", "."};
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        char copy[4096];
        snprintf(copy, sizeof(copy), "%s%s", text, tails[i]);
        ck_assert_msg(check(key, copy, NOW) == ERR_UNAUTHENTICATED, "%s", tails[i]);
    }
    // The last character holds two bits of the signature and four that are 0: its successor sets one.
    text[len - 1]++;
    ck_assert_int_eq(check(key, text, NOW), ERR_UNAUTHENTICATED);
    text[len - 1]--;
    ck_assert_int_eq(check(key, text, NOW), 0);
    struct access_key *other = load_new();
    ck_assert_int_eq(check(other, text, NOW), ERR_UNAUTHENTICATED);
    free(text);
    access_key_destroy(other);
    access_key_destroy(key);
}
END_TEST

START_TEST(test_refuses_other_keys)
{
    struct access_key *key;
    struct err err = {0};
    write_key(EVP_EC_gen("P-384"));
    ck_assert_int_eq(access_key_load(dir, &key, &err), ERR_INVALID);
    write_key(EVP_RSA_gen(2048));
    ck_assert_int_eq(access_key_load(dir, &key, &err), ERR_INVALID);
    fclose(fopen(path, "w"));
    ck_assert_int_eq(access_key_load(dir, &key, &err), ERR_INVALID);
    unlink(path);
    ck_assert_int_eq(access_key_load(dir, &key, &err), ERR_NOT_FOUND);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0 || !mkdtemp(dir)) {
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/jwt.key", dir);
    const TTest *const tests[] = {test_makes_what_it_takes,
                                  test_keyed_hashes_are_of_the_key_and_the_text,
                                  test_checks_every_claim,
                                  test_checks_the_header,
                                  test_refuses_what_is_cut_or_changed,
                                  test_refuses_other_keys,
                                  NULL};
    int status = unit_run(unit_suite("access_token", tests));
    unlink(path);
    rmdir(dir);
    return status;
}
