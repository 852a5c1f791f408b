// One worker: an event loop with its own database pool, API listener and agent listener.
#pragma once

#include "config.h"

// Runs until it has drained; returns the exit status.
// limits_fd: what the master's workers count requests in (limiter.h); -1: there is no master.
int worker_run(struct server_config *config, int index, int limits_fd);
