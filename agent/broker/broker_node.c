// The node itself: pool and network at the start, reboots, hello and heartbeats.
#include "broker.h"
#include "file.h"
#include "host.h"
#include "json.h"
#include "log.h"
#include "uuid.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

enum { OPEN_RETRY_MS = 10000, CHECK_FIRST_MS = 3000, IMAGES_MAX = 256, SHA256_HEX = 64 };

static uint64_t memory_bytes(const char *name)
{
    _cleanup_free_ char *text = NULL;
    if (file_read("/proc/meminfo", 16384, &text, NULL, NULL) < 0) {
        return 0;
    }
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

// What the host lacks and what follows, then what the driver does.
static json_t *warnings_json(const struct broker *broker, const struct host_facts *facts)
{
    json_t *warnings = json_array();
    for (int i = 0; i < facts->warning_count; i++) {
        json_array_append_new(warnings, json_string(facts->warnings[i]));
    }
    if (broker->drivers.container->lacks) {
        json_array_append_new(warnings, json_string(broker->drivers.container->lacks));
    }
    return warnings;
}

static void log_warnings(const struct broker *broker)
{
    struct host_facts facts;
    host_observe(&facts);
    _cleanup_json_ json_t *warnings = warnings_json(broker, &facts);
    size_t i;
    json_t *warning;
    json_array_foreach (warnings, i, warning) {
        log_warn("node", "warning=%s", LOGQ(json_string_value(warning)));
    }
}

static void stat_pool(const struct broker *broker, uint64_t *ret_bytes, uint64_t *ret_free)
{
    struct err err = {0};
    *ret_bytes = *ret_free = 0;
    if (broker->drivers.volume->stat_pool(broker->config, ret_bytes, ret_free, &err) < 0) {
        log_warn("pool", "error=%s", LOGQ(err.text));
    }
}

static json_int_t declared(int64_t configured, uint64_t measured)
{
    return configured > 0 ? configured : (json_int_t)measured;
}

static json_t *node_json(const struct broker *broker)
{
    const struct agent_config *config = broker->config;
    struct host_facts facts;
    struct utsname name;
    uint64_t disk;
    uint64_t disk_free;
    host_observe(&facts);
    uname(&name);
    stat_pool(broker, &disk, &disk_free);
    json_t *node =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "kernel", name.release, "cpus",
                  declared(config->capacity.vcpus, (uint64_t)get_nprocs()), "memory_bytes",
                  declared(config->capacity.memory_bytes, memory_bytes("MemTotal:")), "disk_bytes",
                  declared(config->capacity.disk_bytes, disk), "disk_free_bytes",
                  (json_int_t)disk_free, "pool_bytes", (json_int_t)disk, "id_base",
                  (json_int_t)config->ids.base, "id_count", (json_int_t)config->ids.count);
    json_t *more = json_pack("{s:s, s:b, s:b, s:{s:s, s:s, s:s}, s:o}", "cgroup",
                             facts.cgroup_version == 2 ? "v2" : "v1", "apparmor", facts.apparmor,
                             "lxcfs", facts.lxcfs, "drivers", "container",
                             config->drivers.container, "volume", config->drivers.volume, "network",
                             config->drivers.network, "warnings", warnings_json(broker, &facts));
    json_object_update_new(node, more);
    return node;
}

// The images of the pool.
static void add_images(const struct broker *broker, const char *folder, json_t *images)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", broker->config->state_dir, folder);
    DIR *dir = opendir(path);
    if (!dir) {
        return;
    }
    for (const struct dirent *item; (item = readdir(dir));) {
        const char *name = item->d_name;
        if (strlen(name) == SHA256_HEX && strspn(name, "0123456789abcdef") == SHA256_HEX &&
            json_array_size(images) < IMAGES_MAX &&
            broker->drivers.volume->has_image(broker->config, name) > 0) {
            json_array_append_new(images, json_string(name));
        }
    }
    closedir(dir);
}

void broker_node_hello(struct broker *broker)
{
    if (!broker->up || !broker->open) {
        return;
    }
    json_t *images = json_array();
    add_images(broker, broker->drivers.volume->image_folder, images);
    broker_observe_all(broker);
    broker_send_link(broker, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "type", "hello",
                                       "agent", CROFT_VERSION, "boot", broker->boot_id, "name",
                                       broker->config->name, "node", node_json(broker), "images",
                                       images, "inventory", broker_observe_inventory(broker)));
}

