// What has been measured of each vps: turns raw kernel counters into absolute, never falling ones with a
// sequence number. In memory; spool.c keeps it on disk.
#pragma once

#include "drivers.h"
#include "last.h"

#include <jansson.h>
#include <stdbool.h>

struct meters;

struct meters *meters_create(void);
void meters_destroy(struct meters *meters);

// Takes raw counters of a vps whose container was started as `start` (a UUID).
void meters_sample(struct meters *meters, const char *vps, const char *start,
                   const struct usage_counters *raw);

// Takes what a boot ended with: counted or not, and however often. False: it is the boot before the one that is counted, and nothing is taken.
bool meters_end(struct meters *meters, const struct last *last);

// Gives what was sampled since the last call its next sequence numbers: *ret_samples as usage messages
// hold them, *ret_kept what meters_restore() needs besides. At most max; vps NULL: any. Returns how
// many. The caller owns both arrays.
size_t meters_take(struct meters *meters, const char *vps, size_t max, json_t **ret_samples,
                   json_t **ret_kept);

// The samples just taken could not be written: they are due again (under a later number).
void meters_put_back(struct meters *meters, const json_t *samples);

// The whole state, and one array of meters_take() or meters_save() read back. What is malformed is
// skipped.
json_t *meters_save(const struct meters *meters);
void meters_restore(struct meters *meters, const json_t *kept);

void meters_forget(struct meters *meters, const char *vps);
