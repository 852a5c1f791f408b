// One API request: a loop over the steps of its route. Everything of it lives in its arena or in the
// handles below, and request_end() takes it all back. Used by the steps, auth.c and reply.c.
#pragma once

#include "api.h"
#include "arena.h"
#include "auth.h"
#include "db.h"
#include "edge.h"
#include "password.h"
#include "routes.h"
#include "wait.h"

#include <jansson.h>
#include <sys/queue.h>

struct document;
struct panel_file;
struct stream;

// What will be answered; strings live in the arena.
struct answer {
    int status;
    const char *body; // JSON, or of content_type; NULL: none
    size_t body_len;
    const char *content_type; // NULL: application/json
    const char *etag;
    const char *location; // of a list: the next cursor
    const char *cookies[2]; // Set-Cookie
    const struct panel_file
        *file; // of the panel; NULL: none. Nothing else of the answer counts then
};

struct request {
    TAILQ_ENTRY(request) link;
    struct api *api;
    struct edge_request *edge;
    const struct route *route; // NULL: none matched
    int route_index;
    char id[ROUTE_ID + 1]; // of the path; empty: none
    unsigned allowed; // methods, for the Allow header of a 405
    request_step *const *step; // what runs next; NULL ends the list
    struct arena arena;
    struct credentials credentials;
    json_t *body, *query; // as decoded; NULL: none
    json_t *input; // $1 of the statement
    enum sql_id sql; // the statement of step_query
    bool entered_in_full; // the short way in did not do (auth.h)
    struct answer answer;
    struct err err;
    int retry_after_s; // with ERR_RATE_LIMITED
    int64_t started_us;

    // What is under way; each is cancelled by request_end().
    struct db_query *db_query;
    struct password_job *password_job;
    struct wait *wait;
    struct stream *stream; // answered, and going on
    struct document *document; // being made
    struct event *deadline;

    // Of the hand-written steps.
    const char *user; // sign-in: the user's id
    const char *hash; // and its password's hash
    const char *new_hash; // of a password to be stored
    const char *totp; // the secret of the second factor that counts; NULL: none
    const char *totp_pending; // of one that is not confirmed yet
    const char *totp_sealed; // the same, as it is stored
    const char *device_hash; // of the cookie that names the device; NULL: none
    const char *csrf;
    const char *email; // of who asks, in person
    const char *metrics; // what the database has to say of itself; NULL: it was not asked
    const char *link_hash; // what the database knows a mailed link by
    bool right; // the password was
    bool known; // the device is; or the link's address
};

TAILQ_HEAD(request_list, request);

// edge's handler; arg: struct api.
void request_begin(struct edge_request *edge, void *arg);

// Goes on with the next step: what a callback calls when it has put its result into the request.
void request_run(struct request *request);

// The deadline, counted from now.
void request_set_deadline(struct request *request, int seconds);

// steps_invoice.c: takes a document back, wherever it is.
void document_end(struct document *document);

// Cancels and frees; reply.c calls it after the answer.
void request_end(struct request *request);
