// The rules of the node's nftables table that hold for every guest.
#pragma once

#include "err.h"

#include <stdio.h>

struct agent_config;

// Commands that make table, sets and chains, and empty them of all but what was counted.
void filter_base_write(const struct agent_config *config, FILE *commands);
