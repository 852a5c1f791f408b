#include "file.h"
#include "json.h"
#include "oom.h"
#include "rfc3339.h"
#include "uuid.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DEPTH_MAX = 8 };

struct oom_log {
    char path[PATH_MAX];
    char boot[UUID_LEN + 1];
    json_t *root; // {"boot", "seq", "vps": {id: {"start", "since", "total", "kills"}}}
};

static json_t *read_root(const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t len;
    json_t *root = NULL;
    struct err err;
    if (file_read(path, FILE_SMALL_MAX, &text, &len, &err) < 0 ||
        json_read(text, len, DEPTH_MAX, &root, &err) < 0) {
        return NULL;
    }
    if (!json_is_object(root) || !json_is_object(json_object_get(root, "vps")) ||
        !json_is_integer(json_object_get(root, "seq"))) {
        json_decref(root);
        return NULL;
    }
    return root;
}

struct oom_log *oom_log_open(const char *path, const char *boot)
{
    struct oom_log *log = calloc(1, sizeof(*log));
    if (!log) {
        abort();
    }
    snprintf(log->path, sizeof(log->path), "%s", path);
    snprintf(log->boot, sizeof(log->boot), "%s", boot);
    log->root = read_root(path);
    if (!log->root) {
        log->root = json_pack("{s:s, s:I, s:{}}", "boot", boot, "seq", (json_int_t)-1, "vps");
    }
    if (strcmp(json_get_string(log->root, "boot", ""), boot) != 0) {
        json_object_set_new(log->root, "boot", json_string(boot));
        json_object_set_new(log->root, "seq", json_integer(-1));
    }
    return log;
}

void oom_log_close(struct oom_log *log)
{
    if (log) {
        json_decref(log->root);
        free(log);
    }
}

static json_t *find(const struct oom_log *log, const char *vps)
{
    return json_object_get(json_object_get(log->root, "vps"), vps);
}

static json_t *find_or_add(struct oom_log *log, const char *vps)
{
    json_t *one = find(log, vps);
    if (!one) {
        one = json_pack("{s:s, s:i, s:i, s:[]}", "start", "", "since", 0, "total", 0, "kills");
        json_object_set_new(json_object_get(log->root, "vps"), vps, one);
    }
    return one;
}

static void count(json_t *one, const char *name, int64_t base)
{
    json_object_set_new(one, name, json_integer(base + 1));
}

// The log's clock is that of the time since the boot, which stands still while the host sleeps.
static void wall_time(uint64_t at_us, char out[RFC3339_SIZE])
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_MONOTONIC, &up);
    int64_t ago_ms = ((int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000) - (int64_t)(at_us / 1000);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (ago_ms > 0 ? ago_ms : 0);
    rfc3339_ms(ms, out);
}

static void keep(const struct oom_log *log, json_t *one, const struct oom_kill *kill)
{
    char ts[RFC3339_SIZE];
    json_t *kills = json_object_get(one, "kills");
    wall_time(kill->at_us, ts);
    json_array_append_new(kills, json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:s}", "boot", log->boot,
                                           "seq", (json_int_t)kill->seq, "ts", ts, "process",
                                           kill->process, "pid", (json_int_t)kill->pid,
                                           "memory_bytes", (json_int_t)kill->memory_bytes, "cause",
                                           kill->by_limit ? "limit" : "node"));
    while (json_array_size(kills) > OOM_KEPT) {
        json_array_remove(kills, 0);
    }
}

bool oom_log_add(struct oom_log *log, const char *vps, const char *start,
                 const struct oom_kill *kill)
{
    if (kill->seq > INT64_MAX || (int64_t)kill->seq <= json_get_int(log->root, "seq", -1)) {
        return false;
    }
    oom_log_seen(log, kill->seq);
    json_t *one = find_or_add(log, vps);
    bool same = strcmp(json_get_string(one, "start", ""), start) == 0;
    count(one, "since", same ? json_get_int(one, "since", 0) : 0);
    count(one, "total", json_get_int(one, "total", 0));
    json_object_set_new(one, "start", json_string(start));
    keep(log, one, kill);
    return true;
}

void oom_log_seen(struct oom_log *log, uint64_t seq)
{
    json_t *last = json_object_get(log->root, "seq");
    if (seq <= INT64_MAX && (json_int_t)seq > json_integer_value(last)) {
        json_integer_set(last, (json_int_t)seq);
    }
}

int oom_log_save(const struct oom_log *log, struct err *err)
{
    _cleanup_free_ char *text = json_write(log->root);
    return file_write_atomic(log->path, text, strlen(text), 0600, err);
}

void oom_log_forget(struct oom_log *log, const char *vps)
{
    json_object_del(json_object_get(log->root, "vps"), vps);
}

uint64_t oom_log_since(const struct oom_log *log, const char *vps, const char *start)
{
    const json_t *one = find(log, vps);
    bool same = one && strcmp(json_get_string(one, "start", ""), start) == 0;
    return same ? (uint64_t)json_get_int(one, "since", 0) : 0;
}

uint64_t oom_log_total(const struct oom_log *log, const char *vps)
{
    const json_t *one = find(log, vps);
    return one ? (uint64_t)json_get_int(one, "total", 0) : 0;
}

json_t *oom_log_kills(const struct oom_log *log, const char *vps)
{
    json_t *kills = json_object_get(find(log, vps), "kills");
    return json_is_array(kills) ? json_deep_copy(kills) : json_array();
}
