// What is wrong with the node itself, as far as it can tell: its pool, lxcfs, the disks of its log and its state. Runs in a worker,
// since a dead lxcfs may hold up whoever looks at it.
#pragma once

#include "drivers.h"

#include <jansson.h>

// [{code, detail}]; the codes are those of docs/nodes.md. Never fails: what cannot be looked at is not told. The caller frees it.
json_t *health_observe(const struct agent_config *config, const struct drivers *drivers);

// Adds to these whether the node's nftables table is gone. Asked right before it is made anew, else nobody would hear of it.
void health_observe_table(const struct drivers *drivers, json_t *alarms);
