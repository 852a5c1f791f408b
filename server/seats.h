// Seats: how many streams one credential and one tenant have open on this machine, whichever of its workers they are at.
// They are counted in the memory of limiter.h, and nothing is locked. A seat is held for SEAT_MS and kept by saying so
// again; a worker that is killed holds its seats no longer than that. Several machines count each for itself.
#pragma once

#include "err.h"

#include <stdint.h>

struct limits;

enum { SEAT_MS = 60000 };

struct seat_hold {
    int index; // -1: none
    int64_t until_ms;
};

struct seat_ask {
    const char *credential, *tenant; // tenant NULL: belongs to none
    int per_credential, per_tenant;
};

// Takes one of both. ERR_RATE_LIMITED says of which there is none left, ERR_UNAVAILABLE that the machine has none. Never more than there are;
// of two that ask for the last one at the same instant both may be refused. now_ms: monotonic, of this machine.
int seats_take(struct limits *limits, const struct seat_ask *ask, int64_t now_ms,
               struct seat_hold *ret_hold, struct err *err) _must_check_;

// Well before SEAT_MS are over. Who came too late has lost it, perhaps to somebody else, and *hold is empty.
void seats_keep(struct limits *limits, struct seat_hold *hold, int64_t now_ms);

void seats_leave(struct limits *limits, struct seat_hold *hold); // an empty one: nothing
