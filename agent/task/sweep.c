#include "sweep.h"

#include "cgroup.h"
#include "config.h"
#include "json.h"
#include "netdev.h"
#include "sysfile.h"
#include "uuid.h"
#include "vps_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

// What is left of a long order is removed by the next sweeps, which begin it anew.
enum { SLOTS = 65536, REAP_MS = 2000, DETAIL_MAX = 200, CLEANS_MAX = 32 };

struct sweep {
    const struct agent_config *config;
    const struct drivers *drivers;
    char (*ids)[37]; // of every record, sorted
    size_t count;
    unsigned char slots[SLOTS / 8]; // of every record
    bool unread; // a record could not be read: any device may be its guest's
    int cleaned;
};

static void add(json_t *found, const char *kind, const char *name, const char *detail)
{
    json_array_append_new(
        found, json_pack("{s:s, s:s, s:s}", "kind", kind, "name", name, "detail", detail));
}

static bool has_record(const struct sweep *sweep, const char *id)
{
    return bsearch(id, sweep->ids, sweep->count, sizeof(*sweep->ids),
                   (int (*)(const void *, const void *))strcmp);
}

// ---- Disks of guests

static void find_volumes_in(const struct sweep *sweep, const char *folder, json_t *found)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", sweep->config->state_dir, folder);
    DIR *dir = opendir(path);
    if (!dir) {
        return; // not the driver in use
    }
    for (const struct dirent *item; (item = readdir(dir));) {
        if (uuid_is(item->d_name)) {
            add(found, "volume", item->d_name, folder);
        }
    }
    closedir(dir);
}

static void find_volumes(const struct sweep *sweep, json_t *found)
{
    static const char *const folders[] = {"pool/guests", "pool/snapshots", "fake/guests"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        find_volumes_in(sweep, folders[i], found);
    }
}

static int clean_volume(const struct sweep *sweep, const char *name, struct err *err)
{
    return sweep->drivers->volume->destroy(sweep->config, name, err);
}

// ---- Control groups without a process: those of guests that run are never drift, whosever they are.

static void find_cgroups(const struct sweep *sweep, json_t *found)
{
    static const char prefix[] = "lxc.payload.";
    char path[CGROUP_PATH_SIZE];
    cgroup_path(path, "pids", "", "");
    char *end = strstr(path, prefix);
    if (sweep->drivers->container == &container_fake || !end) {
        return;
    }
    *end = '\0';
    DIR *dir = opendir(path);
    if (!dir) {
        return;
    }
    for (const struct dirent *item; (item = readdir(dir));) {
        const char *id = item->d_name + sizeof(prefix) - 1;
        uint64_t pids = 0;
        struct err err;
        if (strncmp(item->d_name, prefix, sizeof(prefix) - 1) == 0 && uuid_is(id) &&
            cgroup_pids(id, &pids, &err) == 0 && pids == 0) {
            add(found, "cgroup", id, item->d_name);
        }
    }
    closedir(dir);
}

static int clean_cgroup(const struct sweep *sweep, const char *name, struct err *err)
{
    return cgroup_reap(name, REAP_MS, err);
}

// ---- Devices of guests

// crv<slot>; -1: another name.
static int slot_of(const char *device)
{
    char *end;
    if (strncmp(device, "crv", 3) != 0 || device[3] < '0' || device[3] > '9') {
        return -1;
    }
    long slot = strtol(device + 3, &end, 10);
    return *end == '\0' && slot < SLOTS ? (int)slot : -1;
}

static void find_devices(const struct sweep *sweep, json_t *found)
{
    struct if_nameindex *all = if_nameindex();
    if (sweep->drivers->network == &network_routed && all) {
        for (size_t i = 0; all[i].if_name; i++) {
            if (slot_of(all[i].if_name) >= 0) {
                add(found, "device", all[i].if_name, "");
            }
        }
    }
    if (all) {
        if_freenameindex(all);
    }
}

static bool is_device_known(const struct sweep *sweep, const char *name)
{
    int slot = slot_of(name);
    return sweep->unread || slot < 0 || sweep->slots[slot / 8] & 1U << slot % 8;
}

static int clean_device(const struct sweep *sweep, const char *name, struct err *err)
{
    return netdev_delete(name, err);
}

// ---- Loop devices of a pool's file that is gone

