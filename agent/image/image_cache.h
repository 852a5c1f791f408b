// The images of the pool as a cache of bounded size: what was not made anything of for longest goes first.
#pragma once

#include "drivers.h"

// Notes that something is made of the image now: it stays for a quarter of an hour at least. [loop]
void image_cache_use(const struct agent_config *config, const char *sha256);

// Deletes images until those left have at most image_cache_bytes together. Never one that a vps of this
// node was made from (its blocks would stay anyway), that a rescue system runs from, or that was used
// just now. Blocks; workers only.
int image_cache_trim(const struct agent_config *config, const struct drivers *drivers,
                     struct err *err) _must_check_;

// Held while an image is unpacked or deleted. *ret_fd: close it to let go. Blocks.
int image_cache_lock(const struct agent_config *config, const char *sha256, int *ret_fd,
                     struct err *err) _must_check_;
