#include "last.h"

#include "field.h"
#include "file.h"
#include "json.h"
#include "sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_SIZE = 512,
    TEXT_MAX = 4096,
    NAME_LEN = 2 * UUID_LEN + 1, // <vps>.<boot>
    TORN_S = 60, // older, a file that has no name yet is of somebody who died over it
};

struct said {
    const char *node_boot;
    int64_t at_ms, mono_ns;
    struct usage_counters counters;
};

// The server takes no counter past this (croft_usage_samples).
#define COUNT_MAX ((INT64_C(1) << 60) - 1)

#define COUNT(member)                                                                              \
    {                                                                                              \
        .name = #member, .type = FIELD_INT, .offset = offsetof(struct said, counters.member),      \
        .max = COUNT_MAX, .flags = FIELD_REQUIRED                                                  \
    }

static const struct field fields[] = {
    {.name = "node_boot",
     .type = FIELD_UUID,
     .offset = offsetof(struct said, node_boot),
     .flags = FIELD_REQUIRED},
    {.name = "at_ms",
     .type = FIELD_INT,
     .offset = offsetof(struct said, at_ms),
     .max = INT64_C(1) << 45,
     .flags = FIELD_REQUIRED},
    {.name = "mono_ns",
     .type = FIELD_INT,
     .offset = offsetof(struct said, mono_ns),
     .max = COUNT_MAX,
     .flags = FIELD_REQUIRED},
    COUNT(cpu_ns),
    COUNT(memory_bytes),
    COUNT(memory_anon_bytes),
    COUNT(disk_bytes),
    COUNT(io_read_bytes),
    COUNT(io_write_bytes),
    COUNT(io_read_ops),
    COUNT(io_write_ops),
    COUNT(net_rx_bytes),
    COUNT(net_tx_bytes),
    COUNT(net_rx_packets),
    COUNT(net_tx_packets),
    COUNT(pids),
    COUNT(oom_kills),
    COUNT(net_rx_inside_bytes),
    COUNT(net_tx_inside_bytes),
    COUNT(net_rx_outside_bytes),
    COUNT(net_tx_outside_bytes),
    COUNT(net_device),
    COUNT(net_table),
    {0},
};

static int folder_of(const char *state_dir, char path[PATH_SIZE], struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/ended", state_dir);
}

static int path_of(const char *state_dir, const char *vps, const char *boot, char path[PATH_SIZE],
                   struct err *err)
{
    return sysfile_path(path, PATH_SIZE, err, "%s/ended/%s.%s", state_dir, vps, boot);
}

// ---- Leaving

static int read_node_boot(char boot[UUID_LEN + 1], struct err *err)
{
    char text[64];
    int r = sysfile_read("/proc/sys/kernel/random/boot_id", text, sizeof(text), err);
    if (r == 0) {
        snprintf(boot, UUID_LEN + 1, "%.36s", text);
    }
    return r;
}

static json_t *to_json(const char *node_boot, const struct usage_counters *counters)
{
    struct timespec at, mono;
    clock_gettime(CLOCK_REALTIME, &at);
    clock_gettime(CLOCK_BOOTTIME, &mono);
    struct said said = {
        .at_ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000,
        .mono_ns = (int64_t)mono.tv_sec * 1000000000 + mono.tv_nsec,
        .counters = *counters,
    };
    json_t *json = json_pack("{s:s}", "node_boot", node_boot);
    for (const struct field *field = fields; field->name; field++) {
        if (field->type == FIELD_INT) {
            int64_t value;
            memcpy(&value, (const char *)&said + field->offset, sizeof(value));
            json_object_set_new(json, field->name, json_integer(value));
        }
    }
    return json;
}

int last_leave(const char *state_dir, const char *vps, const char *boot,
               const struct usage_counters *counters, struct err *err)
{
    char path[PATH_SIZE], node_boot[UUID_LEN + 1];
    int r = read_node_boot(node_boot, err);
    if (r == 0) {
        r = folder_of(state_dir, path, err);
    }
    if (r == 0) {
        r = file_make_dir(path, 0700, err);
    }
    if (r == 0) {
        r = path_of(state_dir, vps, boot, path, err);
    }
    if (r < 0 || access(path, F_OK) == 0) {
        return r;
    }
    _cleanup_json_ json_t *json = to_json(node_boot, counters);
    _cleanup_free_ char *text = json_write(json);
    return sysfile_replace(path, 0600, text, err);
}

