// What link_console.c (viewers) and link_terminal.c share; nobody else includes it.
#pragma once

#include "link.h"
#include "pace.h"

#include <sys/queue.h>

struct link_consoles {
    struct link *of;
    TAILQ_HEAD(viewers, viewer) viewers;
    unsigned viewer_count;
    LIST_HEAD(, terminal_of_link) terminals;
    struct event *handed; // descriptors of terminals come from the broker
    struct pace pace; // of what guests print
    struct event *turn; // of its period
};

// One connection to the server; of a terminal from its upgrade until either ends.
struct viewer {
    TAILQ_ENTRY(viewer) link;
    struct link_consoles *of;
    char console[37], vps[37];
    bool login;
    struct link_server server; // the worker that has its client
    struct dial *dial; // while connecting
    struct event *again; // until the next try
    unsigned tries;
    int64_t until_ms; // then its client waits no more
    struct bufferevent *bev; // owned by ws
    struct ws *ws;
    struct terminal_of_link *terminal; // NULL: not yet, or no more
    bool drained; // it has taken all since others began to wait for it
};

// There is a period of the pace from now on, unless there is one.
void consoles_pace(struct link_consoles *consoles);

// Says why, where there is an error, and closes.
void viewer_close(struct viewer *viewer, const struct err *err);
// The same for one that holds up others.
void viewer_close_slow(struct viewer *viewer);
void viewer_ready(struct viewer *viewer);

struct terminal_of_link;

// Gives the viewer its terminal: the login's is everybody's, a shell is its own.
void terminal_join(struct viewer *viewer);
// A viewer has left; without any the terminal goes.
void terminal_left(struct terminal_of_link *terminal);
void terminal_type(struct terminal_of_link *terminal, const void *data, size_t len);
void terminal_resize(struct terminal_of_link *terminal, int64_t cols, int64_t rows);
// Reads each side or not, by what waits for the other.
void terminal_regulate(struct terminal_of_link *terminal);

struct terminal_of_link *terminal_find(const struct link_consoles *consoles, const char *id);
// A period of the pace is over for all of them. False: there need not be another.
bool terminals_turn(struct link_consoles *consoles);
void terminal_begin(struct terminal_of_link *terminal, int fd); // takes fd
void terminal_ended(struct terminal_of_link *terminal, const struct err *err);
