// One worker: an event loop with its own database pool, API listener and agent listener.
#pragma once

#include "config.h"

// Runs until it has drained; returns the exit status.
// limits_fd: what the master's workers count requests in (limiter.h); -1: there is no master.
// ready_fd: a pipe that gets one byte once all listeners take connections, and is closed; -1: nobody waits for that.
int worker_run(struct server_config *config, int index, int limits_fd, int ready_fd);
