#include "webhooks.h"

#include "json.h"
#include "log.h"
#include "macro.h"
#include "webhook_send.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

// The lease outlives the look-up, the transfer and what tells of it.
enum { POLL_MS = 3000, CLAIM_MAX = 16, LEASE_MARGIN_S = 30, DEADLINE_MS = 10000 };

struct delivery {
    LIST_ENTRY(delivery) link;
    struct webhooks *webhooks;
    char *id, *claim;
    struct webhook_send *send; // NULL: it has ended
    struct db_query *report;
};

struct webhooks {
    struct event_base *base;
    struct db *db;
    const struct secret_box *secrets;
    struct webhook_sender *sender;
    LIST_HEAD(, delivery) deliveries;
    int count, max;
    int lease_s;
    struct event *timer; // the next look
    struct db_query *claiming;
    bool again; // news came while claiming
    bool draining;
    void (*drained)(void *arg);
    void *drained_arg;
};

static void look_soon(struct webhooks *webhooks, int ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};
    if (!webhooks->draining) {
        evtimer_add(webhooks->timer, &tv);
    }
}

static void tell_drained(struct webhooks *webhooks)
{
    void (*drained)(void *) = NULL;
    if (webhooks->draining && webhooks->count == 0 && !webhooks->claiming) {
        drained = STEAL(webhooks->drained);
    }
    if (drained) {
        drained(webhooks->drained_arg);
    }
}

// ---- One delivery

static void delivery_free(struct delivery *delivery)
{
    LIST_REMOVE(delivery, link);
    delivery->webhooks->count--;
    free(delivery->id);
    free(delivery->claim);
    free(delivery);
}

static void on_reported(const struct db_outcome *outcome, void *arg)
{
    struct delivery *delivery = arg;
    struct webhooks *webhooks = delivery->webhooks;
    if (outcome->err) { // the lease ends and it is sent again, under the same id
        log_warn("webhook_report_failed", "delivery=%s error=%s", delivery->id,
                 LOGQ(outcome->err->text));
    }
    delivery_free(delivery);
    look_soon(webhooks, 0); // its webhook may have more
    tell_drained(webhooks);
}

