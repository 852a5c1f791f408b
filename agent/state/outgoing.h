// outgoing/<image id>: images that were packed here and wait until link has uploaded them. They belong to
// link's user, who may only read them.
#pragma once

#include "err.h"

#include <stdint.h>

struct agent_config;

enum { OUTGOING_PATH_MAX = 512 };

int outgoing_path(const struct agent_config *config, const char *image, char ret[OUTGOING_PATH_MAX],
                  struct err *err) _must_check_;

// Packs directory, at most max_bytes, unless that was done. ERR_DISK_FULL: others need what is left of the state folder's disk.
// Blocks; workers only.
int outgoing_make(const struct agent_config *config, const char *image, const char *directory,
                  int64_t max_bytes, struct err *err) _must_check_;

// SHA-256 (64 hex and NUL) and size of what was packed. Blocks.
int outgoing_describe(const struct agent_config *config, const char *image, char ret_sha256[65],
                      int64_t *ret_size, struct err *err) _must_check_;

// Absent is success.
int outgoing_remove(const struct agent_config *config, const char *image,
                    struct err *err) _must_check_;
