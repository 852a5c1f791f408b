// Counts that the kernel keeps for more than one guest, and what each guest gets of them.
#pragma once

#include <stddef.h>

// Before a container is made. The machine's own counts are made as large as memory, which guests have by their plan, lets them be.
// Some limits the kernel keeps for a user namespace as they are when it is made, for all that is in it, together (ns_owner.h says
// whose count that is). For a process that starts a container and ends: its own limits are changed. Best effort: a root without
// CAP_SYS_RESOURCE passes on those that it has.
void bounds_set(void);

// What the first process of a guest gets, and so each of its users.
struct bound {
    const char *name; // of setrlimit(2), in small letters without "rlimit_"
    int resource;
    long long value;
};
enum { BOUNDS_OF_INIT_MAX = 8 };
// Returns how many.
size_t bounds_of_init(struct bound bounds[BOUNDS_OF_INIT_MAX]);

// Gives those to the calling process, which is to become a guest's first. From outside that takes rights over the guest's user
// namespace that a root without CAP_SYS_RESOURCE has not.
void bounds_take(void);
