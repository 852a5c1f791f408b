// The kernel's log, record by record, as it is written. In the broker only: no other process of ours may read it.
#pragma once

#include "err.h"

#include <event2/event.h>

struct kmsg;

// on_record gets each record as /dev/kmsg gives it, from the oldest that the kernel still has. ERR_NOT_FOUND and others when
// the host does not let us: then nothing is said of kills.
int kmsg_open(struct event_base *base, void (*on_record)(const char *record, void *arg), void *arg,
              struct kmsg **ret_kmsg, struct err *err) _must_check_;
void kmsg_close(struct kmsg *kmsg); // NULL is fine
