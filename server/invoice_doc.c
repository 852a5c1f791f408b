#include "invoice_doc.h"

#include "json.h"
#include "macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTY_LINES = 16, DAY = 10, MINUTE = 16 };

static void add_line(char **lines, int *count, const char *one, const char *other)
{
    if ((!one || !*one) && (!other || !*other)) {
        return;
    }
    bool both = one && *one && other && *other;
    if (asprintf(&lines[(*count)++], "%s%s%s", one ? one : "", both ? " " : "",
                 other ? other : "") < 0) {
        abort();
    }
}

char **invoice_party(const json_t *party)
{
    char **lines = calloc(PARTY_LINES + 1, sizeof(*lines));
    int count = 0;
    size_t i;
    json_t *line;
    const char *company = json_get_string(party, "company", NULL);
    add_line(lines, &count, company ? company : json_get_string(party, "name", NULL), NULL);
    add_line(lines, &count, json_get_string(party, "contact", NULL), NULL);
    json_array_foreach (json_object_get(party, "address_lines"), i, line) {
        if (i < 4) {
            add_line(lines, &count, json_string_value(line), NULL);
        }
    }
    add_line(lines, &count, json_get_string(party, "postal_code", NULL),
             json_get_string(party, "city", NULL));
    add_line(lines, &count, json_get_string(party, "region", NULL),
             json_get_string(party, "country", NULL));
    const char *vat = json_get_string(party, "vat_id", NULL);
    add_line(lines, &count, vat ? "VAT" : NULL, vat);
    add_line(lines, &count, json_get_string(party, "email", NULL), NULL);
    return lines;
}

void invoice_party_free(char **lines)
{
    for (char **line = lines; line && *line; line++) {
        free(*line);
    }
    free(lines);
}

char *invoice_title(const json_t *invoice)
{
    char *title;
    const char *number = json_get_string(invoice, "number", NULL);
    bool note = strcmp(json_get_string(invoice, "kind", ""), "credit_note") == 0;
    if (asprintf(&title, "%s%s%s",
                 !number ? "Draft"
                 : note  ? "Credit note "
                         : "Invoice ",
                 number ? number : "",
                 strcmp(json_get_string(invoice, "state", ""), "void") == 0 ? " (void)" : "") < 0) {
        abort();
    }
    return title;
}

char *invoice_dates(const json_t *invoice)
{
    char *dates;
    const char *due = json_get_string(invoice, "due_at", NULL);
    const char *reason = json_get_string(invoice, "reason", NULL);
    if (asprintf(&dates, "For %s. Issued %.10s%s%.10s%s%s", json_get_string(invoice, "month", ""),
                 json_get_string(invoice, "issued_at", "-"), due ? ", due " : "", due ? due : "",
                 reason ? ". " : "", reason ? reason : "") < 0) {
        abort();
    }
    return dates;
}

char *invoice_span(const json_t *line)
{
    char *span;
    const char *from = json_get_string(line, "from", ""), *to = json_get_string(line, "to", "");
    const char *clock = "T00:00:00";
    bool days = strlen(from) > DAY && strlen(to) > DAY &&
                strncmp(from + DAY, clock, strlen(clock)) == 0 &&
                strncmp(to + DAY, clock, strlen(clock)) == 0;
    int most = days ? DAY : MINUTE;
    if (asprintf(&span, "%.*s%s%.*s", most, from, *from ? " \xe2\x80\x93 " : "", most, to) < 0) {
        abort();
    }
    return span;
}

// ---- HTML

static const char style[] =
    "body{font:14px/1.4 system-ui,sans-serif;color:#111;max-width:48rem;margin:2rem auto;"
    "padding:0 1rem}h1{font-size:1.4rem}.parties{display:flex;justify-content:space-between;"
    "gap:2rem}address{font-style:normal}table{width:100%;border-collapse:collapse;margin:1.5rem 0}"
    "th,td{text-align:left;padding:.3rem .4rem;border-bottom:1px solid #ccc;vertical-align:top;"
    "overflow-wrap:anywhere}.n{text-align:right;white-space:nowrap}tfoot td{border:0}"
    "small{color:#555}footer{margin-top:2rem;color:#555;white-space:pre-wrap}"
    "@media print{body{margin:0;max-width:none}}";

