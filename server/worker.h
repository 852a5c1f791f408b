// One worker: an event loop with its own database pool, API listener and agent listener.
#pragma once

#include "config.h"

// What a master hands over; each is the worker's from then on.
struct worker_given {
    int index;
    int limits_fd; // what its workers count requests in (limiter.h); -1: there is no master
    int ready_fd; // a pipe that gets one byte once all listeners take connections, and is closed; -1: nobody waits for that
    int api_socket, agents_socket; // they listen already (listener.h); 0: it opens its own
};

// Runs until it has drained; returns the exit status.
int worker_run(struct server_config *config, const struct worker_given *given);
