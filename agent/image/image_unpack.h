// `croft-agent unpack DIRECTORY`: unpacks an image that is already verified, locked into the destination.
#pragma once

// Unpacks the tar.zst on standard input (from its start) into directory, which must be empty. The
// process is chrooted there first, with few capabilities and no network. Refuses absolute names, `..`,
// devices, sockets and archives that are too large (ERR_IMAGE). On failure something may be left in
// directory. Answers by helper_answer(); returns the exit status.
int image_unpack_main(const char *directory);
