#include "config.h"

#include "cidr.h"
#include "field.h"
#include "log.h"
#include "places.h"
#include "spec.h"
#include "yaml_tree.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define IN(member) .offset = offsetof(struct agent_config, member)
// An offset inside a nested section counts from the section.
#define IN_SECTION(section, member)                                                                \
    .offset = offsetof(struct agent_config, section.member) - offsetof(struct agent_config, section)

static const struct field driver_fields[] = {
    {.name = "container",
     .type = FIELD_STRING,
     IN_SECTION(drivers, container),
     .min = 1,
     .max = 16,
     .preset = "lxc",
     .help = "`lxc`; `crun`, an OCI runtime, which gives guests no terminal; or `fake` for tests "
             "and fleet simulation."},
    {.name = "volume",
     .type = FIELD_STRING,
     IN_SECTION(drivers, volume),
     .min = 1,
     .max = 16,
     .preset = "btrfs",
     .help = "`btrfs` or `fake`."},
    {.name = "network",
     .type = FIELD_STRING,
     IN_SECTION(drivers, network),
     .min = 1,
     .max = 16,
     .preset = "routed",
     .help = "`routed` or `fake`."},
    {0},
};

static const struct field pool_fields[] = {
    {.name = "device",
     .type = FIELD_STRING,
     IN_SECTION(pool, device),
     .min = 0,
     .max = 255,
     .preset = "",
     .help = "Block device with a btrfs file system; empty: a loop file, `pool.img`."},
    {.name = "size_bytes",
     .type = FIELD_INT,
     IN_SECTION(pool, size_bytes),
     .min = 256LL << 20,
     .max = 1LL << 50,
     .preset = "21474836480",
     .help = "Size in bytes of the loop file when made."},
    {.name = "mode",
     .type = FIELD_STRING,
     IN_SECTION(pool, mode),
     .min = 1,
     .max = 16,
     .preset = "snapshot",
     .help = "What new disks are: `snapshot`, each a whole copy of its image, or `layer`, what its "
             "guest changed above an image that all read. Those that exist stay what they are."},
    {0},
};

static const struct field id_fields[] = {
    {.name = "base",
     .type = FIELD_INT,
     IN_SECTION(ids, base),
     .min = 100000,
     .max = 4294901760,
     .preset = "1000000",
     .help = "First host user id given to guests."},
    {.name = "count",
     .type = FIELD_INT,
     IN_SECTION(ids, count),
     .min = 1,
     .max = 65000,
     .preset = "1000",
     .help = "How many ranges of 65,536 ids follow the base."},
    {0},
};

static const struct field capacity_fields[] = {
    {.name = "vcpus",
     .type = FIELD_INT,
     IN_SECTION(capacity, vcpus),
     .min = 0,
     .max = 65536,
     .preset = "0",
     .help = "CPUs declared to the control plane; 0: those of the host."},
    {.name = "memory_bytes",
     .type = FIELD_INT,
     IN_SECTION(capacity, memory_bytes),
     .min = 0,
     .max = 1LL << 50,
     .preset = "0",
     .help = "Bytes of memory declared; 0: those of the host."},
    {.name = "disk_bytes",
     .type = FIELD_INT,
     IN_SECTION(capacity, disk_bytes),
     .min = 0,
     .max = 1LL << 60,
     .preset = "0",
     .help = "Bytes of disk declared; 0: those of the pool."},
    {0},
};

static const struct field network_fields[] = {
    {.name = "deny",
     .type = FIELD_STRINGS,
     IN_SECTION(network, deny),
     .max = 256,
     .item_max = CIDR_TEXT_MAX - 1,
     .help = "Networks that no guest may reach, as `10.0.0.0/8`; link-local ones never are."},
    {.name = "inside",
     .type = FIELD_STRINGS,
     IN_SECTION(network, inside),
     .max = 256,
     .item_max = CIDR_TEXT_MAX - 1,
     .help = "Networks inside the location, whose traffic is counted apart; the same on all its "
             "nodes."},
    {.name = "connections",
     .type = FIELD_INT,
     IN_SECTION(network, connections),
     .min = 64,
     .max = 65536,
     .preset = "8192",
     .help = "Connections of one guest tracked at once, each way; more are dropped."},
    {0},
};

