// An invoice as a document, from the JSON of its row alone (croft_invoice_detail_json): what was frozen is what it says. Pure.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stddef.h>

// One page of HTML without scripts, images or anything from elsewhere; every text escaped. The caller frees it.
char *invoice_html(const json_t *invoice);

// The same as PDF (A4). *ret_bytes is the caller's to free. Takes milliseconds to hundreds of them: not for an event loop.
// ERR_INTERNAL: the libraries failed.
int invoice_pdf(const json_t *invoice, char **ret_bytes, size_t *ret_len,
                struct err *err) _must_check_;

// Shared by both: the lines of a party's address (the caller frees each and the list), NULL-terminated.
char **invoice_party(const json_t *party);
void invoice_party_free(char **lines);
// "Invoice", "Credit note" or "Draft", with its number; the caller frees it.
char *invoice_title(const json_t *invoice);
// Its dates and what it corrects, as one line; the caller frees it.
char *invoice_dates(const json_t *invoice);
// From when to when a line is, as days or with hours; the caller frees it.
char *invoice_span(const json_t *line);
