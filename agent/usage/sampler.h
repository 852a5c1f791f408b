// One sample of everything that is measured of a running vps: container, volume and network.
#pragma once

#include "drivers.h"

// Asks the three drivers and adds up; takes well under a millisecond [loop]. On failure *ret_counters
// is unspecified and the sample must be skipped (a gap is recorded by its sequence number).
int sampler_sample(const struct agent_config *config, const struct drivers *drivers,
                   const struct vps_spec *spec, struct usage_counters *ret_counters,
                   struct err *err) _must_check_;
