// One worker: an event loop with its own database pool, API listener and agent listener.
#pragma once

#include "config.h"

// Runs until it has drained; returns the exit status.
int worker_run(struct server_config *config, int index);
