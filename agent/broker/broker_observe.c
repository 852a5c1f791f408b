// What the node's containers are doing: looked at every few seconds, told to the server when it changed
// and once a minute in whole, and written into the records so that a reboot finds what ran.
#include "broker.h"
#include "log.h"
#include "message.h"
#include "oom.h"
#include "task.h"
#include "uuid.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

enum {
    OBSERVE_MS = 3000,
    INVENTORY_MS = 60000,
    // A node that shuts down takes its guests with it some seconds before us: "stopped" must last that
    // long until it is taken for the wish of the guest's owner.
    STOPPED_SETTLES_MS = 15000,
    // A monitor that ends by itself takes its cgroup away a moment after the guest. Doubled with each time that the guest comes
    // back, up to 320 s, until it ran for ten minutes.
    CRASH_SETTLES_MS = 2500,
    COMEBACKS_MAX = 7,
    WELL_MS = 600000,
    ENTRIES_MAX = 4000, // of one message, which must stay below 1 MiB
};

static json_t *entry_json(const struct vps_entry *entry)
{
    json_t *json =
        json_pack("{s:s, s:I, s:s}", "vps", entry->state.vps, "generation",
                  (json_int_t)entry->state.generation, "observed", observed_name(entry->observed));
    if (entry->has_spec) {
        json_object_set_new(json, "slot", json_integer(entry->spec.slot));
    }
    if (entry->observed == OBSERVED_ERROR) {
        json_object_set_new(json, "error", message_error(&entry->error));
    }
    return json;
}

static void save(struct broker *broker, struct vps_entry *entry)
{
    struct err err = {0};
    enum observed before = entry->state.observed;
    entry->state.observed = entry->observed;
    if (vps_state_save(broker->config, &entry->state, &err) < 0) {
        entry->state.observed = before; // tried again at the next look
        log_error("vps_state", "vps=%s error=%s", entry->state.vps, LOGQ(err.text));
    }
}

// A guest that ran and rebooted itself, or went down with its monitor: nobody switched it off.
static bool is_due_back(const struct broker *broker, const struct vps_entry *entry)
{
    const struct vps_state *state = &entry->state;
    return entry->observed == OBSERVED_STOPPED && entry->has_record && state->created &&
           broker->drivers.container->is_coming_back(broker->config, state->vps, state->observed);
}

static void keep(struct broker *broker, struct vps_entry *entry)
{
    if (is_due_back(broker, entry) || !entry->has_record ||
        entry->state.observed == entry->observed || broker->stopping) {
        return;
    }
    bool settled = broker_now_ms() - entry->changed_ms >= STOPPED_SETTLES_MS;
    if (entry->observed == OBSERVED_RUNNING || settled) {
        save(broker, entry);
    }
}

static void observe(struct broker *broker, struct vps_entry *entry)
{
    struct err err = {0};
    enum observed observed = OBSERVED_ERROR;
    if (broker->drivers.container->observe(broker->config, entry->state.vps, &observed, &err) < 0) {
        observed = OBSERVED_ERROR;
    }
    if (observed != entry->observed) {
        log_info("vps_observed", "vps=%s observed=%s before=%s error=%s", entry->state.vps,
                 observed_name(observed), observed_name(entry->observed), LOGQ(err.text));
        if (entry->observed == OBSERVED_RUNNING && broker_now_ms() - entry->changed_ms >= WELL_MS) {
            entry->comebacks = 0;
        }
        entry->observed = observed;
        entry->changed_ms = broker_now_ms();
        entry->dirty = true;
    }
    entry->error = err;
}

// It is started again without asking anybody.
static void revive(struct broker *broker, struct vps_entry *entry)
{
    const struct vps_state *state = &entry->state;
    unsigned times = entry->comebacks < COMEBACKS_MAX ? entry->comebacks : COMEBACKS_MAX;
    int64_t pause_ms = (int64_t)CRASH_SETTLES_MS << times;
    if (broker->stopping || broker->boot_pending ||
        broker_now_ms() - entry->changed_ms < pause_ms || !is_due_back(broker, entry)) {
        return;
    }
    entry->comebacks++;
    log_info("vps_comes_back", "vps=%s times=%u", state->vps, entry->comebacks);
    broker_task_internal(broker, &task_start, state->vps, state->spec, state->generation);
}

