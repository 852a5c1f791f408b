#include "wait.h"

#include "macro.h"
#include "uuid.h"

#include <string.h>
#include <sys/queue.h>

enum { TABLE_SIZE = 1024 };

struct wait {
    LIST_ENTRY(wait) link;
    char task[UUID_LEN + 1];
    wait_woken *woken;
    void *arg;
    struct event *timer;
    bool armed;
    bool look, over; // news that nobody has been told
};

struct waits {
    struct event_base *base;
    LIST_HEAD(, wait) table[TABLE_SIZE]; // by task
};

static unsigned slot_of(const char *task)
{
    unsigned hash = 5381;
    for (; *task; task++) {
        hash = hash * 33 + (unsigned char)*task;
    }
    return hash % TABLE_SIZE;
}

bool wait_arm(struct wait *wait, enum wait_news *ret_news)
{
    if (!wait->over && !wait->look) {
        wait->armed = true;
        return false;
    }
    *ret_news = wait->over ? WAIT_OVER : WAIT_LOOK;
    wait->look = false;
    return true;
}

static void tell(struct wait *wait)
{
    enum wait_news news;
    if (wait->armed && wait_arm(wait, &news)) {
        wait->armed = false;
        wait->woken(news, wait->arg); // may end the wait
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct wait *wait = arg;
    wait->over = true;
    tell(wait);
}

static void wake_slot(struct waits *waits, unsigned slot, const char *task)
{
    struct wait *wait = LIST_FIRST(&waits->table[slot]);
    while (wait) {
        struct wait *next = LIST_NEXT(wait, link); // being told ends only the wait itself
        if (!task || strcmp(wait->task, task) == 0) {
            wait->look = true;
            tell(wait);
        }
        wait = next;
    }
}

static void on_notify(const char *channel, const char *payload, void *arg)
{
    struct waits *waits = arg;
    if (payload) {
        wake_slot(waits, slot_of(payload), payload);
        return;
    }
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        wake_slot(waits, i, NULL);
    }
}

struct waits *waits_create(struct event_base *base, struct db *db)
{
    struct waits *waits = calloc(1, sizeof(*waits));
    waits->base = base;
    db_listen(db, "croft_task_end", on_notify, waits);
    return waits;
}

void waits_destroy(struct waits *waits)
{
    free(waits);
}

void waits_end_all(struct waits *waits)
{
    for (unsigned i = 0; i < TABLE_SIZE; i++) {
        struct wait *wait = LIST_FIRST(&waits->table[i]);
        while (wait) {
            struct wait *next = LIST_NEXT(wait, link);
            wait->over = true;
            tell(wait);
            wait = next;
        }
    }
}

struct wait *wait_begin(struct waits *waits, const char *task, int seconds, wait_woken *woken,
                        void *arg)
{
    struct wait *wait = calloc(1, sizeof(*wait));
    snprintf(wait->task, sizeof(wait->task), "%s", task);
    wait->woken = woken;
    wait->arg = arg;
    wait->timer = evtimer_new(waits->base, on_timer, wait);
    struct timeval tv = {seconds, 0};
    evtimer_add(wait->timer, &tv);
    LIST_INSERT_HEAD(&waits->table[slot_of(wait->task)], wait, link);
    return wait;
}

void wait_end(struct wait *wait)
{
    LIST_REMOVE(wait, link);
    event_free(wait->timer);
    free(wait);
}
