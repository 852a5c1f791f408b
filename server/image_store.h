// The images that agents download: files of image_dir, named by their SHA-256. Used by main.c.
#pragma once

#include "err.h"

#include <stdint.h>

struct server_config;

struct image_file {
    char sha256[65];
    int64_t size;
    char signature[129]; // Ed25519, see docs/agent-protocol.md
};

// The SHA-256 of what follows in fd, as 64 hex and NUL. Blocks.
int image_store_hash(int fd, char ret_sha256[65], struct err *err) _must_check_;

// Copies path into config->image_dir while hashing it (one pass, so that what is signed is what is
// stored), and signs it. A file that is there already is kept. Nothing is left behind on failure.
int image_store_add(const struct server_config *config, const char *path,
                    struct image_file *ret_image, struct err *err) _must_check_;
