#include "surface.h"

#include "macro.h"

#include <errno.h>

const char *const surface_dropped[] = {
    "mac_admin", "mac_override", "sys_time",   "sys_module",    "sys_rawio",
    "sys_pacct", "syslog",       "wake_alarm", "block_suspend", NULL,
};

// What a guest has no business to see. The kernel refuses it what matters also where it mounts these anew; this keeps the
// host's hardware, keys and log from being read by whoever merely looks.
const char *const surface_hidden_files[] = {
    "proc/kcore",
    "proc/keys",
    "proc/key-users",
    "proc/kallsyms",
    "proc/kmsg",
    "proc/timer_list",
    "proc/sched_debug",
    "proc/latency_stats",
    "proc/interrupts",
    "proc/iomem",
    "proc/ioports",
    "proc/slabinfo",
    NULL,
};

const char *const surface_hidden_folders[] = {
    "proc/acpi",
    "proc/scsi",
    "proc/asound",
    "sys/firmware",
    "sys/kernel/debug",
    "sys/kernel/tracing",
    "sys/kernel/security",
    "sys/devices/virtual/powercap",
    NULL,
};

const char *const surface_lxcfs[] = {
    "proc/cpuinfo", "proc/diskstats", "proc/loadavg", "proc/meminfo",
    "proc/stat",    "proc/swaps",     "proc/uptime",  "sys/devices/system/cpu/online",
    NULL,
};

const char *const surface_devices[] = {
    "c *:* m",   "b *:* m", // making a node is harmless without the right to open it
    "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
    "c 1:9 rwm", // null zero full random urandom
    "c 5:0 rwm", "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm", // tty console ptmx pts
    NULL,
};

// A deny list: what systemd, Docker and language runtimes use stays. The kernel looks at 32 bits of the request of an ioctl
// only, so the comparison masks the rest (CVE-2019-7303, CVE-2019-10063).
const struct surface_call surface_calls[] = {
    // Other kernels and modules, file handles that cross mounts.
    {.name = "kexec_load", .error = EPERM},
    {.name = "kexec_file_load", .error = EPERM},
    {.name = "init_module", .error = EPERM},
    {.name = "finit_module", .error = EPERM},
    {.name = "delete_module", .error = EPERM},
    {.name = "open_by_handle_at", .error = EPERM},
    // What is the host's alone: its swap, its process accounting, its log.
    {.name = "swapon", .error = EPERM},
    {.name = "swapoff", .error = EPERM},
    {.name = "acct", .error = EPERM},
    {.name = "syslog", .error = EPERM},
    // Keys are kept for each id, 20,000 bytes for each of 65,536, in memory that is charged to nobody.
    {.name = "add_key", .error = ENOSYS},
    {.name = "request_key", .error = ENOSYS},
    {.name = "keyctl", .error = ENOSYS},
    // Large kernel surface that guests of a hosting node do without.
    {.name = "perf_event_open", .error = EPERM},
    {.name = "userfaultfd", .error = EPERM},
    {.name = "bpf", .error = EPERM},
    {.name = "io_uring_setup", .error = ENOSYS},
    {.name = "io_uring_enter", .error = ENOSYS},
    {.name = "io_uring_register", .error = ENOSYS},
    // Subvolumes and snapshots made by the guest would escape its quota group: SNAP_CREATE, SUBVOL_CREATE and both second
    // versions.
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x50009401},
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x5000940e},
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x50009417},
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x50009418},
    // TIOCSTI and TIOCLINUX: typing into a terminal that somebody else reads.
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x5412},
    {.name = "ioctl", .error = EPERM, .argument = 1, .bits = UINT32_MAX, .value = 0x541c},
};

const size_t surface_call_count = ARRAY_LEN(surface_calls);
