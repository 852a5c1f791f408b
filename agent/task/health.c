#include "health.h"

#include "config.h"
#include "disk.h"
#include "file.h"
#include "filter_file.h"
#include "host.h"
#include "macro.h"
#include "ns_owner.h"
#include "traffic.h"
#include "vps_state.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

enum {
    SPACES_MAX = 16,
    METADATA_LEFT_PERCENT = 5,
    LOG_ROOM = 1024 * 1024,
    STATE_ROOM = 1024 * 1024
};

// What the kernel keeps of the metadata for itself is a space of its own there, but not on the disk.
#ifndef BTRFS_SPACE_INFO_GLOBAL_RSV
#define BTRFS_SPACE_INFO_GLOBAL_RSV (1ULL << 49)
#endif

// With less than that not given to data or metadata, metadata that is full stays so.
static const uint64_t unallocated_min = 128ULL << 20;

static void alarm_add(json_t *alarms, const char *code, const char *detail)
{
    json_array_append_new(alarms, json_pack("{s:s, s:s}", "code", code, "detail", detail));
}

static uint64_t device_errors(int fd, uint64_t id)
{
    struct btrfs_ioctl_get_dev_stats stats = {.devid = id, .nr_items = BTRFS_DEV_STAT_VALUES_MAX};
    uint64_t sum = 0;
    if (ioctl(fd, BTRFS_IOC_GET_DEV_STATS, &stats) == 0) {
        for (size_t i = 0; i < BTRFS_DEV_STAT_VALUES_MAX; i++) {
            sum += stats.values[i];
        }
    }
    return sum;
}

// Errors of all devices of the pool, and what of them is not given to anything yet.
static void observe_devices(int fd, uint64_t *ret_errors, uint64_t *ret_unallocated)
{
    struct btrfs_ioctl_fs_info_args info = {0};
    *ret_errors = *ret_unallocated = 0;
    if (ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) {
        return;
    }
    for (uint64_t id = 1; id <= info.max_id; id++) {
        struct btrfs_ioctl_dev_info_args device = {.devid = id};
        if (ioctl(fd, BTRFS_IOC_DEV_INFO, &device) == 0) {
            *ret_errors += device_errors(fd, id);
            *ret_unallocated += device.total_bytes - device.bytes_used;
        }
    }
}

static bool is_metadata_full(int fd)
{
    _cleanup_free_ struct btrfs_ioctl_space_args *space =
        calloc(1, sizeof(*space) + SPACES_MAX * sizeof(space->spaces[0]));
    if (!space) {
        return false;
    }
    space->space_slots = SPACES_MAX;
    if (ioctl(fd, BTRFS_IOC_SPACE_INFO, space) < 0) {
        return false;
    }
    uint64_t left = 0, total = 0, reserve = 0;
    for (size_t i = 0; i < space->total_spaces && i < SPACES_MAX; i++) {
        const struct btrfs_ioctl_space_info *info = &space->spaces[i];
        if (info->flags & BTRFS_SPACE_INFO_GLOBAL_RSV) {
            reserve = info->total_bytes;
        } else if (info->flags & BTRFS_BLOCK_GROUP_METADATA) {
            total = info->total_bytes;
            left = info->total_bytes - info->used_bytes;
        }
    }
    // Measured: ENOSPC with 1.7 times the reserve left.
    return total > 0 && (left < 2 * reserve || left < total / 100 * METADATA_LEFT_PERCENT);
}

static void observe_pool(const struct agent_config *config, json_t *alarms)
{
    char path[PATH_MAX];
    struct statvfs fs;
    struct statfs type;
    uint64_t errors, unallocated;
    snprintf(path, sizeof(path), "%s/pool", config->state_dir);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstatfs(fd, &type) < 0 || type.f_type != BTRFS_SUPER_MAGIC ||
        fstatvfs(fd, &fs) < 0) {
        return; // another driver's
    }
    if (fs.f_flag & ST_RDONLY) {
        alarm_add(alarms, "pool_read_only", "The pool can only be read: see the kernel's log.");
    }
    observe_devices(fd, &errors, &unallocated);
    if (errors > 0) {
        char detail[128];
        snprintf(detail, sizeof(detail), "The devices of the pool had %llu errors.",
                 (unsigned long long)errors);
        alarm_add(alarms, "pool_errors", detail);
    }
    if (unallocated < unallocated_min && is_metadata_full(fd)) {
        alarm_add(alarms, "pool_metadata_full", "The pool has no room for metadata.");
    }
}