static const struct field config_fields[] = {
    {.name = "state_dir",
     .type = FIELD_STRING,
     IN(state_dir),
     .min = 2,
     .max = 160,
     .preset = "/var/lib/croft/agent",
     .help = "Absolute folder of everything the agent keeps."},
    {.name = "server",
     .type = FIELD_STRING,
     IN(server),
     .min = 0,
     .max = 261,
     .preset = "",
     .help = "`host:port` of the server's agent listener; empty: the one that was joined."},
    {.name = "name",
     .type = FIELD_NAME,
     IN(name),
     .help = "Name of the node offered when joining; without it the host name."},
    {.name = "link_user",
     .type = FIELD_STRING,
     IN(link_user),
     .min = 1,
     .max = 32,
     .preset = "croft-agent",
     .help = "Account that the link process runs as."},
    {.name = "log_level",
     .type = FIELD_STRING,
     IN(log_level),
     .min = 4,
     .max = 5,
     .preset = "info",
     .help = "`debug`, `info`, `warn` or `error`."},
    {.name = "drivers",
     .type = FIELD_OBJECT,
     IN(drivers),
     .fields = driver_fields,
     .help = "What makes containers, volumes and networks."},
    {.name = "pool",
     .type = FIELD_OBJECT,
     IN(pool),
     .fields = pool_fields,
     .help = "Where guests and images are stored."},
    {.name = "ids",
     .type = FIELD_OBJECT,
     IN(ids),
     .fields = id_fields,
     .help = "Host user ids that guests are mapped to."},
    {.name = "capacity",
     .type = FIELD_OBJECT,
     IN(capacity),
     .fields = capacity_fields,
     .help = "What is declared to the control plane."},
    {.name = "network",
     .type = FIELD_OBJECT,
     IN(network),
     .fields = network_fields,
     .help = "What holds for the network of every guest."},
    {.name = "sample_s",
     .type = FIELD_INT,
     IN(sample_s),
     .min = 1,
     .max = 60,
     .preset = "10",
     .help = "Seconds between two usage samples."},
    {.name = "report_s",
     .type = FIELD_INT,
     IN(report_s),
     .min = 1,
     .max = 600,
     .preset = "60",
     .help = "Seconds between two usage reports."},
    {.name = "workers",
     .type = FIELD_INT,
     IN(workers),
     .min = 1,
     .max = 64,
     .preset = "16",
     .help = "Tasks run in parallel at most."},
    {.name = "image_cache_bytes",
     .type = FIELD_INT,
     IN(image_cache_bytes),
     .min = 0,
     .max = 1LL << 50,
     .preset = "21474836480",
     .help =
         "Images kept in the pool have at most so many bytes together; those in use stay anyway."},
    {.name = "stop_timeout_s",
     .type = FIELD_INT,
     IN(stop_timeout_s),
     .min = 0,
     .max = 600,
     .preset = "30",
     .help = "Seconds a guest gets to shut down before force."},
    {.name = "check_s",
     .type = FIELD_INT,
     IN(check_s),
     .min = 1,
     .max = 3600,
     .preset = "60",
     .help = "Seconds between two checks of the node: its alarms, and what lies about on it."},
    {.name = "restart_max_ms",
     .type = FIELD_INT,
     IN(restart_max_ms),
     .min = 200,
     .max = 600000,
     .preset = "5000",
     .help = "Milliseconds at most before broker and link are started again; the pause doubles "
             "from 200."},
    {.name = "spool_max_bytes",
     .type = FIELD_INT,
     IN(spool_max_bytes),
     .min = 1 << 20,
     .max = 1LL << 40,
     .preset = "268435456",
     .help = "Bytes of unacknowledged usage kept at most; the oldest goes first."},
    {.name = "state_reserve_bytes",
     .type = FIELD_INT,
     IN(state_reserve_bytes),
     .min = 1 << 20,
     .max = 1LL << 50,
     .preset = "1073741824",
     .help = "Bytes of the disk of state_dir that packing an image leaves free, beside what the "
             "pool's own file may still take."},
    {0},
};

