// Unpacking an image that is already verified, in a child that is locked into the destination.
#pragma once

#include "err.h"

// Unpacks the tar.zst in fd (from its start) into directory, which must be empty. Runs in a child
// process that is chrooted there, with few capabilities and no network. Refuses absolute names,
// `..`, devices, sockets and archives that are too large (ERR_IMAGE). On failure something may be
// left in directory. Blocks.
int image_unpack(int fd, const char *directory, struct err *err) _must_check_;
