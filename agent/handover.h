// Descriptors between link and broker, on a SOCK_SEQPACKET socket beside their frames: each comes with the id it is for.
#pragma once

#include "err.h"

enum { HANDOVER_ID = 36 };

// Sends fd, which stays the caller's. ERR_SYSTEM: the other side is gone or does not keep up.
int handover_send(int socket, const char *id, int fd, struct err *err) _must_check_;

// The next one, close-on-exec. 0; ERR_NOT_FOUND: none waits; ERR_PROTOCOL: what came is none; ERR_SYSTEM: the socket is
// broken.
int handover_receive(int socket, char ret_id[HANDOVER_ID + 1], int *ret_fd,
                     struct err *err) _must_check_;