// A worker's standard error is the agent's: a file where that logs into one.
static void observe_log(json_t *alarms)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
        fstatvfs(STDERR_FILENO, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < LOG_ROOM) {
        alarm_add(alarms, "log_disk_full", "The disk of the agent's log is full.");
    }
}

static void observe_state(const struct agent_config *config, json_t *alarms)
{
    struct statvfs fs;
    if (statvfs(config->state_dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < STATE_ROOM) {
        alarm_add(alarms, "state_disk_full", "The disk of the agent's state folder is full.");
    }
}

void health_observe_table(const struct drivers *drivers, json_t *alarms)
{
    struct traffic traffic;
    if (drivers->network == &network_routed && traffic_sample(0, &traffic, NULL) == 0 &&
        traffic.table == 0) {
        alarm_add(alarms, "filters_missing",
                  "Somebody deleted the node's nftables table; it has been made anew.");
    }
}

// Guests that are cut off since nftables does not take their filters (filter_all.c).
static void observe_filters(const struct agent_config *config, json_t *alarms)
{
    char(*ids)[37] = NULL;
    size_t count = 0;
    size_t refused = 0;
    char first[192] = "";
    char detail[255];
    struct err unheard = {0};
    if (vps_state_list(config, &ids, &count, &unheard) < 0) {
        return; // before the first vps
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *why = NULL;
        if (filter_refused_load(config, ids[i], &why, &unheard) == 0 && why && refused++ == 0) {
            snprintf(first, sizeof(first), "%s: %.120s", ids[i], why);
        }
    }
    free(ids);
    if (refused > 0) {
        snprintf(detail, sizeof(detail), "%zu vps are cut off, %s", refused, first);
        alarm_add(alarms, "filter_refused", detail);
    }
}

// Guests that the kernel counts as root's: they were started by an agent that made it so, or by a liblxc that goes another way
// (ns_owner.h). One of them can take what all of them have.
static void observe_owners(const struct agent_config *config, const struct drivers *drivers,
                           json_t *alarms)
{
    char(*ids)[37] = NULL;
    size_t count = 0;
    size_t together = 0;
    const char *first = "";
    char detail[192];
    struct err unheard = {0};
    if (vps_state_list(config, &ids, &count, &unheard) < 0) {
        return; // before the first vps
    }
    for (size_t i = 0; i < count; i++) {
        pid_t init = 0;
        uint32_t owner;
        if (drivers->container->init_pid(config, ids[i], &init, &unheard) == 0 && init > 0 &&
            ns_owner_of(init, &owner, &unheard) == 0 && owner == 0 && together++ == 0) {
            first = ids[i];
        }
    }
    if (together > 0) {
        snprintf(detail, sizeof(detail), "%zu vps share one user's limits in the kernel, as %s.",
                 together, first);
        alarm_add(alarms, "counted_together", detail);
    }
    free(ids);
}

json_t *health_observe(const struct agent_config *config, const struct drivers *drivers)
{
    json_t *alarms = json_array();
    struct host_facts facts;
    host_observe(&facts);
    if (drivers->container != &container_fake && !facts.lxcfs) {
        alarm_add(alarms, "lxcfs_down",
                  "No lxcfs answers: guests see the node's memory and processors, or nothing.");
    }
    observe_pool(config, alarms);
    observe_filters(config, alarms);
    if (drivers->container != &container_fake) {
        observe_owners(config, drivers, alarms);
    }
    observe_log(alarms);
    observe_state(config, alarms);
    return alarms;
}
