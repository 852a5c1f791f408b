// An image on its way here: image_dir/.upload-<image id> grows by pieces until it is whole, is hashed,
// signed and named by its SHA-256. Blocks; on a thread (offload.h). Which pieces may come is the
// caller's to know.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct server_config;

// "bytes A-B/T" (a piece) or "bytes */T" (asks how much is here). Fuzz target.
struct upload_range {
    bool asks;
    int64_t first, size, total; // size: of the piece
};
int upload_parse_range(const char *text, struct upload_range *ret_range,
                       struct err *err) _must_check_;

struct upload_piece {
    const char *image; // a UUID
    const char *sha256; // that the whole must have, 64 lower-case hex
    struct upload_range range;
    const void *bytes; // range.size of them
};

struct upload_state {
    int64_t have; // bytes that are here now
    bool whole; // all of them, with the right hash: signature is set
    char signature[129];
};

// Adds the piece if it begins where the file ends. ERR_CONFLICT: it does not (have says where), or the
// whole has another hash (then nothing is here any more). ERR_UNAVAILABLE: another piece is being
// written. ERR_DISK_FULL.
int upload_add(const struct server_config *config, const struct upload_piece *piece,
               struct upload_state *ret_state, struct err *err) _must_check_;

// Gives a whole one its name. Already named is success.
int upload_name(const struct server_config *config, const char *image, const char *sha256,
                struct err *err) _must_check_;
