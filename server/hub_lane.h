// A lane runs the statements of one link one after another, in order, and repeats one whose outcome is
// unknown (PostgreSQL away, connection lost) until it is known: hub statements are idempotent. A link
// has several lanes, so that usage does not wait for tasks. Used by hub_link.c.
#pragma once

#include "db.h"
#include "hub_message.h"
#include "pki.h"

#include <sys/queue.h>

struct hub_lane;

struct hub_job {
    TAILQ_ENTRY(hub_job) entry;
    enum sql_id sql;
    char key[HUB_KEY_SIZE]; // a waiting job of the same key is replaced; "": never
    char *text; // $3 of the statement, owned; NULL if certificate is set
    struct pki_certificate *certificate; // to record before it is sent, owned
    void (*done)(void *arg, const struct hub_job *job, const struct db_rows *rows);
};

// Whom the statements speak for; all borrowed and must outlive the lane.
struct hub_lane_config {
    struct event_base *base;
    struct db *db;
    const char *node, *serial;
    const char *epoch; // text, read each time a statement is sent
    // A statement failed for good; the job is dropped afterwards.
    void (*failed)(void *arg, const struct hub_job *job, const struct err *err,
                   const char *sqlstate);
    void (*drained)(void *arg); // a job has left the lane
    void *arg; // of all callbacks
};

struct hub_lane *hub_lane_create(const struct hub_lane_config *config);
// Drops what waits; no callback is called any more. A statement that was sent may still take effect.
void hub_lane_stop(struct hub_lane *lane);
// NULL is fine. Not from within a callback of the lane.
void hub_lane_destroy(struct hub_lane *lane);

// Takes the job and what it owns.
void hub_lane_push(struct hub_lane *lane, struct hub_job *job);

struct hub_job *hub_job_new(enum sql_id sql, const char *key);
void hub_job_free(struct hub_job *job); // one that was not pushed

// Bytes and number of the jobs that wait or run.
size_t hub_lane_bytes(const struct hub_lane *lane);
size_t hub_lane_count(const struct hub_lane *lane);
