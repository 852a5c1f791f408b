// Usage: sampled every sample_s, written and sent every report_s, repeated until acknowledged. What guests ended with is counted before
// anything that came after it.
#include "broker.h"
#include "json.h"
#include "last.h"
#include "log.h"
#include "message.h"
#include "oom.h"
#include "sampler.h"

#include <inttypes.h>
#include <string.h>

enum { OUTSTANDING_MAX = 4 };

// One that fails is a guest on its way out; a second is work that nobody is billed for, and is said once.
static void sample_failed(struct vps_entry *entry, const struct err *err)
{
    if (++entry->unmeasured == 2) {
        log_warn("unmeasured", "vps=%s error=%s", entry->state.vps, LOGQ(err->text));
    }
}

// A worker may be at its next start already, which the record in memory does not know.
static bool may_be_restarting(const struct broker *broker, const char *vps)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (job->state == JOB_RUNNING && strcmp(job->vps, vps) == 0 &&
            !(job->kind->flags & TASK_BESIDE)) {
            return true;
        }
    }
    return false;
}

static uint64_t count_kills(const struct broker *broker, const char *vps, const char *boot,
                            uint64_t counted)
{
    uint64_t kills = oom_log_since(broker->oom, vps, boot);
    return counted > kills ? counted : kills;
}

static void sample(struct broker *broker, struct vps_entry *entry)
{
    if (!entry->has_spec || entry->observed != OBSERVED_RUNNING || !*entry->state.start) {
        return;
    }
    struct err err = {0};
    struct usage_counters counters;
    int r = sampler_sample(broker->config, &broker->drivers, &entry->spec, &counters, &err);
    if (r < 0) {
        sample_failed(entry, &err);
        return;
    }
    entry->unmeasured = 0;
    counters.oom_kills =
        count_kills(broker, entry->state.vps, entry->state.start, counters.oom_kills);
    const struct spool_source source = {entry->state.vps, entry->state.start, &counters};
    spool_sample(broker->spool, &source);
}

static void sample_all(struct broker *broker)
{
    struct vps_entry *entry;
    broker_usage_collect(broker);
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (!may_be_restarting(broker, entry->state.vps)) {
            sample(broker, entry);
        }
    }
}

static void send_waiting(struct broker *broker)
{
    while (broker->epoch > 0 && broker->usage.outstanding < OUTSTANDING_MAX) {
        struct err err = {0};
        json_t *message = NULL;
        int64_t batch = 0;
        int r = spool_next(broker->spool, broker->usage.sent, &message, &batch, &err);
        if (r == ERR_NOT_FOUND) {
            return;
        }
        broker->usage.sent = batch;
        if (r < 0) {
            log_error("spool", "batch=%" PRId64 " error=%s", batch, LOGQ(err.text));
            continue;
        }
        broker->usage.outstanding++;
        broker_send(broker, message);
    }
}

static void report(struct broker *broker, const char *vps)
{
    struct err err = {0};
    int64_t dropped = spool_dropped(broker->spool);
    if (spool_report(broker->spool, vps, &err) < 0) {
        log_error("spool", "error=%s", LOGQ(err.text));
        broker_disk_failed(broker, err.code);
    }
    if (spool_dropped(broker->spool) > dropped) {
        log_error("spool_full", "dropped=%" PRId64, spool_dropped(broker->spool) - dropped);
    }
    send_waiting(broker);
}

static int count_end(struct broker *broker, struct last *last, struct err *err)
{
    if (!vps_table_find(broker->vps, last->vps)) {
        log_info("end_of_nobody", "vps=%s", last->vps); // its creation was taken back
        return 0;
    }
    last->counters.oom_kills = count_kills(broker, last->vps, last->boot, last->counters.oom_kills);
    int r = spool_end(broker->spool, last, err);
    if (r == ERR_CONFLICT) {
        log_warn("end_too_late", "vps=%s boot=%s", last->vps, last->boot);
        return 0;
    }
    return r;
}

// What was left is removed when it is on disk in the spool. If it stays, it is counted again, which adds nothing.
void broker_usage_collect(struct broker *broker)
{
    _cleanup_free_ struct last *lasts = NULL;
    const char *state_dir = broker->config->state_dir;
    size_t count = 0, refused = 0;
    struct err err = {0};
    if (broker->disk_full) {
        return; // nothing could be written down
    }
    int r = last_list(state_dir, broker->boot_id, &lasts, &count, &refused, &err);
    if (refused > 0) {
        log_error("ends_refused", "count=%zu", refused);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = count_end(broker, &lasts[i], &err);
        if (r == 0) {
            r = last_remove(state_dir, &lasts[i], &err);
        }
    }
    if (r < 0) {
        log_error("ends", "error=%s", LOGQ(err.text));
        broker_disk_failed(broker, err.code);
    }
    if (count > 0) {
        send_waiting(broker);
    }
}

static void on_sample(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    sample_all(broker);
    broker_arm(broker->sample, broker->config->sample_s * 1000);
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    // Whatever was not acknowledged since the last report is sent again.
    if (broker->usage.outstanding > 0 && !broker->usage.acked) {
        broker->usage.outstanding = 0;
        broker->usage.sent = 0;
    }
    broker->usage.acked = false;
    report(broker, NULL);
    broker_evidence_report(broker);
    broker_arm(broker->report, broker->config->report_s * 1000);
}

void broker_usage_start(struct broker *broker)
{
    broker->sample = broker_timer(broker, broker->config->sample_s * 1000, on_sample);
    broker->report = broker_timer(broker, broker->config->report_s * 1000, on_report);
}

void broker_usage_welcome(struct broker *broker)
{
    broker->usage.sent = 0;
    broker->usage.outstanding = 0;
    send_waiting(broker);
}

void broker_usage_ack(struct broker *broker, json_t *message)
{
    struct err err = {0};
    int64_t batch;
    if (message_usage_ack(message, &batch, &err) < 0) {
        log_warn("usage_ack", "error=%s", LOGQ(err.text));
        return;
    }
    spool_ack(broker->spool, batch);
    broker->usage.acked = true;
    if (broker->usage.outstanding > 0) {
        broker->usage.outstanding--;
    }
    send_waiting(broker);
}

void broker_usage_final(struct broker *broker, const char *vps)
{
    broker_usage_collect(broker);
    struct vps_entry *entry = vps_table_find(broker->vps, vps);
    if (entry && entry->observed == OBSERVED_RUNNING) {
        sample(broker, entry);
        report(broker, vps);
    }
}
