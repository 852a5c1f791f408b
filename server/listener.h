// A listening socket. Those of a worker are made by the master, which keeps them for the next worker of that slot: whoever waits in the queue
// of one that drains is taken by its successor. Closing it would reset them, shared port or not.
#pragma once

#include "err.h"

enum listener_share { LISTENER_SHARED, LISTENER_EXCLUSIVE };

// listen_at: "address:port" or "[v6]:port"; port 0 picks one. Others of ours may bind a shared one too (SO_REUSEPORT). Non-blocking,
// closed by exec. ERR_INVALID: no address; ERR_SYSTEM: it cannot be bound.
int listener_open(const char *listen_at, enum listener_share share, int *ret_fd,
                  struct err *err) _must_check_;
int listener_port(int fd);
