// Long-polls: requests of this worker that wait until a task is settled, woken by NOTIFY croft_task_end.
#pragma once

#include "db.h"

struct waits;
struct wait;

enum wait_news {
    WAIT_LOOK, // the task may have ended: look
    WAIT_OVER, // the time has run out
};

// Called from the event loop, only while armed.
typedef void wait_woken(enum wait_news news, void *arg);

struct waits *waits_create(struct event_base *base, struct db *db);
void waits_destroy(struct waits *waits); // no wait may be left

// Begin before looking at the task, so that an end in between is not missed.
struct wait *wait_begin(struct waits *waits, const char *task, int seconds, wait_woken *woken,
                        void *arg);
void wait_end(struct wait *wait);

// Arms it: woken is called once for the next news. News that came since wait_begin() or the last arming is
// told right away instead (woken is not called then): true, and *ret_news says which.
bool wait_arm(struct wait *wait, enum wait_news *ret_news);

// Everybody looks at once: draining.
void waits_end_all(struct waits *waits);
