#include "db_link.h"

#include "log.h"
#include "macro.h"

#include <string.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 3000, CONNECT_TIMEOUT_S = 10 };

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct db_link {
    struct event_base *base;
    char *conninfo;
    struct db_link_handlers handlers;
    void *arg;
    enum link_state state;
    PGconn *pg;
    struct event *read, *write; // on the socket; made anew whenever it may have changed
    struct event *timer; // back-off, or the connect deadline
    struct event *reaper; // ends the connection outside of any caller
    int backoff_ms;
};

static void attempt(struct db_link *link);

static void drop_events(struct db_link *link)
{
    if (link->read) {
        event_free(STEAL(link->read));
    }
    if (link->write) {
        event_free(STEAL(link->write));
    }
}

static void arm_timer(struct db_link *link, int ms)
{
    struct timeval tv = {ms / 1000, (ms % 1000) * 1000};
    evtimer_add(link->timer, &tv);
}

static void end_connection(struct db_link *link)
{
    bool was_up = link->state == LINK_UP;
    if (link->pg) {
        const char *why = PQerrorMessage(link->pg);
        log_warn("db_disconnected", "reason=%s retry_ms=%d", LOGQ(why), link->backoff_ms);
    }
    drop_events(link);
    PQfinish(STEAL(link->pg));
    link->state = LINK_DOWN;
    arm_timer(link, link->backoff_ms);
    link->backoff_ms =
        link->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : link->backoff_ms * 2;
    if (was_up) {
        link->handlers.down(link->arg);
    }
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
    struct db_link *link = arg;
    if (link->state != LINK_DOWN) {
        end_connection(link);
    }
}

void db_link_lost(struct db_link *link)
{
    event_active(link->reaper, EV_TIMEOUT, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct db_link *link = arg;
    link->handlers.readable(link->arg);
    if (link->state == LINK_UP) {
        db_link_flush(link); // reading may have freed libpq to write
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    db_link_flush(arg);
}

void db_link_flush(struct db_link *link)
{
    if (link->state != LINK_UP) {
        return;
    }
    int r = PQflush(link->pg);
    if (r < 0) {
        db_link_lost(link);
    } else if (r > 0) {
        event_add(link->write, NULL);
    }
}

static void ignore_notice(void *arg, const char *message)
{
}

static void come_up(struct db_link *link)
{
    drop_events(link);
    evtimer_del(link->timer);
    if (PQsetnonblocking(link->pg, 1) != 0) {
        end_connection(link);
        return;
    }
    PQsetNoticeProcessor(link->pg, ignore_notice, NULL);
    int fd = PQsocket(link->pg);
    link->read = event_new(link->base, fd, EV_READ | EV_PERSIST, on_readable, link);
    link->write = event_new(link->base, fd, EV_WRITE, on_writable, link);
    event_add(link->read, NULL);
    link->state = LINK_UP;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->handlers.up(link->arg);
}

static void on_connect_progress(evutil_socket_t fd, short what, void *arg);

// The socket may be another one after every poll, hence a new event each time.
static void await_connect(struct db_link *link, short what)
{
    drop_events(link);
    link->read = event_new(link->base, PQsocket(link->pg), what, on_connect_progress, link);
    event_add(link->read, NULL);
}

static void on_connect_progress(evutil_socket_t fd, short what, void *arg)
{
    struct db_link *link = arg;
    switch (PQconnectPoll(link->pg)) {
    case PGRES_POLLING_READING:
        await_connect(link, EV_READ);
        break;
    case PGRES_POLLING_WRITING:
        await_connect(link, EV_WRITE);
        break;
    case PGRES_POLLING_OK:
        come_up(link);
        break;
    default:
        end_connection(link);
    }
}

static void attempt(struct db_link *link)
{
    link->pg = PQconnectStart(link->conninfo);
    if (!link->pg || PQstatus(link->pg) == CONNECTION_BAD) {
        end_connection(link);
        return;
    }
    link->state = LINK_CONNECTING;
    arm_timer(link, CONNECT_TIMEOUT_S * 1000);
    await_connect(link, EV_WRITE);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct db_link *link = arg;
    if (link->state == LINK_DOWN) {
        attempt(link);
    } else if (link->state == LINK_CONNECTING) {
        end_connection(link);
    }
}

struct db_link *db_link_create(struct event_base *base, const char *conninfo,
                               const struct db_link_handlers *handlers, void *arg)
{
    struct db_link *link = calloc(1, sizeof(*link));
    link->base = base;
    link->conninfo = strdup(conninfo);
    link->handlers = *handlers;
    link->arg = arg;
    link->backoff_ms = BACKOFF_FIRST_MS;
    link->timer = evtimer_new(base, on_timer, link);
    link->reaper = event_new(base, -1, 0, on_reap, link);
    arm_timer(link, 0);
    return link;
}

void db_link_destroy(struct db_link *link)
{
    if (!link) {
        return;
    }
    drop_events(link);
    event_free(link->timer);
    event_free(link->reaper);
    PQfinish(link->pg);
    free(link->conninfo);
    free(link);
}

PGconn *db_link_pg(const struct db_link *link)
{
    return link->state == LINK_UP ? link->pg : NULL;
}

bool db_link_up(const struct db_link *link)
{
    return link->state == LINK_UP;
}