static void send_heartbeat(struct broker *broker)
{
    uint64_t disk;
    uint64_t disk_free;
    double load = 0;
    stat_pool(broker, &disk, &disk_free);
    if (getloadavg(&load, 1) < 1) {
        load = 0;
    }
    json_t *heartbeat = json_pack("{s:s, s:I, s:I, s:I, s:I}", "type", "heartbeat", "pool_bytes",
                                  (json_int_t)disk, "disk_free_bytes", (json_int_t)disk_free,
                                  "memory_free_bytes", (json_int_t)memory_bytes("MemAvailable:"),
                                  "load_milli", (json_int_t)(load * 1000));
    if (broker->alarms) {
        json_object_set(heartbeat, "alarms", broker->alarms);
    }
    broker_send(broker, heartbeat);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    if (broker->epoch > 0) {
        send_heartbeat(broker);
        broker_arm(broker->heartbeat, broker->heartbeat_s * 1000);
    }
}

void broker_node_start(struct broker *broker, int64_t heartbeat_s)
{
    if (!broker->heartbeat) {
        broker->heartbeat = broker_timer(broker, 0, on_heartbeat);
    }
    broker->heartbeat_s = heartbeat_s;
    send_heartbeat(broker);
    broker_arm(broker->heartbeat, heartbeat_s * 1000);
}

static void boot_path(const struct broker *broker, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/boot", broker->config->state_dir);
}

static void write_boot(struct broker *broker)
{
    struct err err = {0};
    char path[PATH_MAX];
    boot_path(broker, path);
    if (file_write_atomic(path, broker->boot_id, strlen(broker->boot_id), 0600, &err) < 0) {
        log_error("boot", "error=%s", LOGQ(err.text));
    }
    broker->boot_pending = false;
}

static bool is_same_boot(struct broker *broker)
{
    char path[PATH_MAX];
    boot_path(broker, path);
    _cleanup_free_ char *text = NULL;
    return file_read(path, 64, &text, NULL, NULL) == 0 && strcmp(text, broker->boot_id) == 0;
}

// After a reboot of the node: what ran when we last looked is started again, without asking anybody.
// The new boot id is written when all starts have ended, so that a crash in between repeats them.
static void start_guests(struct broker *broker)
{
    if (is_same_boot(broker)) {
        return;
    }
    broker->boot_pending = true;
    const struct vps_entry *entry;
    for (size_t i = 0; (entry = vps_table_at(broker->vps, i)); i++) {
        if (entry->has_record && entry->state.created &&
            entry->state.observed == OBSERVED_RUNNING) {
            broker_task_internal(broker, &task_start, entry->state.vps, entry->state.spec,
                                 entry->state.generation);
        }
    }
    broker_node_booted(broker);
}

static bool is_starting_guests(const struct broker *broker)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (!*job->task) {
            return true;
        }
    }
    return false;
}

void broker_node_booted(struct broker *broker)
{
    if (broker->boot_pending && !is_starting_guests(broker)) {
        write_boot(broker);
    }
}

static void on_retry_open(evutil_socket_t fd, short what, void *arg)
{
    broker_node_open(arg);
}

void broker_node_open(struct broker *broker)
{
    broker_task_internal(broker, &task_node_open, "", NULL, 0);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    struct broker *broker = arg;
    if (!queue_has_vps(broker->queue, "")) {
        broker_check_start(broker);
    }
    broker_arm(broker->check, broker->config->check_s * 1000);
}

void broker_node_opened(struct broker *broker, bool done)
{
    if (!done) {
        if (!broker->retry_open) {
            broker->retry_open = broker_timer(broker, 0, on_retry_open);
        }
        broker_arm(broker->retry_open, OPEN_RETRY_MS);
        return;
    }
    broker->open = true;
    log_warnings(broker);
    if (broker->drivers.volume->disks(broker->config, &broker->drivers.disks, NULL) < 0) {
        broker->drivers.disks.count = 0;
    }
    broker->check = broker_timer(broker, CHECK_FIRST_MS, on_check);
    start_guests(broker);
    broker_task_resume(broker);
    broker_upload_tidy(broker);
    broker_observe_start(broker);
    broker_usage_start(broker);
    broker_evidence_start(broker);
    // Only now does the link dial: the server wants a hello, which is of a node that is open.
    broker_send_link(broker, json_pack("{s:s}", "type", "ready"));
}
