#include "mail_text.h"

#include "json.h"
#include "macro.h"
#include "unit.h"

#include <sodium.h>
#include <string.h>

static struct mail mail_of(const char *kind, const json_t *args)
{
    return (struct mail){
        .id = "01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11",
        .kind = kind,
        .to = "grace@example.org",
        .args = args,
        .created_at = 1700000000,
        .from = "croft@example.net",
        .url = "https://panel.example.net",
        .token = "0123abcd",
    };
}

// The text of base64 lines, or of encoded words.
static char *decoded(const char *encoded, size_t len)
{
    char *text = calloc(1, len + 1);
    size_t size = 0;
    ck_assert_int_eq(sodium_base642bin((unsigned char *)text, len, encoded, len, "\r\n ", &size,
                                       NULL, sodium_base64_VARIANT_ORIGINAL),
                     0);
    return text;
}

static char *body_of(const char *message)
{
    const char *end = strstr(message, "\r\n\r\n");
    ck_assert_ptr_nonnull(end);
    return decoded(end + 4, strlen(end + 4));
}

START_TEST(a_mail_has_its_link_and_words)
{
    _cleanup_json_ json_t *args = json_pack("{s:s, s:s, s:s}", "tenant", "Hopper", "role", "member",
                                            "expires_at", "2030-01-01T00:00:00Z");
    struct mail mail = mail_of("invitation", args);
    struct err err = {0};
    _cleanup_free_ char *message = NULL;
    ck_assert_int_eq(mail_write(&mail, &message, &err), 0);
    ck_assert_ptr_nonnull(strstr(message, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
    ck_assert_ptr_nonnull(strstr(message, "To: <grace@example.org>\r\n"));
    ck_assert_ptr_nonnull(strstr(message, "Message-ID: <01980d5e-7c00-7a3b-9c41-0d9f2b6e5a11@"));
    _cleanup_free_ char *text = body_of(message);
    ck_assert_ptr_nonnull(strstr(text, "invited to Hopper as member."));
    ck_assert_ptr_nonnull(strstr(text, "\nhttps://panel.example.net/invitations#0123abcd\n"));
}
END_TEST

// A tenant's name, say, is anything: no header, no second body, no other recipient comes of it.
START_TEST(an_argument_becomes_no_header)
{
    static const char evil[] = "X\r\nBcc: all@example.org\r\n\r\n.\r\nMAIL FROM:<a@b> {link} ü";
    _cleanup_json_ json_t *args = json_pack("{s:s}", "tenant", evil);
    struct mail mail = mail_of("invitation", args);
    struct err err = {0};
    _cleanup_free_ char *message = NULL;
    ck_assert_int_eq(mail_write(&mail, &message, &err), 0);
    ck_assert_ptr_null(strstr(message, "Bcc"));
    ck_assert_ptr_null(strstr(message, "MAIL FROM"));
    int heads = 0;
    const char *end = strstr(message, "\r\n\r\n");
    for (const char *at = message; at < end; at = strstr(at, "\r\n") + 2) {
        heads += *at != ' '; // the subject is folded
    }
    ck_assert_int_eq(heads, 9); // the eight of every mail and the subject
    _cleanup_free_ char *text = body_of(message);
    ck_assert_ptr_nonnull(strstr(text, evil)); // in the body, as it is, filled in once
}
END_TEST

START_TEST(a_long_subject_is_cut_between_characters)
{
    char name[301] = "";
    for (int i = 0; i < 150; i++) {
        strcat(name, "ü");
    }
    _cleanup_json_ json_t *args = json_pack("{s:s}", "tenant", name);
    struct mail mail = mail_of("invitation", args);
    struct err err = {0};
    _cleanup_free_ char *message = NULL;
    ck_assert_int_eq(mail_write(&mail, &message, &err), 0);
    const char *at = strstr(message, "\r\nSubject:");
    const char *end = strstr(message, "\r\n\r\n");
    int words = 0;
    for (; (at = strstr(at, " =?utf-8?B?")) && at < end; words++) {
        at += strlen(" =?utf-8?B?");
        const char *stop = strstr(at, "?=");
        ck_assert_int_le(stop - at, 75);
        _cleanup_free_ char *word = decoded(at, (size_t)(stop - at));
        _cleanup_json_ json_t *utf8 = json_string(word);
        ck_assert_ptr_nonnull(utf8); // whole characters
    }
    ck_assert_int_gt(words, 6);
}
END_TEST

START_TEST(addresses_that_could_smuggle_are_refused)
{
    static const char *const bad[] = {
        "",          "a",       "@b",      "a@",      "a@b>",  "a@b\r\nRCPT TO:<c@d>",
        "a b@c",     "\"a\"@b", "a@b c",   "a@b@c",   "-a@b",  "a@-b",
        "a@b\nBcc:", "<a@b>",   "a@[::1]", "ü@b.org", "a,b@c", "a@b;c"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mail mail = mail_of("password_changed", NULL);
        mail.to = bad[i];
        struct err err = {0};
        char *message = NULL;
        ck_assert(!mail_address_ok(bad[i]));
        ck_assert_int_eq(mail_write(&mail, &message, &err), ERR_INVALID);
        ck_assert_ptr_null(message);
    }
    ck_assert(mail_address_ok("grace.hopper+vps@mail.example.org"));
}
END_TEST

START_TEST(what_cannot_be_written_is_an_error)
{
    struct err err = {0};
    char *message = NULL;
    struct mail mail = mail_of("no_such_kind", NULL);
    ck_assert_int_eq(mail_write(&mail, &message, &err), ERR_INVALID);
    mail = mail_of("password_reset", NULL);
    mail.token = NULL;
    ck_assert_int_eq(mail_write(&mail, &message, &err), ERR_INVALID);
    ck_assert_ptr_null(message);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    const TTest *const tests[] = {a_mail_has_its_link_and_words,
                                  an_argument_becomes_no_header,
                                  a_long_subject_is_cut_between_characters,
                                  addresses_that_could_smuggle_are_refused,
                                  what_cannot_be_written_is_an_error,
                                  NULL};
    return unit_run(unit_suite("mail_text", tests));
}
