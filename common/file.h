// Small files read and written whole: state records, pid files, keys.
#pragma once

#include "err.h"

#include <stddef.h>
#include <sys/types.h>

enum { FILE_SMALL_MAX = 4 * 1024 * 1024 };

// *ret_text is NUL-terminated and owned by the caller; ret_len may be NULL. ERR_NOT_FOUND if there is
// no file; ERR_TOO_LARGE past max bytes. Follows no link in the last component.
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
              struct err *err) _must_check_;

// The file is either the old one or the new one, also after a power cut: a temporary file beside it,
// fsync, rename, fsync of the folder.
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
                      struct err *err) _must_check_;

// Writes all of data, however often write(2) is interrupted or short.
int file_write_all(int fd, const void *data, size_t len, struct err *err) _must_check_;

// Makes the folder if it is not there; its parent must be. Sets the mode of a new one only.
int file_make_dir(const char *path, mode_t mode, struct err *err) _must_check_;

// fsync of the folder that holds path, so that a rename or an unlink in it lasts.
int file_sync_dir(const char *path, struct err *err) _must_check_;
