// How often a container met its limits, in both layouts.
#include "cgroup.h"
#include "sysfile.h"

#include <ftw.h>
#include <string.h>

enum { TEXT_SIZE = 8192, GROUPS_MAX = 512 };

static bool read_text(const char *controller, const char *vps, const char *file,
                      char text[TEXT_SIZE])
{
    char path[CGROUP_PATH_SIZE];
    cgroup_path(path, controller, vps, file);
    return sysfile_read(path, text, TEXT_SIZE, NULL) == 0;
}

static bool read_number(const char *controller, const char *vps, const char *file, uint64_t *ret)
{
    char path[CGROUP_PATH_SIZE];
    cgroup_path(path, controller, vps, file);
    return sysfile_read_u64(path, ret, NULL) == 0;
}

static bool read_key(const char *controller, const char *vps, const char *file, const char *key,
                     uint64_t *ret)
{
    char text[TEXT_SIZE];
    return read_text(controller, vps, file, text) && sysfile_find_u64(text, key, ret, NULL) == 0;
}

static struct {
    uint64_t hits;
    unsigned groups;
} walked; // of the one walk at a time of this process

static int visit_pids(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char file[CGROUP_PATH_SIZE], text[TEXT_SIZE];
    uint64_t hits = 0;
    if (type != FTW_D) {
        return 0;
    }
    if (sysfile_path(file, sizeof(file), NULL, "%s/pids.events", path) == 0 &&
        sysfile_read(file, text, sizeof(text), NULL) == 0 &&
        sysfile_find_u64(text, "max", &hits, NULL) == 0) {
        walked.hits += hits;
    }
    return ++walked.groups >= GROUPS_MAX;
}

// A refused fork is counted where the limit was (Linux 6.11 and later, version 2), else where the process was that forked:
// anywhere below. Who never came near the limit needs no walk.
static bool read_pids(const char *vps, uint64_t *ret_hits)
{
    char path[CGROUP_PATH_SIZE], text[TEXT_SIZE];
    uint64_t peak, most;
    *ret_hits = 0;
    if (read_number("pids", vps, "pids.peak", &peak) &&
        read_number("pids", vps, "pids.max", &most) && peak < most) {
        return true;
    }
    if (read_text("pids", vps, "pids.events.local", text)) {
        return read_key("pids", vps, "pids.events", "max", ret_hits);
    }
    walked.hits = walked.groups = 0;
    cgroup_path(path, "pids", vps, "");
    nftw(path, visit_pids, 16, FTW_PHYS | FTW_MOUNT);
    *ret_hits = walked.hits;
    return walked.groups > 0;
}

// Version 1 has no limit of swap but one of memory and swap together, and asks that one first: where the plan has no swap, the
// two are the same limit, and its hits are those of memory.
static void read_swap_v1(const char *vps, struct limits_met *met)
{
    uint64_t memory = 0, both = 0, memory_limit = 0, both_limit = 0;
    met->swap.counted = read_number("memory", vps, "memory.memsw.failcnt", &met->swap.hits) &&
                        read_number("memory", vps, "memory.limit_in_bytes", &memory_limit) &&
                        read_number("memory", vps, "memory.memsw.limit_in_bytes", &both_limit) &&
                        read_number("memory", vps, "memory.usage_in_bytes", &memory) &&
                        read_number("memory", vps, "memory.memsw.usage_in_bytes", &both);
    met->swap_bytes = both > memory ? both - memory : 0;
    if (met->swap.counted && both_limit <= memory_limit) {
        met->memory.hits += met->swap.hits;
        met->swap.hits = 0;
    }
}

static void read_v1(const char *vps, struct limits_met *met)
{
    met->memory.counted = read_number("memory", vps, "memory.failcnt", &met->memory.hits);
    read_swap_v1(vps, met);
    char text[TEXT_SIZE];
    met->cpu.counted = read_text("cpu", vps, "cpu.stat", text) &&
                       sysfile_find_u64(text, "nr_periods", &met->periods, NULL) == 0 &&
                       sysfile_find_u64(text, "nr_throttled", &met->cpu.hits, NULL) == 0 &&
                       sysfile_find_u64(text, "throttled_time", &met->throttled_ns, NULL) == 0;
}

static void read_v2(const char *vps, struct limits_met *met)
{
    met->memory.counted = read_key("", vps, "memory.events", "max", &met->memory.hits);
    met->swap.counted = read_key("", vps, "memory.swap.events", "max", &met->swap.hits);
    (void)!read_number("", vps, "memory.swap.current", &met->swap_bytes);
    char text[TEXT_SIZE];
    met->cpu.counted = read_text("", vps, "cpu.stat", text) &&
                       sysfile_find_u64(text, "nr_periods", &met->periods, NULL) == 0 &&
                       sysfile_find_u64(text, "nr_throttled", &met->cpu.hits, NULL) == 0 &&
                       sysfile_find_u64(text, "throttled_usec", &met->throttled_ns, NULL) == 0;
    met->throttled_ns *= 1000;
}

// Version 1 hosts may have the empty version 2 tree beside it, in which liblxc also makes a group: that is enough.
static void read_pressure(const char *vps, struct limits_met *met)
{
    static const char *const files[PRESSURES] = {[PRESSURE_CPU] = "cpu.pressure",
                                                 [PRESSURE_MEMORY] = "memory.pressure",
                                                 [PRESSURE_IO] = "io.pressure"};
    char text[TEXT_SIZE];
    for (size_t i = 0; i < PRESSURES; i++) {
        if (read_text("unified", vps, files[i], text)) {
            pressure_parse(text, &met->pressure[i]);
        }
    }
}

int cgroup_limits_met(const char *vps, struct limits_met *ret_met, struct err *err)
{
    *ret_met = (struct limits_met){0};
    uint64_t pids;
    int r = cgroup_pids(vps, &pids, err);
    if (r < 0) {
        return r;
    }
    (cgroup_is_unified() ? read_v2 : read_v1)(vps, ret_met);
    ret_met->processes.counted = read_pids(vps, &ret_met->processes.hits);
    read_pressure(vps, ret_met);
    return 0;
}
