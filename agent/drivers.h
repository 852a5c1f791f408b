// The three drivers of a node. Each is a const table of functions with a real and a fake
// implementation. Calls block: they run in worker processes only, except those marked [loop], which
// the broker may call because they take microseconds. All are idempotent: they observe first, then
// converge; "already so" is success.
#pragma once

#include "err.h"
#include "pressure.h"
#include "spec.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_config;

enum observed { OBSERVED_ABSENT, OBSERVED_STOPPED, OBSERVED_RUNNING, OBSERVED_ERROR };

const char *observed_name(enum observed observed);

// Absolute counters since the container's last start (levels: memory, disk, pids).
struct usage_counters {
    uint64_t cpu_ns;
    uint64_t memory_bytes, memory_anon_bytes;
    uint64_t disk_bytes;
    uint64_t io_read_bytes, io_write_bytes, io_read_ops, io_write_ops;
    uint64_t net_rx_bytes, net_tx_bytes, net_rx_packets, net_tx_packets; // as the guest sees them
    uint64_t pids, oom_kills;
    // What of the network's bytes is known to have crossed to or from inside the location, or outside, as IP packets.
    uint64_t net_rx_inside_bytes, net_tx_inside_bytes, net_rx_outside_bytes, net_tx_outside_bytes;
    uint64_t net_device, net_table; // what counted them; another one began at zero. 0: none
    uint64_t net_gaps; // how often some of them were lost with their table: by meter.c
};

struct limit_hits {
    bool counted; // the kernel does
    uint64_t hits; // since the container's last start
};

enum { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_IO, PRESSURES };

// How often a container met its limits.
struct limits_met {
    struct limit_hits memory, swap, processes;
    struct limit_hits cpu; // periods in which it was held back
    struct limit_hits connections_in, connections_out; // first packets: by the network driver
    uint64_t periods, throttled_ns;
    uint64_t swap_bytes;
    struct pressure pressure[PRESSURES]; // unknown where the host does not offer it
};

// The disks of the pool. I/O is counted on them alone: what lies under a loop device or a volume manager counts it again.
enum { POOL_DISKS_MAX = 16 };
struct pool_disks {
    dev_t disks[POOL_DISKS_MAX];
    size_t count; // 0: not known, everything is counted
};

// A root file system ready to be used, handed over by the volume driver.
struct volume_root {
    char path[256]; // absolute; every folder on the way can be entered by the guest's mapped root
    dev_t disk; // what it lies on, for limits of I/O; 0: unknown
    int id_mapped; // 1: files are owned from id 0 and the container driver must id-map the mount
    char beside[256]; // in rescue mode the vps's own root, to be mounted at /mnt; else empty
    // path or beside, where that shows nothing until mount(), and then the guest's own ids; empty: neither is such.
    char layered[256];
    bool read_only; // to be packed, with the ids that it has on disk
    // By mount(), and the driver's own, until its next call: what lies at `layered`, and the mount namespace in which it does. 0: it
    // lies there for everybody.
    int tree, space;
};

// What a root is made from: an image, or a snapshot or the root of a vps of this node.
struct volume_source {
    const char *image; // sha256; NULL: of vps
    const char *vps, *snapshot; // snapshot NULL: its root as it is now
};

