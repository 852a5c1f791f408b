#include "webhook_target.h"

#include "unit.h"

#include <sodium.h>
#include <string.h>

static const struct target_rules strict = {0};

static bool parses(const char *url, const struct target_rules *rules)
{
    struct target target;
    struct err err = {0};
    int r = target_parse(url, rules, &target, &err);
    ck_assert(r == 0 || (err.code == ERR_INVALID && strcmp(err.pointer, "/url") == 0));
    return r == 0;
}

// The vector of the Standard Webhooks specification's own libraries.
START_TEST(a_message_is_signed_as_the_specification_says)
{
    char signature[SIGNATURE_MAX];
    struct err err = {0};
    ck_assert_int_eq(webhook_sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                  "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                  "{\"test\": 2432232314}", signature, &err),
                     0);
    ck_assert_str_eq(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
END_TEST

START_TEST(a_secret_is_new_each_time_and_signs)
{
    char one[80], two[80], signature[SIGNATURE_MAX];
    struct err err = {0};
    webhook_make_secret(one, sizeof(one));
    webhook_make_secret(two, sizeof(two));
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(webhook_sign(one, "id", "1", "{}", signature, &err), 0);
    ck_assert_int_eq(webhook_sign("whsec_!", "id", "1", "{}", signature, &err), ERR_INVALID);
    ck_assert_int_eq(webhook_sign("other", "id", "1", "{}", signature, &err), ERR_INVALID);
}
END_TEST

START_TEST(a_target_is_https_and_public)
{
    static const char *const good[] = {"https://example.org", "https://example.org:8443/a?b=c",
                                       "https://8.8.8.8/", "https://[2600::1]/x",
                                       "https://xn--bcher-kva.example/"};
    static const char *const bad[] = {
        "",
        "example.org",
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https://",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://example.org/#x",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/\r\nHost: inside",
        "https://example.org\\@inside/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::7f00:1]/",
        "https://ex\xc3\xa4mple.org/",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(parses(good[i], &strict), "%s is refused", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!parses(bad[i], &strict), "%s is taken", bad[i]);
    }
}
END_TEST

START_TEST(tests_may_loosen_it)
{
    struct target_rules loose = {.allow_http = true, .allow_private = true};
    ck_assert(parses("http://127.0.0.1:8080/x", &loose));
    ck_assert(parses("https://[::1]:1/", &loose));
    ck_assert(!parses("ftp://127.0.0.1/", &loose));
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const TTest *const tests[] = {a_message_is_signed_as_the_specification_says,
                                  a_secret_is_new_each_time_and_signs, a_target_is_https_and_public,
                                  tests_may_loosen_it, NULL};
    return unit_run(unit_suite("webhook_target", tests));
}
