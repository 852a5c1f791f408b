#include "offload.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct offload {
    pthread_t thread;
    int fd; // eventfd: the work is done
    struct event *event;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void *run(void *arg)
{
    struct offload *offload = arg;
    offload->work(offload->arg);
    eventfd_write(offload->fd, 1);
    return NULL;
}

static void finish(struct offload *offload)
{
    pthread_join(offload->thread, NULL);
    event_free(offload->event);
    close(offload->fd);
    free(offload);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
    struct offload *offload = arg;
    void (*done)(void *) = offload->done;
    void *done_arg = offload->arg;
    finish(offload);
    done(done_arg);
}

struct offload *offload_start(struct event_base *base, void (*work)(void *arg),
                              void (*done)(void *arg), void *arg)
{
    struct offload *offload = calloc(1, sizeof(*offload));
    if (!offload) {
        abort();
    }
    *offload = (struct offload){.work = work, .done = done, .arg = arg};
    offload->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    offload->event = event_new(base, offload->fd, EV_READ, on_done, offload);
    // Out of threads is out of memory.
    if (offload->fd < 0 || !offload->event || event_add(offload->event, NULL) < 0 ||
        pthread_create(&offload->thread, NULL, run, offload) != 0) {
        abort();
    }
    return offload;
}

void offload_abandon(struct offload *offload)
{
    if (offload) {
        finish(offload);
    }
}
