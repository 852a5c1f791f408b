// The web panel's files: read whole from `panel.dir` when a worker starts, so that no path of a request ever becomes a path of the
// file system. SIGHUP starts workers that read what is there then.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct panel;

// In the order of preference, the best last.
enum panel_encoding { PANEL_PLAIN, PANEL_GZIP, PANEL_BROTLI, PANEL_ENCODINGS };

struct panel_body {
    const void *bytes; // NULL: not stored in this encoding
    size_t len;
    char etag[40]; // strong, with its quotes: it names content and encoding
};

struct panel_file {
    char name[128]; // "assets/index-8f3c.js"
    const char *type; // of the content
    bool hashed; // its name changes with its content: it may be kept for ever
    struct panel_body bodies[PANEL_ENCODINGS]; // PANEL_PLAIN is always there
};

// Regular files of dir and of dir/assets, with `.br` and `.gz` beside them. ERR_INVALID: there is no index.html, or a file of an unknown
// kind; ERR_TOO_LARGE: more than a panel has.
int panel_load(const char *dir, struct panel **ret_panel, struct err *err) _must_check_;
void panel_destroy(struct panel *panel);

// What a GET of path shows: the file of this name; index.html for a page of the application, which finds its way by itself; NULL
// for what is the API's, and for a file that is not there.
const struct panel_file *panel_find(const struct panel *panel, const char *path);

// The best encoding of the file that Accept-Encoding (may be NULL) allows. Never fails: the plain one always will do.
enum panel_encoding panel_choose(const struct panel_file *file, const char *accept);
// As Content-Encoding has it; NULL for the plain one.
const char *panel_encoding_name(enum panel_encoding encoding);

// The encodings that Accept-Encoding allows, as bits 1 << panel_encoding. Pure, a fuzz target.
unsigned panel_accepted(const char *accept);
