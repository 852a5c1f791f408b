// What of the host's kernel a guest may reach: one list for each container driver, which write it in their engine's own
// words.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Capabilities that no guest has, by their names in small letters without "cap_"; ended by NULL.
extern const char *const surface_dropped[];

// Files and folders, below the guest's root, that it sees nothing in; ended by NULL.
extern const char *const surface_hidden_files[], *const surface_hidden_folders[];

// Those that lxcfs answers for, below /var/lib/lxcfs; ended by NULL.
extern const char *const surface_lxcfs[];

// Devices that a guest may open, as cgroups of version 1 want them; ended by NULL.
extern const char *const surface_devices[];

// A system call that is refused; everything else is allowed.
struct surface_call {
    const char *name;
    int error; // EPERM where a program must see a refusal, ENOSYS where it then falls back to something else
    // Only if these bits of an argument (its number, from 0) have this value; no bits: always.
    unsigned argument;
    uint32_t bits, value;
};
extern const struct surface_call surface_calls[];
extern const size_t surface_call_count;
