// How fast a guest may send and receive: a policer each way in our nftables table, named after its device, so that it
// stays when the guest restarts itself. A file beside the guest's record says what it has, so that the many guests
// without a rate cost nothing.
#pragma once

#include "spec.h"

#include <stdio.h>

struct agent_config;

// Writes the maps and rules that every rate needs, and each guest's rate.
void rates_write_all(const struct agent_config *config, FILE *commands);

// Bits a second, each way; 0: any. Nothing is done for a guest that has that rate.
int rates_set(const struct agent_config *config, const struct vps_spec *spec, int64_t bps,
              struct err *err) _must_check_;
