// Shared by the files of the btrfs driver only.
#pragma once

#include "err.h"

struct agent_config;

// Makes state_dir/pool a mounted btrfs: device or loop file, made when missing.
int btrfs_pool_mount(const struct agent_config *config, const char *pool,
                     struct err *err) _must_check_;
