// The JSON of an invoice, whatever is in it: no text of it becomes an element of the page, and both documents are whole.
#include "fuzz.h"
#include "invoice_doc.h"
#include "json.h"
#include "macro.h"

#include <string.h>

// The page's own elements; a text that could open one would show here or change their number.
static const char *const elements[] = {
    "!doctype html>", "html ",   "html>",  "head>", "meta ", "title>", "style>", "body>",  "div ",
    "div>",           "address", "small>", "br>",   "h1>",   "p>",     "table>", "thead>", "tbody>",
    "tfoot>",         "tr>",     "th>",    "th ",   "td>",   "td ",    "footer>"};

static void check_elements(const char *html)
{
    for (const char *at = strchr(html, '<'); at; at = strchr(at + 1, '<')) {
        const char *name = at[1] == '/' ? at + 2 : at + 1;
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
            known = known || strncmp(name, elements[i], strlen(elements[i])) == 0;
        }
        FUZZ_CHECK(known);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_json_ json_t *invoice =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(invoice)) {
        return 0;
    }
    _cleanup_free_ char *html = invoice_html(invoice);
    size_t len = strlen(html);
    FUZZ_CHECK(len > 8 && strcmp(html + len - 8, "</html>\n") == 0);
    check_elements(html);
    struct err err = {0};
    _cleanup_free_ char *pdf = NULL;
    size_t pdf_len = 0;
    FUZZ_CHECK(invoice_pdf(invoice, &pdf, &pdf_len, &err) == 0);
    FUZZ_CHECK(pdf_len > 16 && memcmp(pdf, "%PDF-", 5) == 0 &&
               memmem(pdf + pdf_len - 8, 8, "%%EOF", 5));
    return 0;
}