static void on_sent(const struct webhook_result *result, void *arg)
{
    struct delivery *delivery = arg;
    struct webhooks *webhooks = delivery->webhooks;
    delivery->send = NULL;
    log_info("webhook_sent", "delivery=%s status=%d ms=%lld error=%s", delivery->id, result->status,
             (long long)result->duration_ms, LOGQ(result->error ? result->error : ""));
    _cleanup_json_ json_t *report = json_pack(
        "{s:s, s:s, s:o, s:s?, s:I, s:s}", "delivery", delivery->id, "claim", delivery->claim,
        "status", result->status ? json_integer(result->status) : json_null(), "error",
        result->error, "duration_ms", (json_int_t)result->duration_ms, "response",
        result->response);
    _cleanup_free_ char *text = json_write(report);
    struct db_request request = {
        .steps =
            {{.sql = SQL_WEBHOOK_DONE, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(webhooks->db, &request, on_reported, delivery, &delivery->report, NULL) < 0) {
        delivery_free(delivery);
        tell_drained(webhooks);
    }
}

// NULL: there is none, or it cannot be opened, which signs nothing and is told.
static char *open_secret(struct webhooks *webhooks, const char *delivery, const char *sealed)
{
    char *text = NULL;
    struct err err = {0};
    if (sealed && secret_open(webhooks->secrets, SECRET_WEBHOOK, sealed, &text, &err) < 0) {
        log_error("secret_unreadable", "delivery=%s error=%s", delivery, LOGQ(err.text));
    }
    return text;
}

static void deliver(struct webhooks *webhooks, const struct db_rows *rows, int row)
{
    const char *attempt = db_rows_get(rows, row, "attempt");
    const char *id = db_rows_get(rows, row, "delivery_id");
    _cleanup_free_ char *secret = open_secret(webhooks, id, db_rows_get(rows, row, "secret"));
    _cleanup_free_ char *old = open_secret(webhooks, id, db_rows_get(rows, row, "old_secret"));
    struct webhook_message message = {
        .url = db_rows_get(rows, row, "target"),
        .id = id,
        .body = db_rows_get(rows, row, "body"),
        .secret = secret ? secret : "",
        .old_secret = old,
        .attempt = attempt ? atoi(attempt) : 1,
    };
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    delivery->webhooks = webhooks;
    delivery->id = strdup(message.id);
    delivery->claim = strdup(db_rows_get(rows, row, "claim_id"));
    LIST_INSERT_HEAD(&webhooks->deliveries, delivery, link);
    webhooks->count++;
    delivery->send = webhook_send_start(webhooks->sender, &message, on_sent, delivery);
}

// ---- Taking them

static void on_claimed(const struct db_outcome *outcome, void *arg)
{
    struct webhooks *webhooks = arg;
    webhooks->claiming = NULL;
    int count = 0;
    if (outcome->err) {
        log_warn("webhook_claim_failed", "error=%s", LOGQ(outcome->err->text));
    } else {
        count = db_rows_count(outcome->rows);
        for (int i = 0; i < count; i++) {
            deliver(webhooks, outcome->rows, i);
        }
    }
    bool more = webhooks->again || count >= CLAIM_MAX;
    webhooks->again = false;
    look_soon(webhooks, more && !outcome->err ? 0 : POLL_MS);
    tell_drained(webhooks);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct webhooks *webhooks = arg;
    int room = webhooks->max - webhooks->count;
    if (webhooks->claiming || webhooks->draining) {
        webhooks->again = true;
        return;
    }
    if (room <= 0 || !db_ready(webhooks->db)) {
        look_soon(webhooks, POLL_MS); // or when one has ended
        return;
    }
    char input[64];
    snprintf(input, sizeof(input), "{\"limit\":%d,\"lease_s\":%d}",
             room < CLAIM_MAX ? room : CLAIM_MAX, webhooks->lease_s);
    struct db_request request = {
        .steps = {{.sql = SQL_WEBHOOK_CLAIM,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 1,
                   .params = {input}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(webhooks->db, &request, on_claimed, webhooks, &webhooks->claiming, NULL) < 0) {
        webhooks->claiming = NULL;
        look_soon(webhooks, POLL_MS);
    }
}

static void on_notify(const char *channel, const char *payload, void *arg)
{
    look_soon(arg, 0);
}

// ---- Life

static void warn_unsafe(const struct server_config *config)
{
    if (config->webhooks.allow_private) {
        log_warn("webhooks_unsafe",
                 "setting=webhooks.allow_private "
                 "reason=\"customers reach addresses inside: never in production\"");
    }
    if (config->webhooks.allow_http) {
        log_warn("webhooks_unsafe", "setting=webhooks.allow_http "
                                    "reason=\"events go out in the clear: never in production\"");
    }
}

struct webhooks *webhooks_start(struct event_base *base, struct db *db,
                                const struct server_config *config,
                                const struct secret_box *secrets)
{
    struct webhook_sender_config sender = {
        .rules = {.allow_http = config->webhooks.allow_http,
                  .allow_private = config->webhooks.allow_private},
        .ca_file = config->webhooks.ca_file,
        .timeout_s = (int)config->webhooks.timeout_s,
    };
    struct webhooks *webhooks = calloc(1, sizeof(*webhooks));
    webhooks->base = base;
    webhooks->db = db;
    webhooks->secrets = secrets;
    webhooks->max = (int)config->webhooks.concurrency;
    webhooks->lease_s = 2 * sender.timeout_s + LEASE_MARGIN_S;
    webhooks->sender = webhook_sender_create(base, &sender);
    webhooks->timer = evtimer_new(base, on_timer, webhooks);
    LIST_INIT(&webhooks->deliveries);
    warn_unsafe(config);
    db_listen(db, "croft_webhook", on_notify, webhooks);
    look_soon(webhooks, POLL_MS);
    return webhooks;
}

void webhooks_drain(struct webhooks *webhooks, void (*drained)(void *arg), void *arg)
{
    evtimer_del(webhooks->timer);
    webhooks->draining = true;
    webhooks->drained = drained;
    webhooks->drained_arg = arg;
    tell_drained(webhooks);
}

void webhooks_stop(struct webhooks *webhooks)
{
    if (!webhooks) {
        return;
    }
    if (webhooks->claiming) {
        db_cancel(webhooks->claiming);
    }
    struct delivery *delivery;
    while ((delivery = LIST_FIRST(&webhooks->deliveries))) {
        if (delivery->send) {
            webhook_send_cancel(delivery->send);
        } else if (delivery->report) {
            db_cancel(delivery->report);
        }
        delivery_free(delivery);
    }
    webhook_sender_destroy(webhooks->sender);
    event_free(webhooks->timer);
    free(webhooks);
}
