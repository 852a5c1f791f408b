// What liblxc's log of a container says of a start that failed, as a sentence for the task's error.
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum { LXC_REASON_SIZE = 256 };

// Where the next line will stand; 0 when there is no log yet.
off_t lxc_log_end(const char *path);

// The errors written behind `from`, the cause first; empty when there are none. Paths below hidden (a folder) lose
// that beginning: it is the node's, not the customer's.
void lxc_log_reason(const char *path, off_t from, const char *hidden, char out[LXC_REASON_SIZE]);

// The same out of the text of a log: bounded, printable ASCII.
void lxc_log_summarise(const char *text, const char *hidden, char out[LXC_REASON_SIZE]);
