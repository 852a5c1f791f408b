// An index of images: what one installation offers to others, in a file that it signed. Three parts:
//   croft-index-v1\n
//   <128 hex: Ed25519 by the publisher's image key over the first line and everything behind this one>\n
//   {"serial", "issued", "expires", "images": [{"name", "arch", "version", "size", "sha256", "url", …}]}
// Nothing behind the signature is parsed before it verifies. Used by image_import.c, image_offer.c.
#pragma once

#include "err.h"
#include "field.h"

#include <stdint.h>

enum { IMAGE_INDEX_BYTES_MAX = 1 << 20, IMAGE_INDEX_IMAGES_MAX = 1000 };

struct image_index_entry { // strings are borrowed from the index
    const char *name, *title, *os, *arch;
    const char *version; // may be NULL
    const char *sha256;
    const char *url; // http:// or https://, or the name of a file beside the index
    int64_t size, min_disk_bytes;
};

struct image_index {
    int64_t serial; // grows with each index of a publisher
    struct image_index_entry *entries;
    size_t count;
    void *tree; // private
};

// The whole file's text. On success *ret_body points behind the signature and *ret_key at the one of keys (64 hex each) that
// made it. ERR_FORBIDDEN if none of them did.
int image_index_verify(const char *text, size_t len, const struct field_strings *keys,
                       const char **ret_body, const char **ret_key, struct err *err) _must_check_;

// What is behind the signature. now: seconds since 1970; an index that has expired, or comes from the future, is refused.
// *ret_index: image_index_finish().
int image_index_parse(const char *body, size_t len, int64_t now, struct image_index *ret_index,
                      struct err *err) _must_check_;
void image_index_finish(struct image_index *index);

// NULL if there is none.
const struct image_index_entry *image_index_find(const struct image_index *index, const char *name,
                                                 const char *arch);

// The file of a body, signed with the image key in pki_dir. The caller frees *ret_text.
int image_index_sign(const char *pki_dir, const char *body, char **ret_text,
                     struct err *err) _must_check_;
