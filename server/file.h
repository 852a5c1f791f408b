// Whole small files: read with a bound, written so that a crash leaves the old file or the new one.
#pragma once

#include "err.h"

#include <stddef.h>
#include <sys/types.h>

// Opens dir for file_write(), making it (mode 0700) when it is missing; its parent must
// be there. *ret_fd: close(2).
int file_open_dir(const char *dir, int *ret_fd, struct err *err) _must_check_;

// *ret_data: NUL-terminated copy that the caller frees. ERR_NOT_FOUND when there is no such file,
// ERR_TOO_LARGE past max bytes.
int file_read(const char *path, size_t max, char **ret_data, size_t *ret_len,
              struct err *err) _must_check_;

// Writes dir/name through a temporary file, fsync, rename and fsync of the directory. Replaces an
// existing file.
int file_write(int dir_fd, const char *name, mode_t mode, const void *data, size_t len,
               struct err *err) _must_check_;

// write(2) until all is written.
int file_write_all(int fd, const void *data, size_t len, struct err *err) _must_check_;
