// Accounts in an image that is made of a machine: who they are stays, what they are entered with does not.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { IMAGE_LOCK_MAX = 1024 * 1024 }; // bytes of a file of accounts

// What an empty second field means: in passwd and shadow that no password is asked for, in group and gshadow that there is none.
enum image_lock_empty { IMAGE_LOCK_EMPTY, IMAGE_KEEP_EMPTY };

// A copy of text (passwd, shadow, group, gshadow) in which no second field is a password: `!` where it was locked so, else `*`, both of
// which let keys in and no password. The caller frees it.
char *image_lock(const char *text, size_t len, enum image_lock_empty empty, size_t *ret_len);
