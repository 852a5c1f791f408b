#include "secret_box.h"

#include "file.h"
#include "unit.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE "one 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define TWO "two ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static char path[] = "/tmp/croft-secret-box-XXXXXX"; // there, and empty

static int load(const char *text, struct secret_box **ret_box, struct err *err)
{
    struct err write_err = {0};
    ck_assert_int_eq(file_write_atomic(path, text, strlen(text), 0600, &write_err), 0);
    return secret_box_load(path, ret_box, err);
}

static struct secret_box *box_of(const char *text)
{
    struct secret_box *box = NULL;
    struct err err = {0};
    ck_assert_msg(load(text, &box, &err) == 0, "%s", err.text);
    return box;
}

static void opens(const struct secret_box *box, const char *purpose, const char *sealed,
                  const char *want, enum err_code code)
{
    char *text = NULL;
    struct err err = {0};
    int r = secret_open(box, purpose, sealed, &text, &err);
    ck_assert_msg(want ? r == 0 : r < 0, "%s: %s", sealed, err.text);
    if (want) {
        ck_assert_str_eq(text, want);
    } else {
        ck_assert_int_eq(err.code, code);
        ck_assert_ptr_null(text);
    }
    free(text);
}

START_TEST(what_is_sealed_opens_for_its_purpose_alone)
{
    struct secret_box *box = box_of(ONE);
    char *sealed = secret_seal(box, "totp a", "whsec_hidden");
    char *again = secret_seal(box, "totp a", "whsec_hidden");
    ck_assert_ptr_null(strstr(sealed, "hidden"));
    ck_assert_str_ne(sealed, again);
    ck_assert_int_eq(strncmp(sealed, "v1.one.", 7), 0);
    opens(box, "totp a", sealed, "whsec_hidden", ERR_OK);
    opens(box, "totp b", sealed, NULL, ERR_INVALID);
    opens(box, "webhook", sealed, NULL, ERR_INVALID);
    free(sealed);
    free(again);
    secret_box_destroy(box);
}
END_TEST

START_TEST(what_was_changed_does_not_open)
{
    struct secret_box *box = box_of(ONE);
    char *sealed = secret_seal(box, "p", "text");
    for (size_t i = strlen("v1.one."); i < strlen(sealed); i++) {
        char *changed = strdup(sealed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        opens(box, "p", changed, NULL, ERR_INVALID);
        free(changed);
    }
    static const char *const none[] = {
        "",     "v1",          "v1.",       "v1.one",          "v1.one.", "v1.one.AAAA",
        "text", "v2.one.AAAA", "v1.one.!!", "v1.one.AAAA.AAAA"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        opens(box, "p", none[i], NULL, ERR_INVALID);
    }
    opens(box, "p", "v1.other.AAAA", NULL, ERR_NOT_FOUND);
    free(sealed);
    secret_box_destroy(box);
}
END_TEST

START_TEST(a_key_is_replaced_by_one_put_before_it)
{
    struct secret_box *old = box_of(ONE), *both = box_of("# new\n" TWO "\n" ONE),
                      *new = box_of(TWO);
    char *before = secret_seal(old, "p", "text"), *after = secret_seal(both, "p", "text");
    opens(both, "p", before, "text", ERR_OK);
    opens(both, "p", after, "text", ERR_OK);
    ck_assert_int_eq(strncmp(after, "v1.two.", 7), 0);
    opens(new, "p", before, NULL, ERR_NOT_FOUND);
    opens(new, "p", after, "text", ERR_OK);
    free(before);
    free(after);
    secret_box_destroy(old);
    secret_box_destroy(both);
    secret_box_destroy(new);
}
END_TEST

START_TEST(a_file_with_something_wrong_is_refused)
{
    static const char *const wrong[] = {"",
                                        "# none\n",
                                        "one\n",
                                        "one 00\n",
                                        "One "
                                        "000102\n",
                                        ONE ONE,
                                        " " ONE,
                                        ONE "x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct secret_box *box = NULL;
        struct err err = {0};
        ck_assert_msg(load(wrong[i], &box, &err) < 0, "%s", wrong[i]);
        ck_assert_int_eq(err.code, ERR_INVALID);
        ck_assert_ptr_null(strstr(err.text, "0001"));
    }
    struct secret_box *box = NULL;
    struct err err = {0};
    unlink(path);
    ck_assert_int_lt(secret_box_load(path, &box, &err), 0);
    ck_assert_int_eq(err.code, ERR_NOT_FOUND);
}
END_TEST

START_TEST(init_makes_a_key_once)
{
    struct err err = {0};
    unlink(path);
    ck_assert_int_eq(secret_box_init(path, &err), 0);
    struct stat made;
    ck_assert_int_eq(stat(path, &made), 0);
    ck_assert_int_eq(made.st_mode & 0777, 0600);
    struct secret_box *box = NULL;
    ck_assert_int_eq(secret_box_load(path, &box, &err), 0);
    char *sealed = secret_seal(box, "p", "");
    ck_assert_int_eq(secret_box_init(path, &err), 0);
    secret_box_destroy(box);
    ck_assert_int_eq(secret_box_load(path, &box, &err), 0);
    opens(box, "p", sealed, "", ERR_OK);
    free(sealed);
    secret_box_destroy(box);
}
END_TEST

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0 || sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    close(fd);
    const TTest *const tests[] = {what_is_sealed_opens_for_its_purpose_alone,
                                  what_was_changed_does_not_open,
                                  a_key_is_replaced_by_one_put_before_it,
                                  a_file_with_something_wrong_is_refused,
                                  init_makes_a_key_once,
                                  NULL};
    int status = unit_run(unit_suite("secret_box", tests));
    unlink(path);
    return status;
}
