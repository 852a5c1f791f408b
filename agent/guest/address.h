// The addresses of a guest that runs, on both ends of its device: routes here, addresses and default routes in its
// network namespace. liblxc sets those of a start.
#pragma once

#include "spec.h"

#include <sys/types.h>

// How wide the guest has it: in a private network the others are neighbours, for whom the host answers.
unsigned address_prefix(const struct vps_address *address);

// What the host routes to the device is what the guest was given before; the difference to the spec is made good.
// Addresses that the guest gave itself are not touched, and that it has renamed or deleted its
// device is no failure: routes are what decides. init: a process in the guest's network namespace.
int address_sync(const struct vps_spec *spec, const char *device, pid_t init,
                 struct err *err) _must_check_;

// Once the guest's device is there: it answers for the gateway of the guest's IPv6 addresses, if it has any. Without the
// device: nothing.
int address_open_gateway6(const struct vps_spec *spec, const char *device,
                          struct err *err) _must_check_;
