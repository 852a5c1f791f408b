#include "invoice_doc.h"

#include "json.h"
#include "macro.h"
#include "unit.h"

#include <string.h>

static json_t *invoice_of(const char *name, const char *description, int lines)
{
    json_t *list = json_array();
    for (int i = 0; i < lines; i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "description", description,
                            "from", "2026-10-01T00:00:00Z", "to", "2026-11-01T00:00:00Z",
                            "quantity", "744.000000", "unit", "hour", "unit_price", "0.01",
                            "tax_rate", "19", "amount", "7.44"));
    }
    json_t *invoice = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:{s:s}}", "number", "7",
        "kind", "invoice", "state", "final", "month", "2026-10", "issued_at",
        "2026-11-01T00:05:00Z", "currency", "EUR", "net", "7.44", "total", "8.85", "open", "8.85",
        "lines", list, "seller", "company", "Lab", "footer", "Thanks", "buyer", "name", name);
    ck_assert_ptr_nonnull(invoice);
    return invoice;
}

// How many pages it says that it has.
static int pages_of(const json_t *invoice)
{
    _cleanup_free_ char *bytes = NULL;
    size_t len = 0;
    struct err err = {0};
    ck_assert_int_eq(invoice_pdf(invoice, &bytes, &len, &err), 0);
    ck_assert_int_eq(memcmp(bytes, "%PDF-", 5), 0);
    ck_assert_ptr_nonnull(memmem(bytes + len - 8, 8, "%%EOF", 5));
    const char *count = memmem(bytes, len, "/Count ", 7);
    ck_assert_ptr_nonnull(count);
    return atoi(count + 7);
}

START_TEST(a_page_says_what_the_row_says)
{
    _cleanup_json_ json_t *invoice = invoice_of("Ada", "web, Small", 1);
    _cleanup_free_ char *html = invoice_html(invoice);
    ck_assert_ptr_nonnull(strstr(html, "<h1>Invoice 7</h1>"));
    ck_assert_ptr_nonnull(strstr(html, "web, Small<br><small>2026-10-01 \xe2\x80\x93 2026-11-01"));
    ck_assert_ptr_nonnull(strstr(html, "8.85 EUR"));
    ck_assert_int_eq(pages_of(invoice), 1);
}
END_TEST

START_TEST(text_is_never_markup)
{
    _cleanup_json_ json_t *invoice =
        invoice_of("<script>alert(\"1\")</script>&'", "</td><img src=x>", 1);
    _cleanup_free_ char *html = invoice_html(invoice);
    ck_assert_ptr_null(strstr(html, "<script"));
    ck_assert_ptr_null(strstr(html, "<img"));
    ck_assert_ptr_nonnull(
        strstr(html, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;"));
    ck_assert_int_eq(pages_of(invoice), 1); // as markup it would be refused
}
END_TEST

START_TEST(control_characters_are_not_passed_on)
{
    _cleanup_json_ json_t *invoice = invoice_of("a\x1b[31m\x01\x7f\tb", "two\nlines", 1);
    _cleanup_free_ char *html = invoice_html(invoice);
    ck_assert_ptr_null(strpbrk(html, "\x1b\x01\x7f\t"));
    ck_assert_ptr_nonnull(strstr(html, "two\nlines"));
    ck_assert_int_eq(pages_of(invoice), 1);
}
END_TEST

START_TEST(any_script_and_direction)
{
    _cleanup_json_ json_t *invoice = invoice_of(
        "\xe2\x80\xae\xd7\x90\xd7\x91 \xd9\x85\xd8\xb1\xd8\xad \xe6\xbc\xa2 \xf0\x9f\x98\x80",
        "\xe0\xa4\x85", 1);
    ck_assert_int_eq(pages_of(invoice), 1);
}
END_TEST

START_TEST(what_is_long_goes_on_on_another_page)
{
    char text[6001];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 2); // a cut may go through one
    }
    _cleanup_json_ json_t *one = invoice_of("Ada", text, 1), *many = invoice_of("Ada", text, 40);
    ck_assert_int_eq(pages_of(one), 1);
    // A row of 500 bytes, 250 letters, is more than 60 points high, and a page 742.
    ck_assert_int_ge(pages_of(many), 4);
    _cleanup_json_ json_t *rows = invoice_of("Ada", "web", 400);
    ck_assert_int_ge(pages_of(rows), 10);
}
END_TEST

START_TEST(what_is_missing_is_empty)
{
    _cleanup_json_ json_t *invoice = json_object();
    _cleanup_free_ char *html = invoice_html(invoice);
    ck_assert_ptr_nonnull(strstr(html, "<h1>Draft</h1>"));
    ck_assert_int_eq(pages_of(invoice), 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_page_says_what_the_row_says,
                                  text_is_never_markup,
                                  control_characters_are_not_passed_on,
                                  any_script_and_direction,
                                  what_is_long_goes_on_on_another_page,
                                  what_is_missing_is_empty,
                                  NULL};
    return unit_run(unit_suite("invoice_doc", tests));
}
