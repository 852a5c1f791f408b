// Usage on disk until the server has it. Samples are taken into memory; a report gives each sampled vps
// its next sequence number, is written with one fsync, and only then may be sent. (vps, boot, seq) is
// therefore never used twice with different counters, whatever dies when.
#pragma once

#include "last.h"

#include <jansson.h>

struct spool;

// What a sample is taken from.
struct spool_source {
    const char *vps;
    const char *start; // UUID made by the worker that started the container: the sample's `boot`
    const struct usage_counters *counters; // as read from the kernel
};

// dir: a folder of its own, made if there is none. max_bytes: on disk; the oldest goes first, and shows
// as a gap of sequence numbers.
int spool_open(const char *dir, int64_t max_bytes, struct spool **ret_spool,
               struct err *err) _must_check_;
void spool_close(struct spool *spool);

// The kernel's boot_id: batches say which of the node's clocks since its start their samples are dated by.
void spool_set_boot(struct spool *spool, const char *boot);

// Takes a sample. Counters that fell since the last one (a guest that rebooted itself) go on rising in
// what is reported, under the same boot.
void spool_sample(struct spool *spool, const struct spool_source *source);

// Takes what a boot of a guest ended with, and writes it as spool_report() does, so that what it was left in can go. However often: it
// counts once. ERR_CONFLICT: it is the boot before the one that is counted; nothing is taken, and never will be.
int spool_end(struct spool *spool, const struct last *last, struct err *err) _must_check_;

// Writes what was sampled since the last report. vps NULL: all; else this one only. Nothing sampled is
// success. On failure nothing is lost: it goes into the next report.
int spool_report(struct spool *spool, const char *vps, struct err *err) _must_check_;

// The first unacknowledged batch above `after`: a usage message without its epoch in *ret_message (new
// reference) and its number. ERR_NOT_FOUND: there is none.
int spool_next(struct spool *spool, int64_t after, json_t **ret_message, int64_t *ret_batch,
               struct err *err) _must_check_;

// The server has this batch. A failure to write that down only means a repetition.
void spool_ack(struct spool *spool, int64_t batch);

// The vps is gone: its counters are not kept any longer. Reports of it still are.
void spool_forget(struct spool *spool, const char *vps);

// Batches dropped unsent because the spool was full, since it was opened.
int64_t spool_dropped(const struct spool *spool);
