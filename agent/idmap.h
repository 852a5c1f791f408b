// The ids of a guest, and a folder as a guest is to see it: the same files, of which those of id 0 are the guest's root's.
#pragma once

#include "err.h"

#include <stdint.h>

// A user namespace with the ids base..base+65535, which is the guest's own (ns_owner.h). The caller closes it.
int idmap_open(uint32_t base, int *ret_fd, struct err *err) _must_check_;

// Puts that view over the folder itself, without devices, in the mount namespace that we are in.
int idmap_cover(const char *folder, uint32_t base, struct err *err) _must_check_;

// The same at another place, which is not followed if it is a link.
int idmap_mount(const char *folder, const char *at, uint32_t base, struct err *err) _must_check_;
