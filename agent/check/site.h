// Where a check takes place: a state folder, a pool in a loop file, a mount and a network namespace of its own, and
// beyond that network another one, "the world". Nothing of an agent that runs on the node is touched or seen.
#pragma once

#include "config.h"
#include "drivers.h"

#define SITE_NODE_ADDRESS "198.51.100.1" // the node's end of the way to the world (RFC 5737)
#define SITE_WORLD_ADDRESS "198.51.100.2"
#define SITE_NODE_ADDRESS6 "2001:db8:ffff::1" // RFC 3849
#define SITE_WORLD_ADDRESS6 "2001:db8:ffff::2"

struct site {
    struct agent_config config;
    struct drivers drivers;
    char state_dir[64];
    char
        host_root[256]; // the image as a plain folder: what the host runs comes from the same files
    int other_cpu; // the same of the neighbour's
    int host_cpu; // the place, among the usable processors, of the one that HOST_PLAIN runs on
    int world; // network namespace
    struct vps_spec image; // of which only the image is meant
    unsigned made; // guests until now
    int keeper; // while it is open, the process that cleans up waits
    pid_t keeper_pid;
};

// Removes what a check that was killed left behind, then starts the process that removes what this one makes as soon as
// we end, however that is. Sets state_dir and keeper.
int site_keep(struct site *site, struct err *err) _must_check_;

// Enters the namespaces; makes pool, network, world; installs the image of that file. id_base: the first of three
// ranges of 65,536 host ids that nobody uses.
int site_open(struct site *site, const char *image, int64_t id_base, struct err *err) _must_check_;

// Waits until everything is gone.
void site_close(struct site *site);