struct volume_driver {
    const char *name;
    // Makes or mounts the pool; called once at agent start, before anything else.
    int (*open_pool)(const struct agent_config *config, struct err *err);
    int (*stat_pool)(const struct agent_config *config, uint64_t *ret_bytes, uint64_t *ret_free,
                     struct err *err);
    int (*disks)(const struct agent_config *config, struct pool_disks *ret_disks, struct err *err);
    const char *image_folder; // below state_dir: an entry an image, named by its SHA-256
    int (*image_bytes)(const struct agent_config *config, const char *sha256, uint64_t *ret_bytes,
                       struct err *err);
    int (*has_image)(const struct agent_config *config, const char *sha256);
    // Directory to unpack into (not yet visible as an image); commit makes it the image, read-only.
    int (*begin_image)(const struct agent_config *config, const char *sha256, char ret_path[256],
                       struct err *err);
    int (*commit_image)(const struct agent_config *config, const char *sha256, struct err *err);
    // ERR_CONFLICT: something that is there cannot do without it.
    int (*delete_image)(const struct agent_config *config, const char *sha256, struct err *err);
    int (*create)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    int (*limit)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    int (*root)(const struct agent_config *config, const char *vps, struct volume_root *ret_root,
                struct err *err);
    // What a layered root needs before it is written to, started from or packed; nothing for others. monitor: of the container
    // driver, 0 if the vps does not run. Nothing of it is left when this process and the guest have ended.
    int (*mount)(const struct agent_config *config, const struct vps_spec *spec, pid_t monitor,
                 struct volume_root *root, struct err *err);
    // As create, but from another vps of this node.
    int (*copy)(const struct agent_config *config, const struct vps_spec *spec,
                const struct volume_source *source, struct err *err);

    // A point in time of a vps's root under an id of its own, read-only; its size is what the root
    // referred to. ERR_DISK_FULL also while the pool has hardly any room left.
    int (*snapshot)(const struct agent_config *config, const char *vps, const char *snapshot,
                    uint64_t *ret_bytes, struct err *err);
    int (*snapshot_delete)(const struct agent_config *config, const char *vps, const char *snapshot,
                           struct err *err);
    // Where it can be read, once it is mounted.
    int (*snapshot_root)(const struct agent_config *config, const char *vps, const char *snapshot,
                         struct volume_root *ret_root, struct err *err);

    // Another root beside the vps's, made by the order of spec->generation: one of an older order, or
    // one that was not exchanged yet, is replaced. Its path is empty once it was exchanged. staged:
    // ERR_NOT_FOUND: there is none.
    int (*stage)(const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_source *source, struct err *err);
    int (*staged)(const struct agent_config *config, const struct vps_spec *spec,
                  struct volume_root *ret_root, struct err *err);
    // Exchanges the two, atomically; unswap takes that back. The container must be stopped.
    int (*swap)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    int (*unswap)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    // Removes whichever root is not the vps's now.
    int (*settle)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);

    // The root of the rescue mode, from spec->rescue, with the plan's limit; it holds the vps's own
    // beside it. ERR_NOT_FOUND: there is none.
    int (*scratch)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    int (*scratch_root)(const struct agent_config *config, const char *vps,
                        struct volume_root *ret_root, struct err *err);
    int (*scratch_delete)(const struct agent_config *config, const char *vps, struct err *err);

    // Removes what disks that are gone leave behind by and by, which belongs to none; also while others are made.
    int (*tidy)(const struct agent_config *config, struct err *err);

    // Also what a guest nested inside, and its snapshots. Absent is success.
    int (*destroy)(const struct agent_config *config, const char *vps, struct err *err);
    int (*sample)(const struct agent_config *config, const char *vps,
                  struct usage_counters *counters, struct err *err); // [loop]
};

struct network_driver {
    const char *name;
    // Sysctls, table; idempotent. Also once a minute, for what somebody else took away.
    int (*open)(const struct agent_config *config, struct err *err);
    // Filters for this vps, before its link is up.
    int (*prepare)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    // Called when the host-side device exists (after start): limits, proxy delay, routes.
    int (*attach)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    // Brings addresses and routes of a guest that runs to what the spec says. init: its first process.
    int (*readdress)(const struct agent_config *config, const struct vps_spec *spec, pid_t init,
                     struct err *err);
    int (*remove)(const struct agent_config *config, const struct vps_spec *spec, struct err *err);
    int (*sample)(const struct agent_config *config, const struct vps_spec *spec,
                  struct usage_counters *counters, struct err *err); // [loop]
    // How often the vps had as many connections as it may have, into *met.
    int (*limits_met)(const struct agent_config *config, const struct vps_spec *spec,
                      struct limits_met *met, struct err *err); // [loop]
    // Connections now: {<vps>: [in, out]} of every vps with a record.
    int (*count_connections)(const struct agent_config *config, json_t **ret_counts,
                             struct err *err);
};