void broker_observe_all(struct broker *broker)
{
    struct vps_entry *entry;
    broker_usage_collect(broker);
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (!queue_has_vps(broker->queue, entry->state.vps)) {
            observe(broker, entry);
            revive(broker, entry);
            keep(broker, entry);
        }
    }
}

static void send_entries(struct broker *broker, bool full, bool fresh, json_t *entries)
{
    broker_send(broker, json_pack("{s:s, s:b, s:b, s:o}", "type", "inventory", "full", full,
                                  "fresh", fresh, "vps", entries));
}

// Nothing is lost when there is no connection: every one begins with the whole inventory.
static void send_changes(struct broker *broker)
{
    json_t *entries = json_array();
    struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (entry->dirty && json_array_size(entries) < ENTRIES_MAX) {
            json_array_append_new(entries, entry_json(entry));
            entry->dirty = false;
        }
    }
    if (json_array_size(entries) > 0) {
        send_entries(broker, false, false, entries);
    } else {
        json_decref(entries);
    }
}

json_t *broker_observe_inventory(struct broker *broker)
{
    json_t *entries = json_array();
    struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)) && i < ENTRIES_MAX; i++) {
        json_array_append_new(entries, entry_json(entry));
        entry->dirty = false;
    }
    return entries;
}

void broker_observe_send(struct broker *broker, enum inventory_kind kind)
{
    send_entries(broker, true, kind == INVENTORY_FRESH, broker_observe_inventory(broker));
}

static bool is_guest_folder(const struct broker *broker, const char *name)
{
    return uuid_is(name) && !vps_table_find(broker->vps, name) &&
           !queue_has_vps(broker->queue, name);
}

// Volumes of which there is no record: said, never deleted. (Containers without one are entries of the
// table already: a container's definition lies in its folder under vps/.)
static void report_orphans(struct broker *broker, const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", broker->config->state_dir, folder);
    DIR *dir = opendir(path);
    if (!dir) {
        return; // not the driver in use
    }
    for (const struct dirent *item; (item = readdir(dir));) {
        if (is_guest_folder(broker, item->d_name)) {
            log_warn("orphan_volume", "vps=%s path=%s/%s", item->d_name, path, item->d_name);
        }
    }
    closedir(dir);
}

static void report_all_orphans(struct broker *broker)
{
    report_orphans(broker, "pool/guests");
    report_orphans(broker, "fake/guests");
    const struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (!entry->has_record && !queue_has_vps(broker->queue, entry->state.vps)) {
            log_warn("orphan_container", "vps=%s observed=%s", entry->state.vps,
                     observed_name(entry->observed));
        }
    }
}

static void on_observe(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    broker_observe_all(broker);
    send_changes(broker);
    broker_arm(broker->observe, OBSERVE_MS);
}

static void on_inventory(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    broker_observe_all(broker);
    broker_observe_send(broker, INVENTORY_REPEATED);
    report_all_orphans(broker);
    broker_arm(broker->inventory, INVENTORY_MS);
}

void broker_observe_start(struct broker *broker)
{
    broker->observe = broker_timer(broker, OBSERVE_MS, on_observe);
    broker->inventory = broker_timer(broker, INVENTORY_MS, on_inventory);
    report_all_orphans(broker);
}

void broker_vps_changed(struct broker *broker, const char *vps)
{
    struct vps_entry *entry = vps_table_refresh(broker->vps, vps);
    if (!entry) {
        spool_forget(broker->spool, vps);
        oom_log_forget(broker->oom, vps);
        return;
    }
    entry->dirty = true;
    observe(broker, entry);
    keep(broker, entry);
}
