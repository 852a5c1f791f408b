#include "db_listen.h"

#include "db_link.h"
#include "log.h"
#include "macro.h"

#include <string.h>
#include <sys/queue.h>

enum { PROBE_S = 30 };

struct channel {
    TAILQ_ENTRY(channel) link;
    char *name;
    db_notified *notified;
    void *arg;
    enum { CHANNEL_NEW, CHANNEL_ASKED, CHANNEL_ACTIVE } state;
};

TAILQ_HEAD(channel_list, channel);

struct db_listener {
    struct db_link *link;
    struct channel_list channels;
    bool busy; // a command is under way
    bool failed; // and it went wrong
    bool silent;
    struct event *probe; // finds out that a silent connection is dead
};

// Sends LISTEN for every channel that has none yet, or else nothing. Names are our own constants.
static void send_next(struct db_listener *listener)
{
    if (listener->busy || !db_link_up(listener->link)) {
        return;
    }
    char text[1024];
    size_t used = 0;
    struct channel *channel;
    TAILQ_FOREACH (channel, &listener->channels, link) {
        if (channel->state == CHANNEL_NEW && used + strlen(channel->name) + 16 < sizeof(text)) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "LISTEN %s;", channel->name);
            channel->state = CHANNEL_ASKED;
        }
    }
    if (used == 0) {
        return;
    }
    listener->busy = true;
    if (!PQsendQuery(db_link_pg(listener->link), text)) {
        db_link_lost(listener->link);
        return;
    }
    db_link_flush(listener->link);
}

static void notify(const struct db_listener *listener, const struct channel *channel,
                   const char *payload)
{
    if (!listener->silent) {
        channel->notified(channel->name, payload, channel->arg);
    }
}

// What was asked for is active now: something may have been missed until now.
static void activate(struct db_listener *listener)
{
    struct channel *channel;
    TAILQ_FOREACH (channel, &listener->channels, link) {
        if (channel->state == CHANNEL_ASKED) {
            channel->state = CHANNEL_ACTIVE;
            notify(listener, channel, NULL);
        }
    }
}

static void take_results(struct db_listener *listener, PGconn *pg)
{
    while (listener->busy && !PQisBusy(pg)) {
        PGresult *result = PQgetResult(pg);
        if (!result) {
            listener->busy = false;
            break;
        }
        listener->failed |= PQresultStatus(result) == PGRES_FATAL_ERROR;
        PQclear(result);
    }
    if (!listener->busy && !listener->failed) {
        activate(listener);
        send_next(listener);
    }
}

static void deliver(struct db_listener *listener, const PGnotify *received)
{
    struct channel *channel;
    TAILQ_FOREACH (channel, &listener->channels, link) {
        if (strcmp(channel->name, received->relname) == 0) {
            notify(listener, channel, received->extra);
        }
    }
}

static void on_readable(void *arg)
{
    struct db_listener *listener = arg;
    PGconn *pg = db_link_pg(listener->link);
    if (!PQconsumeInput(pg)) {
        db_link_lost(listener->link);
        return;
    }
    take_results(listener, pg);
    if (listener->failed) {
        db_link_lost(listener->link);
        return;
    }
    PGnotify *received;
    while ((received = PQnotifies(pg))) {
        deliver(listener, received);
        PQfreemem(received);
    }
}

static void on_up(void *arg)
{
    struct db_listener *listener = arg;
    listener->failed = false;
    listener->busy = false;
    send_next(listener);
}

static void on_down(void *arg)
{
    struct db_listener *listener = arg;
    struct channel *channel;
    TAILQ_FOREACH (channel, &listener->channels, link) {
        channel->state = CHANNEL_NEW;
    }
}

// A peer that vanished without a word is noticed by the probe going unanswered.
static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    struct db_listener *listener = arg;
    if (!db_link_up(listener->link)) {
        return;
    }
    if (listener->busy) {
        db_link_lost(listener->link);
        return;
    }
    listener->busy = true;
    if (!PQsendQuery(db_link_pg(listener->link), "SELECT 1")) {
        db_link_lost(listener->link);
        return;
    }
    db_link_flush(listener->link);
}

struct db_listener *db_listener_create(struct event_base *base, const char *conninfo)
{
    static const struct db_link_handlers handlers = {on_up, on_readable, on_down};
    static const struct timeval period = {PROBE_S, 0};
    struct db_listener *listener = calloc(1, sizeof(*listener));
    TAILQ_INIT(&listener->channels);
    listener->link = db_link_create(base, conninfo, &handlers, listener);
    listener->probe = event_new(base, -1, EV_PERSIST, on_probe, listener);
    event_add(listener->probe, &period);
    return listener;
}

void db_listener_destroy(struct db_listener *listener)
{
    struct channel *channel;
    while ((channel = TAILQ_FIRST(&listener->channels))) {
        TAILQ_REMOVE(&listener->channels, channel, link);
        free(channel->name);
        free(channel);
    }
    event_free(listener->probe);
    db_link_destroy(listener->link);
    free(listener);
}

void db_listener_add(struct db_listener *listener, const char *name, db_notified *notified,
                     void *arg)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    channel->name = strdup(name);
    channel->notified = notified;
    channel->arg = arg;
    TAILQ_INSERT_TAIL(&listener->channels, channel, link);
    send_next(listener);
}

void db_listener_silence(struct db_listener *listener)
{
    listener->silent = true;
}
