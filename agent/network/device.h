// crv<slot>, the host's end of a guest's device, and what crossed it.
#pragma once

#include "drivers.h"

enum { DEVICE_NAME_SIZE = 16 };

struct device_place {
    const char *state_dir, *vps;
    unsigned slot;
};

void device_name(unsigned slot, char name[DEVICE_NAME_SIZE]);

// Writes the number of the device down, in vps/<id>/device: a guest can delete its own device, which takes its name along, but not what the
// node's table has counted by its number. Best effort: only such a guest is counted less.
void device_note(const struct device_place *place);
// The guest has ended: its number is nobody's.
void device_forget(const struct device_place *place);

// Into *counters, as the guest sees it. A device that is gone is no failure: what was counted of it by class is there as long as its number is known.
int device_sample(const struct device_place *place, struct usage_counters *counters,
                  struct err *err) _must_check_;
