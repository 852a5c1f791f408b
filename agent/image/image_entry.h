// One entry of an archive that is or becomes an image: what of it is let through, and how large it may all be.
#pragma once

#include "err.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

// Of what is unpacked or packed.
enum {
    IMAGE_ENTRIES_MAX = 2000000,
    IMAGE_NAME_MAX = 4095, // bytes of a path
    IMAGE_PART_MAX = 255, // bytes between two slashes
    IMAGE_DEPTH_MAX = 128, // parts of a path
    IMAGE_ID_MAX = 65535, // of a guest's users and groups
};
#define IMAGE_BYTES_MAX (INT64_C(64) << 30)

// A relative name without `..`, of bounded length and depth. "./a" is usual in archives and fine.
bool image_entry_is_inside(const char *name);

// The folder itself: ".", "./".
bool image_entry_is_root(const char *name);

// File capabilities are the only extended attribute that an image needs, and as the version that holds
// for whichever root the container has; access lists, security labels, the trusted name space stay out.
void image_entry_keep_capability(struct archive_entry *entry);

// ERR_IMAGE: "'name' in the archive <why>".
int image_entry_refuse(struct err *err, struct archive_entry *entry, const char *why) _must_check_;