static int check_server(const char *server, struct err *err)
{
    if (!*server) {
        return 0;
    }
    const char *colon = strrchr(server, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || colon == server || !colon[1] || *end || port < 1 || port > 65535) {
        return err_at(err, ERR_INVALID, "/server", "server must be host:port");
    }
    return 0;
}

static int check_networks(const struct field_strings *networks, const char *name, struct err *err)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (cidr_family(networks->items[i]) == 0) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/network/%s/%zu", name, i);
            return err_at(err, ERR_INVALID, pointer, "not a network such as 10.0.0.0/8");
        }
    }
    return 0;
}

static int check(const struct agent_config *config, struct err *err)
{
    if (config->state_dir[0] != '/' || strstr(config->state_dir, "/..")) {
        return err_at(err, ERR_INVALID, "/state_dir", "state_dir must be an absolute path");
    }
    if (log_level_parse(config->log_level) < 0) {
        return err_at(err, ERR_INVALID, "/log_level", "log_level is not a level");
    }
    if (strcmp(config->pool.mode, "snapshot") != 0 && strcmp(config->pool.mode, "layer") != 0) {
        return err_at(err, ERR_INVALID, "/pool/mode", "pool.mode must be snapshot or layer");
    }
    if (config->ids.base + config->ids.count * IDS_PER_VPS > (int64_t)UINT32_MAX) {
        return err_at(err, ERR_INVALID, "/ids", "the id ranges go past 2^32");
    }
    int r = check_networks(&config->network.deny, "deny", err);
    if (r == 0) {
        r = check_networks(&config->network.inside, "inside", err);
    }
    return r < 0 ? r : check_server(config->server, err);
}

// Presets of nested sections apply also when the section is not in the file at all.
static void add_sections(json_t *tree)
{
    static const char *const sections[] = {"drivers", "pool", "ids", "capacity", "network"};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!json_object_get(tree, sections[i])) {
            json_object_set_new(tree, sections[i], json_object());
        }
    }
}

// The host name as a label, kept in the tree so that the configuration goes on owning its strings.
static const char *own_host_name(json_t *tree)
{
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, sizeof(host) - 1);
    host[strcspn(host, ".")] = '\0';
    for (char *p = host; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789", *p)) {
            *p = '-';
        }
    }
    size_t len = strlen(host);
    bool is_label = len > 0 && len < 64 && host[0] != '-' && host[len - 1] != '-';
    json_t *name = json_string(is_label ? host : "node");
    json_object_set_new(tree, "name", name);
    return json_string_value(name);
}

int agent_config_load(const char *path, struct agent_config *ret_config, struct err *err)
{
    struct agent_config config = {0};
    json_t *tree = NULL;
    struct field_places *places = NULL;
    if (yaml_read_file(path, &tree, &places, err) < 0) {
        return err->code;
    }
    add_sections(tree);
    int r = field_decode(config_fields, tree, places, &config, err);
    if (r == 0 && (r = check(&config, err)) < 0) {
        char pointer[sizeof(err->pointer)];
        snprintf(pointer, sizeof(pointer), "%s", err->pointer);
        field_places_find(places, pointer, err->pointer, sizeof(err->pointer));
    }
    if (r < 0) {
        field_places_destroy(places);
        json_decref(tree);
        return r;
    }
    config.tree = tree;
    config.places = places;
    if (!config.name) {
        config.name = own_host_name(tree);
    }
    *ret_config = config;
    return 0;
}

void agent_config_finish(struct agent_config *config)
{
    field_release(config_fields, config);
    field_places_destroy(config->places);
    json_decref(config->tree);
    *config = (struct agent_config){0};
}

void agent_config_print_reference(FILE *to)
{
    field_print_reference(config_fields, "", to);
}
