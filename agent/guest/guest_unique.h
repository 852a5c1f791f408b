// What no two machines may share, in the files of a guest that has not run yet.
#pragma once

#include "guest_files.h"

// A new machine-id; no SSH host keys, random seeds or secrets of the machine that the files come from, and what makes
// host keys at the next start.
int guest_make_unique(const struct guest *guest) _must_check_;

// The seeds alone: of the same machine, which has begun with them before.
int guest_forget_random_seeds(const struct guest *guest) _must_check_;