static void find_loops(const struct sweep *sweep, json_t *found)
{
    size_t len = strlen(sweep->config->state_dir);
    DIR *dir = opendir("/sys/block");
    if (!dir) {
        return;
    }
    for (const struct dirent *item; (item = readdir(dir));) {
        char path[PATH_MAX];
        char file[SYSFILE_MAX];
        struct err err;
        snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", item->d_name);
        if (sysfile_read(path, file, sizeof(file), &err) < 0) {
            continue;
        }
        file[strcspn(file, "\n")] = '\0';
        if (strncmp(file, sweep->config->state_dir, len) == 0 && file[len] == '/' &&
            strstr(file, " (deleted)")) {
            add(found, "loop", item->d_name, "its file is gone");
        }
    }
    closedir(dir);
}

static bool is_loop_known(const struct sweep *sweep, const char *name)
{
    return false; // those that belong are not found
}

static int clean_loop(const struct sweep *sweep, const char *name, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/dev/%.32s", name);
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd < 0 || ioctl(fd, LOOP_CLR_FD, 0) < 0 ? err_errno(err, errno, "detaching %s", path)
                                                   : 0;
}

// ---- All of it

static const struct source {
    const char *kind;
    void (*find)(const struct sweep *sweep, json_t *found);
    bool (*is_known)(const struct sweep *sweep, const char *name);
    int (*clean)(const struct sweep *sweep, const char *name, struct err *err);
} sources[] = {
    {"volume", find_volumes, has_record, clean_volume},
    {"cgroup", find_cgroups, has_record, clean_cgroup},
    {"device", find_devices, is_device_known, clean_device},
    {"loop", find_loops, is_loop_known, clean_loop},
};

static void find_all(const struct sweep *sweep, json_t *found)
{
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        sources[i].find(sweep, found);
    }
}

static const struct source *source_of(const json_t *item)
{
    const char *kind = json_get_string(item, "kind", "");
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (strcmp(sources[i].kind, kind) == 0) {
            return &sources[i];
        }
    }
    return NULL;
}

static bool contains(json_t *list, const json_t *item)
{
    size_t i;
    json_t *other;
    json_array_foreach (list, i, other) {
        if (strcmp(json_get_string(other, "kind", ""), json_get_string(item, "kind", "")) == 0 &&
            strcmp(json_get_string(other, "name", ""), json_get_string(item, "name", "")) == 0) {
            return true;
        }
    }
    return false;
}

static int load_records(struct sweep *sweep, struct err *err)
{
    int r = vps_state_list(sweep->config, &sweep->ids, &sweep->count, err);
    for (size_t i = 0; r == 0 && i < sweep->count; i++) {
        struct vps_state state;
        struct err ignored;
        int loaded = vps_state_load(sweep->config, sweep->ids[i], &state, &ignored);
        sweep->unread |= loaded < 0 && loaded != ERR_NOT_FOUND;
        if (loaded == 0) {
            json_int_t slot = json_get_int(state.spec, "slot", -1);
            if (slot >= 0 && slot < SLOTS) {
                sweep->slots[slot / 8] |= (unsigned char)(1U << slot % 8);
            }
            vps_state_finish(&state);
        }
    }
    return r;
}

// Removes it if that was ordered; what is still there then is told with the reason.
static void settle(struct sweep *sweep, json_t *item, json_t *clean, json_t *left)
{
    struct err err = {0};
    const char *name = json_get_string(item, "name", "");
    if (contains(clean, item) && sweep->cleaned++ < CLEANS_MAX) {
        if (source_of(item)->clean(sweep, name, &err) == 0) {
            return;
        }
        char text[sizeof(err.text)];
        snprintf(text, sizeof(text), "%s", err.text);
        text[DETAIL_MAX] = '\0'; // a message's bound
        json_object_set_new(item, "error", json_string(text));
    }
    if (json_array_size(left) < SWEEP_FINDINGS_MAX) {
        json_array_append(left, item);
    }
}

// What is being made has its record first, what is being deleted loses it last: so what was there before the records were read, has
// none, and is there after, belongs to none.
int sweep_run(const struct agent_config *config, const struct drivers *drivers, json_t *clean,
              json_t **ret_found, struct err *err)
{
    struct sweep sweep = {.config = config, .drivers = drivers};
    _cleanup_json_ json_t *before = json_array();
    _cleanup_json_ json_t *after = json_array();
    find_all(&sweep, before);
    int r = load_records(&sweep, err);
    if (r < 0) {
        return r;
    }
    find_all(&sweep, after);
    json_t *left = json_array();
    size_t i;
    json_t *item;
    json_array_foreach (before, i, item) {
        const struct source *source = source_of(item);
        if (!source->is_known(&sweep, json_get_string(item, "name", "")) && contains(after, item) &&
            !contains(left, item)) {
            settle(&sweep, item, clean, left);
        }
    }
    free(sweep.ids);
    *ret_found = left;
    return 0;
}
