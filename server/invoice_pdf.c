// The document by cairo and pango, which choose fonts for whatever script a name is written in.
#include "invoice_doc.h"
#include "json.h"
#include "macro.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <pthread.h>
#include <string.h>

// Points; A4.
enum {
    WIDTH = 595,
    HEIGHT = 842,
    MARGIN = 50,
    GAP = 6,
    SMALL = 8,
    TEXT = 9,
    TITLE = 15,
    HALF = 230
};

// Columns of lines: where they end, from the left; the first begins at the margin.
enum {
    COL_TEXT = 290,
    COL_QUANTITY = 380,
    COL_PRICE = 450,
    COL_TAX = 490,
    COL_AMOUNT = WIDTH - MARGIN
};

// The fonts of this process, found once: finding them takes longer than all the rest, and fontconfig loses some memory each time.
// They are for one thread at a time.
static PangoFontMap *fonts;
static pthread_mutex_t fonts_lock = PTHREAD_MUTEX_INITIALIZER;

#ifndef __has_feature // gcc has none
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
// What fontconfig keeps of its configuration until the process ends.
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\n";
}
#endif

struct page {
    PangoContext *context;
    cairo_t *cr;
    FILE *out;
    double y;
};

static cairo_status_t on_bytes(void *closure, const unsigned char *bytes, unsigned len)
{
    struct page *page = closure;
    return fwrite(bytes, 1, len, page->out) == len ? CAIRO_STATUS_SUCCESS
                                                   : CAIRO_STATUS_WRITE_ERROR;
}

// Text within left..right, wrapped. A cut may have gone through a character.
static PangoLayout *lay(struct page *page, double left, double right, int size,
                        PangoAlignment align, const char *text)
{
    PangoLayout *layout = pango_layout_new(page->context);
    PangoFontDescription *font = pango_font_description_from_string("DejaVu Sans, Sans");
    char *whole = g_utf8_make_valid(text, -1);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_width(layout, (int)(right - left) * PANGO_SCALE);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout, align);
    pango_layout_set_text(layout, whole, -1); // text, never markup
    pango_font_description_free(font);
    g_free(whole);
    return layout;
}

// How high it is.
static double measure(struct page *page, double left, double right, int size, const char *text)
{
    PangoLayout *layout = lay(page, left, right, size, PANGO_ALIGN_LEFT, text);
    int height;
    pango_layout_get_pixel_size(layout, NULL, &height);
    g_object_unref(layout);
    return height;
}

// Draws it and returns its height.
static double draw(struct page *page, double left, double right, int size, PangoAlignment align,
                   const char *text)
{
    PangoLayout *layout = lay(page, left, right, size, align, text);
    int height;
    pango_layout_get_pixel_size(layout, NULL, &height);
    cairo_move_to(page->cr, left, page->y);
    pango_cairo_show_layout(page->cr, layout);
    g_object_unref(layout);
    return height;
}

static void rule(struct page *page)
{
    cairo_set_line_width(page->cr, 0.5);
    cairo_move_to(page->cr, MARGIN, page->y);
    cairo_line_to(page->cr, WIDTH - MARGIN, page->y);
    cairo_stroke(page->cr);
    page->y += GAP / 2.0;
}

static void need(struct page *page, double height)
{
    if (page->y + height > HEIGHT - MARGIN) {
        cairo_show_page(page->cr);
        page->y = MARGIN;
    }
}

static double draw_party(struct page *page, double left, const char *label, const json_t *party)
{
    double top = page->y;
    char **lines = invoice_party(party);
    page->y += draw(page, left, left + HALF, SMALL, PANGO_ALIGN_LEFT, label);
    for (char **line = lines; *line; line++) {
        page->y += draw(page, left, left + HALF, TEXT, PANGO_ALIGN_LEFT, *line);
    }
    invoice_party_free(lines);
    double height = page->y - top;
    page->y = top;
    return height;
}

static void draw_row(struct page *page, const char *text, const char *quantity, const char *price,
                     const char *tax, const char *amount)
{
    need(page, measure(page, MARGIN, COL_TEXT, TEXT, text) + GAP);
    double height = draw(page, MARGIN, COL_TEXT, TEXT, PANGO_ALIGN_LEFT, text);
    draw(page, COL_TEXT, COL_QUANTITY, TEXT, PANGO_ALIGN_RIGHT, quantity);
    draw(page, COL_QUANTITY, COL_PRICE, TEXT, PANGO_ALIGN_RIGHT, price);
    draw(page, COL_PRICE, COL_TAX, TEXT, PANGO_ALIGN_RIGHT, tax);
    draw(page, COL_TAX, COL_AMOUNT, TEXT, PANGO_ALIGN_RIGHT, amount);
    page->y += (height > 2 * TEXT ? height : 2 * TEXT) + GAP / 2.0;
    rule(page);
}

