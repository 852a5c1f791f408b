// What crossed a guest's device, by class, as the node's nftables table counts it (filter_base.c): inside the location, or
// outside. By netlink; microseconds a call.
#pragma once

#include "err.h"

#include <stdint.h>

struct traffic {
    uint64_t table; // which table counted: another one began at zero; 0: there is none
    uint64_t in_inside, in_outside, out_inside, out_outside; // bytes of IP packets
};

// Of the device with this index; 0: of none, only which table there is.
int traffic_sample(unsigned ifindex, struct traffic *ret_traffic, struct err *err) _must_check_;

// First packets of connections that were more than a guest may have at a time, each way.
struct traffic_refused {
    uint64_t in, out;
};

int traffic_sample_refused(unsigned ifindex, struct traffic_refused *ret_refused,
                           struct err *err) _must_check_;

// Forgets what was counted of devices that are no more. Waits for the kernel, but only where there are some.
int traffic_sweep(struct err *err) _must_check_;
