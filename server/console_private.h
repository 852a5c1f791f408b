// What console.c and consoles.c share; nobody else includes it.
#pragma once

#include "config.h"
#include "console.h"
#include "console_wire.h"
#include "pace.h"
#include "uuid.h"
#include "ws.h"

#include <stdbool.h>
#include <sys/queue.h>

enum {
    CONSOLE_QUERY_MS = 5000,
    // What guests that print without end get through in a period: one, and all together, so that they cannot have the worker.
    CONSOLE_PACE_MS = 100,
    CONSOLE_PACE_ONE = 256 * 1024,
    CONSOLE_PACE_ALL = 1024 * 1024,
};

// Why it ended: what the client is told, the code its connection is closed with, and what the audit log keeps.
enum console_end {
    END_LEFT,
    END_EXITED,
    END_REVOKED,
    END_EXPIRED,
    END_STOPPED,
    END_IDLE,
    END_SLOW,
    END_PROTOCOL,
    END_UNREACHABLE,
    END_FAILED,
    END_NODE, // which may serve no more
    END_LOST, // a connection, or the certainty that it may be
    END_DRAIN,
};

LIST_HEAD(console_list, console);

struct consoles {
    struct event_base *base;
    struct db *db;
    const struct server_config *config;
    struct console_list list;
    size_t count;
    int port;
    struct event *alive, *reap;
    struct pace pace; // of what guests print
    struct event *turn; // of its period
    struct db_query *query; // of alive
    bool draining;
    void (*drained)(void *arg);
    void *drained_arg;
};

struct side {
    struct bufferevent *bev; // owned by ws
    struct ws *ws; // NULL: not yet, or gone
    uint64_t bytes; // read from it
};

struct console {
    LIST_ENTRY(console) link;
    struct consoles *of;
    char id[UUID_LEN + 1], node[UUID_LEN + 1];
    struct side client, agent;
    struct evbuffer *early;
    struct console_size size; // cols 0: not said yet
    struct revocation *watch, *vps_watch;
    struct event *timer; // for the agent to come; then idleness
    struct pace_of pace;
    bool ready, ended;
    struct db_query *closing;
};

// Once; what comes later changes nothing. It goes in a later turn of the loop.
void console_end(struct console *console, enum console_end end);
// At once, without a word.
void console_destroy(struct console *console);
// A period of the pace is over.
void console_turn(struct console *console);
// And the next has begun for all.
void console_resume(struct console *console);
// Whether nothing is left of it but its memory.
bool console_is_over(const struct console *console);