// ---- Taking

static bool split(const char *name, struct last *ret_last)
{
    if (strlen(name) != NAME_LEN || name[UUID_LEN] != '.') {
        return false;
    }
    snprintf(ret_last->vps, sizeof(ret_last->vps), "%.36s", name);
    snprintf(ret_last->boot, sizeof(ret_last->boot), "%s", name + UUID_LEN + 1);
    return uuid_is(ret_last->vps) && uuid_is(ret_last->boot);
}

static int read_one(const char *path, struct last *ret_last, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    struct said said = {0}; // net_gaps is in no file
    size_t len;
    int r = file_read(path, TEXT_MAX, &text, &len, err);
    if (r == 0) {
        r = json_read(text, len, 2, &json, err);
    }
    if (r == 0) {
        r = field_decode(fields, json, NULL, &said, err);
    }
    if (r < 0) {
        return r;
    }
    snprintf(ret_last->node_boot, sizeof(ret_last->node_boot), "%s", said.node_boot);
    ret_last->at_ms = said.at_ms;
    ret_last->mono_ns = said.mono_ns;
    ret_last->counters = said.counters;
    return 0;
}

static bool is_torn(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && st.st_mtim.tv_sec < time(NULL) - TORN_S;
}

// True if it is one; false for what is none (any more). What is none is no reason not to look at the others.
static bool take(const char *state_dir, const char *name, struct last *ret_last, size_t *refused)
{
    char path[PATH_SIZE];
    struct err err = {0};
    if (name[0] == '.' ||
        sysfile_path(path, sizeof(path), &err, "%s/ended/%s", state_dir, name) < 0) {
        return false;
    }
    *ret_last = (struct last){0};
    bool named = split(name, ret_last);
    int r = named ? read_one(path, ret_last, &err) : 0;
    bool wrong =
        named ? r == ERR_MALFORMED || r == ERR_INVALID || r == ERR_TOO_LARGE : is_torn(path);
    if (wrong && unlink(path) == 0) {
        ++*refused;
    }
    return named && r == 0;
}

struct entry {
    struct last last;
    bool of_before; // this start of the node
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->of_before != y->of_before) {
        return x->of_before ? -1 : 1;
    }
    return (x->last.mono_ns > y->last.mono_ns) - (x->last.mono_ns < y->last.mono_ns);
}

// In the order of their ends, whatever the time of day was.
static void sort(struct last *lasts, size_t count, const char *node_boot)
{
    struct entry *entries = calloc(count + 1, sizeof(*entries));
    if (!entries) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct entry){lasts[i], strcmp(lasts[i].node_boot, node_boot) != 0};
    }
    qsort(entries, count, sizeof(*entries), compare);
    for (size_t i = 0; i < count; i++) {
        lasts[i] = entries[i].last;
    }
    free(entries);
}

int last_list(const char *state_dir, const char *node_boot, struct last **ret_lasts,
              size_t *ret_count, size_t *ret_refused, struct err *err)
{
    char path[PATH_SIZE];
    struct last *lasts = NULL;
    size_t count = 0, refused = 0;
    int r = folder_of(state_dir, path, err);
    if (r < 0) {
        return r;
    }
    DIR *dir = opendir(path);
    if (!dir && errno != ENOENT) {
        return err_errno(err, errno, "listing %s", path);
    }
    for (const struct dirent *item; dir && (item = readdir(dir));) {
        struct last last;
        if (!take(state_dir, item->d_name, &last, &refused)) {
            continue;
        }
        if ((count & (count + 1)) == 0) { // 0, 1, 3, 7…: full
            lasts = reallocarray(lasts, 2 * (count + 1), sizeof(*lasts));
        }
        if (!lasts) {
            abort();
        }
        lasts[count++] = last;
    }
    if (dir) {
        closedir(dir);
    }
    if (count > 1) {
        sort(lasts, count, node_boot);
    }
    *ret_lasts = lasts;
    *ret_count = count;
    *ret_refused = refused;
    return 0;
}

int last_remove(const char *state_dir, const struct last *last, struct err *err)
{
    char path[PATH_SIZE];
    int r = path_of(state_dir, last->vps, last->boot, path, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}
