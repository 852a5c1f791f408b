// Numbers, and what is said of several.
#pragma once

#include "check.h"

enum { SAMPLES_MAX = 32 };

struct samples {
    double values[SAMPLES_MAX];
    size_t count;
};

void samples_add(struct samples *samples, double value);
double samples_median(const struct samples *samples); // 0 without any
double samples_spread(const struct samples *samples); // largest less smallest
json_t *samples_json(const struct samples *samples);

// Runs a command that prints a number last; NAN: it printed none, which the report says.
double measure_guest(struct check *check, const struct subject *subject, const char *command,
                     unsigned seconds);
double measure_host(struct check *check, enum host_place place, const char *command,
                    unsigned seconds);

// Lets what was written reach the disk, so that it is not in the next one's way.
void measure_settle(struct check *check);

// How long one measurement takes, and how many pairs are made.
unsigned measure_seconds(const struct check *check);
unsigned measure_pairs(const struct check *check);

// The commands that several parts use.
extern const char measure_cpu[], measure_memory[], measure_disk[], measure_net[];
