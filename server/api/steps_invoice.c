// Invoices as documents. The statement before has put the invoice into the answer, as JSON; from that alone they are made.
#include "api_private.h"
#include "invoice_doc.h"
#include "json.h"
#include "macro.h"
#include "offload.h"
#include "steps.h"

#include <string.h>

enum { PDFS_AT_ONCE = 4 };

// No scripts, nothing from elsewhere, nobody's frame.
#define DOCUMENT_POLICY                                                                            \
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "         \
    "frame-ancestors 'none'; sandbox"

// A document under way: on a thread, beside the loop.
struct document {
    struct request *request;
    struct offload *offload;
    json_t *invoice;
    char *bytes;
    size_t len;
    struct err err;
};

static json_t *read_invoice(struct request *request)
{
    json_t *invoice = NULL;
    if (json_read(request->answer.body, request->answer.body_len, JSON_DEPTH_MAX, &invoice,
                  &request->err) < 0) {
        request->err.code = ERR_INTERNAL; // the database's answer, not the client's
    }
    return invoice;
}

enum step_result step_invoice_html(struct request *request)
{
    _cleanup_json_ json_t *invoice = read_invoice(request);
    if (!invoice) {
        return STEP_DONE;
    }
    _cleanup_free_ char *html = invoice_html(invoice);
    request->answer.body = arena_string(&request->arena, html);
    request->answer.body_len = strlen(html);
    request->answer.content_type = "text/html; charset=utf-8";
    edge_add_header(request->edge, "Content-Security-Policy", DOCUMENT_POLICY);
    edge_add_header(request->edge, "Referrer-Policy", "no-referrer");
    return STEP_NEXT;
}

static void work(void *arg)
{
    struct document *document = arg;
    if (invoice_pdf(document->invoice, &document->bytes, &document->len, &document->err) < 0) {
        document->bytes = NULL;
    }
}

void document_end(struct document *document)
{
    offload_abandon(document->offload); // milliseconds, where the client has left before
    document->request->api->documents--;
    document->request->document = NULL;
    json_decref(document->invoice);
    free(document->bytes);
    free(document);
}

// A file's name, of what a number is made of.
static void add_name(struct request *request, const json_t *invoice)
{
    const char *number = json_get_string(invoice, "number", "draft");
    edge_add_header(request->edge, "Content-Disposition",
                    arena_print(&request->arena, "attachment; filename=\"%s-%.40s.pdf\"",
                                json_get_string(invoice, "kind", "invoice"), number));
}

static void done(void *arg)
{
    struct document *document = arg;
    struct request *request = document->request;
    document->offload = NULL;
    if (document->bytes) {
        char *copy = arena_alloc(&request->arena, document->len + 1);
        memcpy(copy, document->bytes, document->len);
        request->answer.body = copy;
        request->answer.body_len = document->len;
        request->answer.content_type = "application/pdf";
        add_name(request, document->invoice);
    } else {
        request->err = document->err;
    }
    document_end(document);
    request_run(request);
}

enum step_result step_invoice_pdf(struct request *request)
{
    struct api *api = request->api;
    if (api->documents >= PDFS_AT_ONCE) {
        err_set(&request->err, ERR_UNAVAILABLE, "Too many documents are being made: try again.");
        return STEP_DONE;
    }
    json_t *invoice = read_invoice(request);
    if (!invoice) {
        return STEP_DONE;
    }
    struct document *document = calloc(1, sizeof(*document));
    *document = (struct document){.request = request, .invoice = invoice};
    request->document = document;
    api->documents++;
    document->offload = offload_start(api->base, work, done, document);
    return STEP_WAIT;
}
