#include "breach.h"

#include "unit.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PASSWORDS = 300 };

static int list; // nothing to be removed after a failure
static char path[32];

static void begin_list(void)
{
    list = memfd_create("breach", MFD_CLOEXEC);
    ck_assert_int_ge(list, 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", list);
}

static void write_list(const char *text)
{
    ck_assert_int_eq(ftruncate(list, 0), 0);
    ck_assert_int_eq(pwrite(list, text, strlen(text), 0), (int)strlen(text));
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

// The even numbers are in the list, the odd ones are not. Lines are of different lengths.
static void write_numbers(const char *line_end, bool last_end)
{
    static char lines[PASSWORDS][64];
    for (int i = 0; i < PASSWORDS; i++) {
        char password[16], hex[41];
        unsigned char digest[SHA_DIGEST_LENGTH];
        snprintf(password, sizeof(password), "%d", 2 * i);
        SHA1((const unsigned char *)password, strlen(password), digest);
        sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
        for (char *c = hex; *c; c++) {
            *c = *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
        }
        snprintf(lines[i], sizeof(lines[i]), "%s:%d", hex, i * i * i);
    }
    qsort(lines, PASSWORDS, sizeof(lines[0]), compare);
    char text[PASSWORDS * 66 + 1];
    size_t len = 0;
    for (int i = 0; i < PASSWORDS; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", lines[i],
                                i < PASSWORDS - 1 || last_end ? line_end : "");
    }
    write_list(text);
}

static void check_numbers(void)
{
    for (int i = 0; i < 2 * PASSWORDS; i++) {
        char password[16];
        bool found = i % 2 != 0;
        struct err err = {0};
        snprintf(password, sizeof(password), "%d", i);
        ck_assert_int_eq(breach_find(path, password, &found, &err), 0);
        ck_assert_int_eq(found, i % 2 == 0);
    }
}

START_TEST(each_line_is_found_and_nothing_else)
{
    begin_list();
    write_numbers("\n", true);
    check_numbers();
    write_numbers("\r\n", true);
    check_numbers();
    write_numbers("\n", false);
    check_numbers();
}
END_TEST

START_TEST(an_empty_list_has_nothing_in_it)
{
    begin_list();
    bool found = true;
    struct err err = {0};
    ck_assert_int_eq(breach_find(path, "password", &found, &err), 0);
    ck_assert(!found);
}
END_TEST

START_TEST(a_list_that_is_none_is_an_error)
{
    static const char *const lists[] = {"\n", "password\n",
                                        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FDX:1\n",
                                        "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD"};
    begin_list();
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        bool found;
        struct err err = {0};
        write_list(lists[i]);
        ck_assert_int_eq(breach_find(path, "password", &found, &err), ERR_INVALID);
    }
    char endless[1001];
    memset(endless, 'A', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    bool found;
    struct err err = {0};
    write_list(endless);
    ck_assert_int_eq(breach_find(path, "password", &found, &err), ERR_INVALID);
    err = (struct err){0};
    ck_assert_int_lt(breach_find("/proc/self/no-such-list", "password", &found, &err), 0);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {each_line_is_found_and_nothing_else,
                                  an_empty_list_has_nothing_in_it, a_list_that_is_none_is_an_error,
                                  NULL};
    return unit_run(unit_suite("breach", tests));
}
