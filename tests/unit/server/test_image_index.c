// An index of images is believed only whole, in time, and by a key that was named.
#include "file.h"
#include "image_index.h"
#include "unit.h"
#include "unit_pki.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define SHA "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ITEM(name, arch, size, sha, url)                                                           \
    "{\"name\":\"" name "\",\"title\":\"T\",\"os\":\"debian\",\"arch\":\"" arch                    \
    "\",\"version\":\"20260101\",\"size\":" size ",\"sha256\":\"" sha "\",\"url\":\"" url "\"}"
#define BODY(serial, issued, expires, images)                                                      \
    "{\"serial\":" serial ",\"issued\":\"" issued "\",\"expires\":\"" expires                      \
    "\",\"images\":[" images "]}"
#define GOOD                                                                                       \
    BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",                                      \
         ITEM("debian-12", "amd64", "9", SHA, SHA) "," ITEM("debian-12", "arm64", "9", SHA,        \
                                                            "https://images.example.org/a"))

enum { NOW = 1768000000 }; // 2026-01-09

static char dir[64];
static char key[65];
static const char *key_items[] = {
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", key};
static const struct field_strings keys = {key_items, 2};

static void setup(void)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    char hex[2 * sizeof(secret) + 1];
    char path[96];
    struct err err = {0};
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public_key, secret);
    sodium_bin2hex(key, sizeof(key), public_key, sizeof(public_key));
    sodium_bin2hex(hex, sizeof(hex), secret, sizeof(secret));
    snprintf(dir, sizeof(dir), "/tmp/croft-index-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/image.key", dir);
    ck_assert_int_eq(file_write_atomic(path, hex, strlen(hex), 0600, &err), 0);
}

static void teardown(void)
{
    unit_pki_shell("rm -rf \"$0\"", dir);
}

static char *sign(const char *body)
{
    char *text = NULL;
    struct err err = {0};
    ck_assert_msg(image_index_sign(dir, body, &text, &err) == 0, "%s", err.text);
    return text;
}

static int verify(const char *text, size_t len, const struct field_strings *by, struct err *err)
{
    const char *body = NULL;
    const char *who = NULL;
    int r = image_index_verify(text, len, by, &body, &who, err);
    if (r == 0) {
        ck_assert_str_eq(who, key);
        ck_assert(body > text);
    }
    return r;
}

START_TEST(what_was_signed_is_read)
{
    char *text = sign(GOOD);
    const char *body;
    const char *who;
    struct image_index index;
    struct err err = {0};
    ck_assert_msg(image_index_verify(text, strlen(text), &keys, &body, &who, &err) == 0, "%s",
                  err.text);
    ck_assert_str_eq(body, GOOD);
    ck_assert_msg(image_index_parse(body, strlen(body), NOW, &index, &err) == 0, "%s", err.text);
    ck_assert_int_eq(index.serial, 7);
    ck_assert_uint_eq(index.count, 2);
    ck_assert_str_eq(image_index_find(&index, "debian-12", "amd64")->url, SHA);
    ck_assert_str_eq(image_index_find(&index, "debian-12", "arm64")->url,
                     "https://images.example.org/a");
    ck_assert_ptr_null(image_index_find(&index, "debian-12", "riscv64"));
    image_index_finish(&index);
    free(text);
}
END_TEST

START_TEST(no_byte_may_change)
{
    char *text = sign(GOOD);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        struct err err = {0};
        text[i] ^= 1;
        ck_assert_int_lt(verify(text, len, &keys, &err), 0);
        text[i] ^= 1;
        err = (struct err){0};
        ck_assert_int_lt(verify(text, i, &keys, &err), 0); // cut
        ck_assert_int_ne(err.text[0], 0);
    }
    struct err err = {0};
    ck_assert_int_eq(verify(text, len, &keys, &err), 0);
    char *longer = NULL;
    ck_assert_int_gt(asprintf(&longer, "%s ", text), 0);
    ck_assert_int_eq(verify(longer, len + 1, &keys, &err), ERR_FORBIDDEN);
    free(longer);
    free(text);
}
END_TEST

START_TEST(another_key_does_not_do)
{
    char *text = sign(GOOD);
    struct err err = {0};
    const struct field_strings others = {key_items, 1};
    ck_assert_int_eq(verify(text, strlen(text), &others, &err), ERR_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(err.text, "none of the keys"));
    const struct field_strings none = {NULL, 0};
    ck_assert_int_eq(verify(text, strlen(text), &none, &err), ERR_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(err.text, "names no key"));
    free(text);
}
END_TEST

START_TEST(a_huge_one_is_not_looked_into)
{
    char *text = calloc(1, IMAGE_INDEX_BYTES_MAX + 1);
    struct err err = {0};
    ck_assert_int_eq(verify(text, IMAGE_INDEX_BYTES_MAX + 1, &keys, &err), ERR_TOO_LARGE);
    free(text);
}
END_TEST

static const struct {
    const char *body;
    const char *why;
} refused[] = {
    {BODY("7", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", ""), "expired at 2026-01-01"},
    {BODY("7", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", ""), "of the future"},
    {BODY("7", "yesterday, at noon..", "2026-04-01T00:00:00Z", ""), "issued is no time"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00+", ""), "expires is no time"},
    {BODY("0", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", ""), "1"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
          ITEM("a", "amd64", "9", SHA, "../shadow")),
     "url is neither"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
          ITEM("a", "amd64", "9", SHA, "/etc/shadow")),
     "url is neither"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
          ITEM("a", "amd64", "9", SHA, "file:///etc/shadow")),
     "url is neither"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", ITEM("a", "amd64", "0", SHA, SHA)),
     "image 0"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
          ITEM("a", "amd64", "9", "../" SHA, SHA)),
     "image 0"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z",
          ITEM("a", "amd64", "9", SHA, SHA) "," ITEM("a", "amd64", "8", SHA, SHA)),
     "there twice"},
    {BODY("7", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "1"), "image 0"},
    {"{\"serial\":7,\"serial\":8}", "duplicate"},
    {"[]", ""},
    {"", ""},
};

START_TEST(what_it_says_is_checked)
{
    struct image_index index;
    struct err err = {0};
    int r = image_index_parse(refused[_i].body, strlen(refused[_i].body), NOW, &index, &err);
    ck_assert_msg(r < 0, "%s", refused[_i].body);
    ck_assert_msg(strstr(err.text, refused[_i].why) != NULL, "%s: %s", refused[_i].body, err.text);
}
END_TEST

START_TEST(a_long_list_is_refused)
{
    char *body = malloc(1 << 20);
    size_t len = (size_t)sprintf(body, "{\"serial\":7,\"issued\":\"2026-01-01T00:00:00Z\","
                                       "\"expires\":\"2026-02-01T00:00:00Z\",\"images\":[0");
    for (int i = 0; i < IMAGE_INDEX_IMAGES_MAX; i++) {
        len += (size_t)sprintf(body + len, ",0");
    }
    len += (size_t)sprintf(body + len, "]}");
    struct image_index index;
    struct err err = {0};
    ck_assert_int_lt(image_index_parse(body, len, NOW, &index, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "at most"));
    free(body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_index");
    TCase *cases = tcase_create("image_index");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, what_was_signed_is_read);
    tcase_add_test(cases, no_byte_may_change);
    tcase_add_test(cases, another_key_does_not_do);
    tcase_add_test(cases, a_huge_one_is_not_looked_into);
    tcase_add_loop_test(cases, what_it_says_is_checked, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(cases, a_long_list_is_refused);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
