// Loop devices by ioctl: a file as a block device that detaches itself after its last user.
#pragma once

#include "err.h"

// The loop device of file (an open descriptor): the one that it has already, else a new one. A file
// never gets two, which would give btrfs two devices with one identity. ret_device: its path. Keep
// *ret_fd open until the device is mounted, then close it.
int loop_attach(int file, char ret_device[32], int *ret_fd, struct err *err) _must_check_;