static void draw_line(struct page *page, const json_t *line)
{
    _cleanup_free_ char *span = invoice_span(line);
    char text[700], quantity[100], tax[40];
    snprintf(text, sizeof(text), "%.500s\n%s", json_get_string(line, "description", ""), span);
    snprintf(quantity, sizeof(quantity), "%s %s", json_get_string(line, "quantity", ""),
             json_get_string(line, "unit", ""));
    snprintf(tax, sizeof(tax), "%s %%", json_get_string(line, "tax_rate", ""));
    draw_row(page, text, quantity, json_get_string(line, "unit_price", "-"), tax,
             json_get_string(line, "amount", ""));
}

static void draw_sum(struct page *page, const char *label, const char *currency, const char *amount)
{
    char sum[100];
    snprintf(sum, sizeof(sum), "%s %s", amount, currency);
    need(page, 2 * TEXT);
    draw(page, MARGIN, COL_QUANTITY, TEXT, PANGO_ALIGN_RIGHT, label);
    page->y += draw(page, COL_QUANTITY, COL_AMOUNT, TEXT, PANGO_ALIGN_RIGHT, sum) + GAP / 2.0;
}

static void draw_sums(struct page *page, const json_t *invoice)
{
    const char *currency = json_get_string(invoice, "currency", "");
    size_t i;
    json_t *tax;
    page->y += GAP;
    draw_sum(page, "Net", currency, json_get_string(invoice, "net", ""));
    json_array_foreach (json_object_get(invoice, "taxes"), i, tax) {
        char label[300];
        snprintf(label, sizeof(label), "%.120s %s %% of %s", json_get_string(tax, "name", "Tax"),
                 json_get_string(tax, "rate", "0"), json_get_string(tax, "net", ""));
        draw_sum(page, label, currency, json_get_string(tax, "tax", ""));
    }
    draw_sum(page, "Total", currency, json_get_string(invoice, "total", ""));
    draw_sum(page, "Open", currency, json_get_string(invoice, "open", ""));
}

static void draw_invoice(struct page *page, const json_t *invoice)
{
    _cleanup_free_ char *title = invoice_title(invoice);
    _cleanup_free_ char *dates = invoice_dates(invoice);
    const json_t *seller = json_object_get(invoice, "seller");
    size_t i;
    json_t *line;
    double one = draw_party(page, MARGIN, "From", seller);
    double other = draw_party(page, WIDTH - MARGIN - HALF, "To", json_object_get(invoice, "buyer"));
    page->y += (one > other ? one : other) + 4 * GAP;
    page->y += draw(page, MARGIN, WIDTH - MARGIN, TITLE, PANGO_ALIGN_LEFT, title) + GAP;
    page->y += draw(page, MARGIN, WIDTH - MARGIN, TEXT, PANGO_ALIGN_LEFT, dates) + 2 * GAP;
    draw_row(page, "Description", "Quantity", "Price", "Tax", "Amount");
    json_array_foreach (json_object_get(invoice, "lines"), i, line) {
        draw_line(page, line);
    }
    draw_sums(page, invoice);
    page->y += 3 * GAP;
    const char *footer = json_get_string(seller, "footer", "");
    need(page, measure(page, MARGIN, WIDTH - MARGIN, SMALL, footer));
    draw(page, MARGIN, WIDTH - MARGIN, SMALL, PANGO_ALIGN_LEFT, footer);
}

int invoice_pdf(const json_t *invoice, char **ret_bytes, size_t *ret_len, struct err *err)
{
    char *bytes = NULL;
    size_t len = 0;
    struct page page = {.out = open_memstream(&bytes, &len), .y = MARGIN};
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(on_bytes, &page, WIDTH, HEIGHT);
    page.cr = cairo_create(surface);
    pthread_mutex_lock(&fonts_lock);
    fonts = fonts ? fonts : pango_cairo_font_map_new();
    page.context = pango_font_map_create_context(fonts);
    draw_invoice(&page, invoice);
    g_object_unref(page.context);
    cairo_destroy(page.cr);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    pthread_mutex_unlock(&fonts_lock);
    fclose(page.out);
    if (status != CAIRO_STATUS_SUCCESS) {
        free(bytes);
        return err_set(err, ERR_INTERNAL, "the PDF is not made: %s",
                       cairo_status_to_string(status));
    }
    *ret_bytes = bytes;
    *ret_len = len;
    return 0;
}
