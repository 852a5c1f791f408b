// The folders of state_dir, and the lock that makes this the only agent in it.
#pragma once

#include "config.h"

#include <sys/types.h>

// Makes what is missing. pki/ and incoming/ belong to link_user when we are root.
int state_dir_prepare(const struct agent_config *config, struct err *err) _must_check_;

// *ret_fd holds the lock until it is closed. ERR_CONFLICT: another agent runs here.
int state_dir_lock(const struct agent_config *config, int *ret_fd, struct err *err) _must_check_;

// run/<name>.pid
int state_dir_write_pid(const struct agent_config *config, const char *name, pid_t pid,
                        struct err *err) _must_check_;
