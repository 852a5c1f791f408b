// Records of the journal and the spool: magic, length, CRC-32C, text. A reader finds every whole record
// whatever lies between them, so that a torn write costs only itself.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_HEADER = 12, RECORD_MAX = 4 * 1024 * 1024 };

// The header that belongs in front of text.
void record_header(const char *text, size_t len, uint8_t ret_header[RECORD_HEADER]);

// Appends one record to fd with one writev(2) where the kernel lets it. On failure a part of it may
// be in the file: readers skip it.
int record_append(int fd, const char *text, size_t len, struct err *err) _must_check_;

// Finds the first whole record at or behind *offset: true with its text (borrowed, not terminated),
// its place, and *offset behind it. False: there is none. Fuzz target.
bool record_next(const uint8_t *data, size_t len, size_t *offset, const char **ret_text,
                 size_t *ret_len);
