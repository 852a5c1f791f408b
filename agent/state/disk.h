// Room on the disk of the state folder, which is not the disk of the guests.
#pragma once

#include "err.h"

#include <stdbool.h>
#include <sys/types.h>

struct agent_config;

// Less than DISK_ROOM_MIN is full; once full, DISK_ROOM_AGAIN must be free before it counts as having room again.
enum { DISK_ROOM_MIN = 64 * 1024, DISK_ROOM_AGAIN = 1024 * 1024 };

// By trying: a quota, inodes and what is kept for root count as well.
bool disk_has_room(const struct agent_config *config, off_t bytes);

// Puts in front of an ERR_DISK_FULL which disk it is that is full. Other errors stay as they are.
int disk_explain(const struct agent_config *config, struct err *err);

// In front of an error that is known to be the state folder's.
#define DISK_STATE_FULL "the node's state disk is full"
