// Evidence for the customer: said with each report of usage, and at once when a process was killed for want of memory; and
// the console's log, when somebody asks for it.
#include "broker.h"
#include "guest_log.h"
#include "json.h"
#include "kmsg.h"
#include "log.h"
#include "message.h"
#include "oom.h"
#include "sampler.h"

#include <limits.h>
#include <string.h>

enum { ITEMS_MAX = 128, SOON_MS = 1000 };

static bool is_measured(const struct vps_entry *entry)
{
    return entry->has_spec && entry->observed == OBSERVED_RUNNING && *entry->state.start;
}

static json_t *item_of(struct broker *broker, struct vps_entry *entry)
{
    struct err err = {0};
    struct evidence_reading reading = {
        .spec = &entry->spec,
        .start = entry->state.start,
        .connections = entry->connections,
        .connections_limit = broker->config->network.connections,
        .kills = oom_log_since(broker->oom, entry->state.vps, entry->state.start),
        .now_ms = broker_now_ms(),
    };
    int r = sampler_sample(broker->config, &broker->drivers, &entry->spec, &reading.counters, &err);
    if (r == 0) {
        r = broker->drivers.container->limits_met(broker->config, entry->state.vps, &reading.met,
                                                  &err);
    }
    if (r == 0) {
        r = broker->drivers.network->limits_met(broker->config, &entry->spec, &reading.met, &err);
    }
    if (r < 0) {
        log_debug("evidence", "vps=%s error=%s", entry->state.vps, LOGQ(err.text));
        return NULL;
    }
    json_t *item = evidence_item(&reading, &entry->evidence);
    uint64_t total = oom_log_total(broker->oom, entry->state.vps);
    json_object_set_new(item, "oom_kills", json_integer((json_int_t)total));
    json_object_set_new(item, "kills", oom_log_kills(broker->oom, entry->state.vps));
    return item;
}

// Who was made since is counted by the next.
void broker_connections_counted(struct broker *broker, const json_t *counts)
{
    struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        json_t *pair = json_object_get(counts, entry->state.vps);
        entry->connections = (struct evidence_connections){
            .known = json_array_size(pair) == 2,
            .in = (uint64_t)json_integer_value(json_array_get(pair, 0)),
            .out = (uint64_t)json_integer_value(json_array_get(pair, 1)),
        };
    }
}

static void send_items(struct broker *broker, json_t *items)
{
    if (json_array_size(items) > 0) {
        broker_send(broker, json_pack("{s:s, s:O}", "type", "evidence", "items", items));
    }
    json_array_clear(items);
}

enum whose { OF_ALL, OF_KILLED };

// Nothing is kept for later: who has no connection hears the next report.
static void send_evidence(struct broker *broker, enum whose whose)
{
    _cleanup_json_ json_t *items = json_array();
    struct vps_entry *entry;
    for (size_t i = 0; broker->epoch > 0 && (entry = vps_table_at(broker->vps, i)); i++) {
        if (!is_measured(entry) || (whose == OF_KILLED && !entry->killed)) {
            continue;
        }
        json_t *item = item_of(broker, entry);
        if (item) {
            entry->killed = false;
            json_array_append_new(items, item);
        }
        if (json_array_size(items) >= ITEMS_MAX) {
            send_items(broker, items);
        }
    }
    send_items(broker, items);
}

static struct vps_entry *entry_of_uid(const struct broker *broker, uint64_t uid)
{
    struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (entry->has_spec && uid >= entry->spec.id_base &&
            uid - entry->spec.id_base < IDS_PER_VPS) {
            return entry;
        }
    }
    return NULL;
}

static void count_kill(struct broker *broker, const struct oom_kill *kill)
{
    struct vps_entry *entry = entry_of_uid(broker, kill->uid);
    if (!entry || !oom_log_add(broker->oom, entry->state.vps, entry->state.start, kill)) {
        return;
    }
    log_info("oom_kill", "vps=%s process=%s memory_bytes=%llu", entry->state.vps,
             LOGQ(kill->process), (unsigned long long)kill->memory_bytes);
    entry->killed = true;
    if (!evtimer_pending(broker->killed, NULL)) {
        broker_arm(broker->killed, SOON_MS);
    }
}

static void on_record(const char *record, void *arg)
{
    struct broker *broker = arg;
    struct oom_kill kill;
    if (oom_parse(record, &kill)) {
        count_kill(broker, &kill);
    }
    oom_log_seen(broker->oom, kill.seq);
}

static void save(struct broker *broker)
{
    struct err err = {0};
    if (oom_log_save(broker->oom, &err) < 0) {
        log_error("oom_log", "error=%s", LOGQ(err.text));
    }
}

static void on_killed(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    save(broker);
    send_evidence(broker, OF_KILLED);
}

void broker_evidence_open(struct broker *broker)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/oom", broker->config->state_dir);
    broker->oom = oom_log_open(path, broker->boot_id);
}

void broker_evidence_start(struct broker *broker)
{
    struct err err = {0};
    broker->killed = broker_timer(broker, SOON_MS, on_killed);
    if (kmsg_open(broker->base, on_record, broker, &broker->kmsg, &err) < 0) {
        log_warn("kmsg", "error=%s", LOGQ(err.text));
    }
}

void broker_evidence_finish(struct broker *broker)
{
    if (broker->kmsg) {
        save(broker);
    }
    kmsg_close(broker->kmsg);
    oom_log_close(broker->oom);
}

void broker_evidence_report(struct broker *broker)
{
    send_evidence(broker, OF_ALL);
}

void broker_log_request(struct broker *broker, json_t *message)
{
    struct err err = {0};
    const char *vps;
    _cleanup_free_ char *text = NULL;
    bool truncated;
    int r = message_log_request(message, &vps, &err);
    if (r == 0 && !vps_table_find(broker->vps, vps)) {
        r = err_set(&err, ERR_NOT_FOUND, "there is no vps %s", vps);
    }
    if (r == 0) {
        r = guest_log_read(broker->config, vps, &text, &truncated, &err);
    }
    if (r < 0) {
        log_warn("log_request", "error=%s", LOGQ(err.text));
        return;
    }
    broker_send(broker, json_pack("{s:s, s:s, s:s, s:b}", "type", "log", "vps", vps, "text", text,
                                  "truncated", truncated));
}
