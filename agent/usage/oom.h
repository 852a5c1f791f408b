// What the kernel's log says of processes killed for want of memory: the lines, and what is remembered of each vps. In
// memory and in one file, with the place in the log up to which it was read: each kill counts once, also when the broker
// or the node starts anew.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { OOM_PROCESS_SIZE = 65, OOM_KEPT = 8 };

struct oom_kill {
    uint64_t seq; // of the record in this boot's log
    uint64_t at_us; // since the boot
    uint64_t uid; // the host's: it tells whose process it was
    uint64_t pid, memory_bytes;
    bool by_limit; // else the node had no memory left
    char process[OOM_PROCESS_SIZE];
};

// One record of /dev/kmsg ("6,19846,22673351060,-;text\n…"). True if the kernel itself says there that it has killed;
// else only seq is filled, and 0 for what is no record.
bool oom_parse(const char *record, struct oom_kill *ret_kill);

struct oom_log;

// A file that cannot be read is begun anew. boot: the kernel's; boots of other names are over.
struct oom_log *oom_log_open(const char *path, const char *boot);
void oom_log_close(struct oom_log *log); // NULL is fine

// False for one that was counted before. start: the guest's, as in its usage.
bool oom_log_add(struct oom_log *log, const char *vps, const char *start,
                 const struct oom_kill *kill);
// The log was read up to there: nothing before it counts any more.
void oom_log_seen(struct oom_log *log, uint64_t seq);
int oom_log_save(const struct oom_log *log, struct err *err) _must_check_;
void oom_log_forget(struct oom_log *log, const char *vps);

uint64_t oom_log_since(const struct oom_log *log, const char *vps, const char *start);
uint64_t oom_log_total(const struct oom_log *log, const char *vps);
// The last ones, as the message `evidence` holds them; a new reference.
json_t *oom_log_kills(const struct oom_log *log, const char *vps);