// A start of a container, as its usage is counted by.
struct container_start {
    const char *boot; // a UUID made for it; NULL: nobody counts
    const struct pool_disks *disks;
    int timeout_s;
};

enum console_kind { CONSOLE_LOGIN, CONSOLE_SHELL };

// A terminal of a guest, for a process of its own (console.c), whose end takes back what is left of it.
struct terminal {
    int fd; // its controlling side
    int held; // to be kept open as long as it is used; -1: nothing
    int ended; // readable when it has ended
    pid_t shell; // a child of ours; 0: none
};

struct container_driver {
    const char *name;
    // A sentence for the operator: what guests do without that others give them; NULL: nothing.
    const char *lacks;
    // Writes the container's definition (limits, id map, device, seccomp); does not start it.
    int (*define)(const struct agent_config *config, const struct vps_spec *spec,
                  const struct volume_root *root, struct err *err);
    // Starts and waits until init lives (timeout_s). Called in a short-lived worker only. root: mounted. However the container ends,
    // its last counters are left (usage/last.h), or can be sampled until stop() or start().
    int (*start)(const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_root *root, const struct container_start *how,
                 struct err *err);
    // The clean shutdown alone, of an engine that does not leave the last counters itself; NULL: it does.
    int (*shut_down)(const struct agent_config *config, const char *vps, int timeout_s,
                     struct err *err);
    // Clean shutdown, then by force after timeout_s.
    int (*stop)(const struct agent_config *config, const char *vps, int timeout_s, struct err *err);
    // Gives a guest that runs its limits and its host name; nothing for one that does not. Less memory than
    // it needs is ERR_CONFLICT.
    int (*apply)(const struct agent_config *config, const struct vps_spec *spec,
                 const struct volume_root *root, struct err *err);
    // Its processes stand still, or go on.
    int (*freeze)(const struct agent_config *config, const char *vps, struct err *err);
    int (*thaw)(const struct agent_config *config, const char *vps, struct err *err);
    // The process of the host's that a layered root is mounted for while it runs; 0: it does not.
    int (*monitor_pid)(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                       struct err *err);
    // The host's number of its first process; 0: it does not run.
    int (*init_pid)(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                    struct err *err);
    // The terminal that a login waits on, or a shell of the guest's root on a new one. ERR_CONFLICT: it does not run, or
    // stands still. NULL: its guests have no terminals.
    int (*console)(const struct agent_config *config, const struct vps_spec *spec,
                   enum console_kind kind, struct terminal *ret_terminal, struct err *err);
    int (*undefine)(const struct agent_config *config, const char *vps, struct err *err);
    int (*observe)(const struct agent_config *config, const char *vps, enum observed *ret_observed,
                   struct err *err); // [loop]
    // Whether it stopped but is to run again: it rebooted itself, however late a busy host lets it say so; or, of one that ran when
    // it was last recorded, its monitor was killed. Nobody switched it off [loop].
    bool (*is_coming_back)(const struct agent_config *config, const char *vps,
                           enum observed recorded);
    int (*sample)(const struct agent_config *config, const char *vps,
                  const struct pool_disks *disks, struct usage_counters *counters,
                  struct err *err); // [loop]
    int (*limits_met)(const struct agent_config *config, const char *vps,
                      struct limits_met *ret_met, struct err *err); // [loop]
};

struct drivers {
    const struct container_driver *container;
    const struct volume_driver *volume;
    const struct network_driver *network;
    struct pool_disks disks; // once the pool is open
};

extern const struct container_driver container_lxc, container_crun, container_fake;
extern const struct volume_driver volume_btrfs, volume_fake;
extern const struct network_driver network_routed, network_fake;

// Looks the configured names up. ERR_INVALID names the unknown one.
int drivers_select(const struct agent_config *config, struct drivers *ret_drivers,
                   struct err *err) _must_check_;