// Control characters but line breaks are shown as what nobody can read (U+FFFD).
static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text < ' ' && *text != '\n') || *text == '\x7f') {
            fputs("\xef\xbf\xbd", out);
            continue;
        }
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_party(FILE *out, const char *label, const json_t *party)
{
    char **lines = invoice_party(party);
    fprintf(out, "<address><small>%s</small>", label);
    for (char **line = lines; *line; line++) {
        fputs("<br>", out);
        put(out, *line);
    }
    fputs("</address>", out);
    invoice_party_free(lines);
}

static void put_cell(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s class=\"n\">", tag);
    put(out, text);
    fprintf(out, "</%s>", tag);
}

static void put_lines(FILE *out, const json_t *invoice)
{
    size_t i;
    json_t *line;
    fputs("<table><thead><tr><th>Description</th><th class=\"n\">Quantity</th><th "
          "class=\"n\">Price</th><th class=\"n\">Tax</th><th class=\"n\">Amount</th></tr></thead>"
          "<tbody>",
          out);
    json_array_foreach (json_object_get(invoice, "lines"), i, line) {
        _cleanup_free_ char *span = invoice_span(line);
        fputs("<tr><td>", out);
        put(out, json_get_string(line, "description", ""));
        fputs("<br><small>", out);
        put(out, span);
        fputs("</small></td><td class=\"n\">", out);
        put(out, json_get_string(line, "quantity", ""));
        fputs(" ", out);
        put(out, json_get_string(line, "unit", ""));
        fputs("</td>", out);
        put_cell(out, "td", json_get_string(line, "unit_price", "-"));
        fputs("<td class=\"n\">", out);
        put(out, json_get_string(line, "tax_rate", ""));
        fputs(" %</td>", out);
        put_cell(out, "td", json_get_string(line, "amount", ""));
        fputs("</tr>", out);
    }
    fputs("</tbody>", out);
}

static void put_sum(FILE *out, const char *label, const char *currency, const char *amount)
{
    fputs("<tr><td colspan=\"4\" class=\"n\">", out);
    put(out, label);
    fputs("</td><td class=\"n\">", out);
    put(out, amount);
    fputs(" ", out);
    put(out, currency);
    fputs("</td></tr>", out);
}

static void put_sums(FILE *out, const json_t *invoice)
{
    const char *currency = json_get_string(invoice, "currency", "");
    size_t i;
    json_t *tax;
    fputs("<tfoot>", out);
    put_sum(out, "Net", currency, json_get_string(invoice, "net", ""));
    json_array_foreach (json_object_get(invoice, "taxes"), i, tax) {
        char label[300];
        snprintf(label, sizeof(label), "%s %s %% of %s", json_get_string(tax, "name", "Tax"),
                 json_get_string(tax, "rate", "0"), json_get_string(tax, "net", ""));
        put_sum(out, label, currency, json_get_string(tax, "tax", ""));
    }
    put_sum(out, "Total", currency, json_get_string(invoice, "total", ""));
    put_sum(out, "Open", currency, json_get_string(invoice, "open", ""));
    fputs("</tfoot></table>", out);
}

char *invoice_html(const json_t *invoice)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    _cleanup_free_ char *title = invoice_title(invoice);
    _cleanup_free_ char *dates = invoice_dates(invoice);
    const json_t *seller = json_object_get(invoice, "seller");
    fputs("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width\"><title>",
          out);
    put(out, title);
    fprintf(out, "</title><style>%s</style></head><body><div class=\"parties\">", style);
    put_party(out, "From", seller);
    put_party(out, "To", json_object_get(invoice, "buyer"));
    fputs("</div><h1>", out);
    put(out, title);
    fputs("</h1><p>", out);
    put(out, dates);
    fputs("</p>", out);
    put_lines(out, invoice);
    put_sums(out, invoice);
    fputs("<footer>", out);
    put(out, json_get_string(seller, "footer", ""));
    fputs("</footer></body></html>\n", out);
    fclose(out);
    return text;
}
