// Network devices of this namespace, by route netlink; microseconds a call.
#pragma once

#include "err.h"

#include <stdint.h>
#include <sys/types.h>

struct netdev_counters {
    uint64_t rx_bytes, tx_bytes, rx_packets, tx_packets; // as the host sees the device
};

// ERR_NOT_FOUND if there is no such device.
int netdev_sample(const char *name, struct netdev_counters *ret_counters,
                  struct err *err) _must_check_;

// Absent is success.
int netdev_delete(const char *name, struct err *err) _must_check_;

// Makes a pair of devices, the host's end and eth0 in the network namespace of that process, and brings both up, and lo there. hardware:
// eth0's address.
int netdev_make_pair(const char *name, pid_t inside, const unsigned char hardware[6],
                     struct err *err) _must_check_;

// Gives the loopback device an IPv4 address (link scope, /32); there already is success.
int netdev_add_loopback_ipv4(const char *address, struct err *err) _must_check_;
