// A budget of bytes a period, shared by those that want of it: one alone gets its own bound, many get equal parts of the whole.
// What one took too much of is taken off its next periods. Pure: the owner has the timer, reads who pace_may() and calls
// pace_turn() for each and then pace_next() every period, as long as pace_next() says that there is need to.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct pace {
    size_t all, one; // bytes of a period: of all together, of one at most
    unsigned busy, before; // how many took some in this period and in the one before
    unsigned owing; // how many still have to wait in the next
};

// Of one that takes; zeros to begin with.
struct pace_of {
    size_t taken;
    bool busy;
};

bool pace_may(const struct pace *pace, const struct pace_of *of);
void pace_take(struct pace *pace, struct pace_of *of, size_t len);
// A period is over for one, before pace_next().
void pace_turn(struct pace *pace, struct pace_of *of);
// And for all. False: nobody took anything, and nobody waits.
bool pace_next(struct pace *pace);
