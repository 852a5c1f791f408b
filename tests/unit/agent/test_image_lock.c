// No password of a machine gets into an image of it.
#include "image_lock.h"
#include "unit.h"

#include <string.h>

static const struct {
    const char *text;
    enum image_lock_empty empty;
    const char *want;
} cases[] = {
    {"root:$6$salt$hash:19000:0:99999:7:::\n", IMAGE_LOCK_EMPTY, "root:*:19000:0:99999:7:::\n"},
    {"a:!$y$j9T$x$y:1::::::\nb:!:1\nc:!*:\n", IMAGE_LOCK_EMPTY, "a:!:1::::::\nb:!:1\nc:!:\n"},
    {"a:*:1\nb::1\nc:xx:1\n", IMAGE_LOCK_EMPTY, "a:*:1\nb:*:1\nc:*:1\n"},
    {"root:x:0:0:root:/root:/bin/sh\nold:ab01hash:1:1::/:\nopen::2:2::/:", IMAGE_LOCK_EMPTY,
     "root:x:0:0:root:/root:/bin/sh\nold:*:1:1::/:\nopen:*:2:2::/:"},
    {"wheel:::root\nstaff:$6$x:root:\nx:x:1:\ny:!:1:", IMAGE_KEEP_EMPTY,
     "wheel:::root\nstaff:*:root:\nx:x:1:\ny:!:1:"},
    {"no colon\n\n#x\nlast:secret", IMAGE_LOCK_EMPTY, "no colon\n\n#x\nlast:*"},
    {"last:", IMAGE_LOCK_EMPTY, "last:*"},
    {"", IMAGE_LOCK_EMPTY, ""},
};

START_TEST(no_password_is_left)
{
    size_t len;
    char *text = image_lock(cases[_i].text, strlen(cases[_i].text), cases[_i].empty, &len);
    ck_assert_uint_eq(len, strlen(cases[_i].want));
    ck_assert_mem_eq(text, cases[_i].want, len);
    free(text);
}
END_TEST

START_TEST(nul_is_a_byte_like_others)
{
    size_t len;
    char *text = image_lock("a\0b:sec\0ret:1\n", 14, IMAGE_LOCK_EMPTY, &len);
    ck_assert_uint_eq(len, 8);
    ck_assert_mem_eq(text, "a\0b:*:1\n", len);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_lock");
    TCase *tests = tcase_create("image_lock");
    tcase_add_loop_test(tests, no_password_is_left, 0, sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tests, nul_is_a_byte_like_others);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
