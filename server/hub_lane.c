#include "hub_lane.h"

#include <event2/event.h>
#include <event2/util.h>
#include <string.h>

enum { STATEMENT_MS = 10000, RETRY_MIN_MS = 200, RETRY_MAX_MS = 5000, RETRY_DOUBLINGS = 5 };

TAILQ_HEAD(job_queue, hub_job);

struct hub_lane {
    struct hub_lane_config config;
    struct job_queue queue; // the first runs if query is set
    struct db_query *query;
    struct event *retry;
    unsigned failures; // in a row
    size_t bytes, count;
    bool stopped;
};

struct hub_job *hub_job_new(enum sql_id sql, const char *key)
{
    struct hub_job *job = calloc(1, sizeof(*job));
    if (!job) {
        abort();
    }
    job->sql = sql;
    snprintf(job->key, sizeof(job->key), "%s", key);
    return job;
}

void hub_job_free(struct hub_job *job)
{
    if (job->certificate) {
        pki_certificate_finish(job->certificate);
        free(job->certificate);
    }
    free(job->text);
    free(job);
}

static size_t job_bytes(const struct hub_job *job)
{
    return sizeof(*job) + (job->text ? strlen(job->text) : 0);
}

static void take(struct hub_lane *lane, struct hub_job *job)
{
    TAILQ_REMOVE(&lane->queue, job, entry);
    lane->bytes -= job_bytes(job);
    lane->count--;
}

// Outcomes that say nothing about the statement: it may have run or not, and is run again.
// The classes: connection, rollback (deadlock), resources, operator intervention, lock not available.
static bool is_passing(const struct db_outcome *outcome)
{
    static const char *const classes[] = {"08", "40", "53", "55", "57"};
    if (outcome->err->code == ERR_UNAVAILABLE || outcome->err->code == ERR_TIMEOUT) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strncmp(outcome->sqlstate, classes[i], 2) == 0) {
            return true;
        }
    }
    return strcmp(outcome->sqlstate, "25006") == 0; // read only: a standby before its promotion
}

// Full jitter, since after a restart of PostgreSQL every lane comes here at once.
static void retry_later(struct hub_lane *lane)
{
    unsigned doublings = lane->failures < RETRY_DOUBLINGS ? lane->failures : RETRY_DOUBLINGS;
    unsigned most = (unsigned)RETRY_MIN_MS << doublings;
    most = most < RETRY_MAX_MS ? most : RETRY_MAX_MS;
    uint32_t random;
    evutil_secure_rng_get_bytes(&random, sizeof(random));
    unsigned ms = RETRY_MIN_MS / 2 + random % most;
    lane->failures++;
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(lane->retry, &delay);
}

static struct db_step auth_step(const struct hub_lane *lane)
{
    return (struct db_step){.sql = SQL_HUB_AUTH,
                            .role = DB_ROLE_LOGIN,
                            .param_count = 2,
                            .params = {lane->config.node, lane->config.serial}};
}

// The record is made by the login role, so it stands first; the authentication behind it ends the
// transaction if the asking certificate is not good any more.
static struct db_request record_request(const struct hub_lane *lane, const struct hub_job *job)
{
    const struct pki_certificate *certificate = job->certificate;
    return (struct db_request){
        .steps = {{.sql = job->sql,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 5,
                   .params = {lane->config.node, certificate->serial, certificate->spki_sha256,
                              certificate->fingerprint, certificate->not_after}},
                  auth_step(lane)},
        .step_count = 2,
        .deadline_ms = STATEMENT_MS,
    };
}

static struct db_request node_request(const struct hub_lane *lane, const struct hub_job *job)
{
    return (struct db_request){
        .steps = {auth_step(lane),
                  {.sql = job->sql,
                   .role = DB_ROLE_AGENT,
                   .param_count = 3,
                   .params = {lane->config.node, lane->config.epoch, job->text}}},
        .step_count = 2,
        .deadline_ms = STATEMENT_MS,
    };
}

static void on_outcome(const struct db_outcome *outcome, void *arg);

static void run_next(struct hub_lane *lane)
{
    struct hub_job *job = TAILQ_FIRST(&lane->queue);
    if (lane->stopped || lane->query || !job || evtimer_pending(lane->retry, NULL)) {
        return;
    }
    struct db_request request =
        job->certificate ? record_request(lane, job) : node_request(lane, job);
    if (db_run(lane->config.db, &request, on_outcome, lane, &lane->query, NULL) < 0) {
        lane->query = NULL;
        retry_later(lane);
    }
}

static void on_outcome(const struct db_outcome *outcome, void *arg)
{
    struct hub_lane *lane = arg;
    lane->query = NULL;
    if (outcome->err && is_passing(outcome)) {
        retry_later(lane);
        return;
    }
    lane->failures = 0;
    struct hub_job *job = TAILQ_FIRST(&lane->queue);
    take(lane, job);
    if (outcome->err) {
        lane->config.failed(lane->config.arg, job, outcome->err, outcome->sqlstate);
    } else {
        job->done(lane->config.arg, job, outcome->rows);
    }
    hub_job_free(job);
    if (!lane->stopped) {
        run_next(lane);
        lane->config.drained(lane->config.arg);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    run_next(arg);
}

struct hub_lane *hub_lane_create(const struct hub_lane_config *config)
{
    struct hub_lane *lane = calloc(1, sizeof(*lane));
    if (!lane || !(lane->retry = evtimer_new(config->base, on_retry, lane))) {
        abort();
    }
    lane->config = *config;
    TAILQ_INIT(&lane->queue);
    return lane;
}

void hub_lane_stop(struct hub_lane *lane)
{
    lane->stopped = true;
    evtimer_del(lane->retry);
    if (lane->query) {
        db_cancel(lane->query);
        lane->query = NULL;
    }
    struct hub_job *job;
    while ((job = TAILQ_FIRST(&lane->queue))) {
        take(lane, job);
        hub_job_free(job);
    }
}

void hub_lane_destroy(struct hub_lane *lane)
{
    if (lane) {
        hub_lane_stop(lane);
        event_free(lane->retry);
        free(lane);
    }
}

static void drop_replaced(struct hub_lane *lane, const char *key)
{
    struct hub_job *job = TAILQ_FIRST(&lane->queue);
    if (job && lane->query) {
        job = TAILQ_NEXT(job, entry); // the first one runs
    }
    for (; job; job = TAILQ_NEXT(job, entry)) {
        if (strcmp(job->key, key) == 0) {
            take(lane, job);
            hub_job_free(job);
            return;
        }
    }
}

void hub_lane_push(struct hub_lane *lane, struct hub_job *job)
{
    if (lane->stopped) {
        hub_job_free(job);
        return;
    }
    if (job->key[0]) {
        drop_replaced(lane, job->key);
    }
    TAILQ_INSERT_TAIL(&lane->queue, job, entry);
    lane->bytes += job_bytes(job);
    lane->count++;
    run_next(lane);
}

size_t hub_lane_bytes(const struct hub_lane *lane)
{
    return lane->bytes;
}

size_t hub_lane_count(const struct hub_lane *lane)
{
    return lane->count;
}
