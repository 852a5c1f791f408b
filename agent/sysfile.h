// Small whole files of the host: /proc, /sys, our own state. Paths are the host's and ours, never a
// guest's (guest.c does those).
#pragma once

#include "err.h"

#include <stdint.h>
#include <sys/types.h>

// The most of one sysfile_read(): what /proc and /sys give in one page.
enum { SYSFILE_MAX = 4096 };

// Reads at most size - 1 bytes, NUL-terminated. ERR_NOT_FOUND when there is no such file.
int sysfile_read(const char *path, char *buffer, size_t size, struct err *err) _must_check_;

// The number at the start of a file; "max" reads as UINT64_MAX.
int sysfile_read_u64(const char *path, uint64_t *ret_value, struct err *err) _must_check_;

// The number behind "key " in a file of "key number" lines; ERR_NOT_FOUND if no line has it.
int sysfile_find_u64(const char *text, const char *key, uint64_t *ret_value,
                     struct err *err) _must_check_;

// One write(2) to an existing file, as sysctls and cgroups want it.
int sysfile_write(const char *path, const char *text, struct err *err) _must_check_;

// Replaces the file by a new one with that mode (temporary file, rename). Not synced.
int sysfile_replace(const char *path, mode_t mode, const char *text, struct err *err) _must_check_;

// Makes a folder with exactly that mode if it is missing; the mode of a present one is corrected.
int sysfile_mkdir(const char *path, mode_t mode, struct err *err) _must_check_;

// snprintf that refuses to cut: ERR_INTERNAL.
int sysfile_path(char *out, size_t size, struct err *err, const char *fmt, ...)
    _printf_(4, 5) _must_check_;
