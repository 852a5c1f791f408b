// Whose a user namespace is. The kernel counts what is in it (inotify, namespaces, message queues, pending signals, locked memory)
// also for the user who made it, in the namespace above. Made by root they all would be one user's, so that one guest could take
// what all have. Made by the guest's own mapped root each guest is a user of its own there, with a limit that no guest can change.
#pragma once

#include "err.h"

#include <stdint.h>
#include <sys/types.h>

// From now on a user namespace that this process makes together with one of processes, by clone or clone3 of syscall(2) as liblxc
// does, belongs to this id of the host; 0: to ourselves. born() runs in the new process before all else; then it waits until its ids
// are written. For a process with one thread, root by all its ids.
void ns_owner_set(uint32_t id, void (*born)(void));

// Gives the calling process, which has all rights and keeps them, to that id until it ends.
int ns_owner_become(uint32_t id, struct err *err) _must_check_;

// Whose the user namespace of a process is.
int ns_owner_of(pid_t pid, uint32_t *ret_id, struct err *err) _must_check_;
