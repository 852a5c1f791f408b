// What this host offers to containers: said in hello, and decides how containers are defined.
#pragma once

#include <stdbool.h>

enum { HOST_WARNINGS_MAX = 8 };

struct host_facts {
    int cgroup_version; // 1 or 2: where the memory controller is
    bool apparmor; // enabled in the kernel
    bool lxcfs; // a live lxcfs is mounted at /var/lib/lxcfs
    bool core_pipe; // a program of the host's takes the core dumps of every process
    const char *warnings[HOST_WARNINGS_MAX]; // static sentences for the operator
    int warning_count;
};

// Reads /proc and /sys; microseconds. Never fails: what cannot be read is absent.
void host_observe(struct host_facts *ret_facts);
