#include "container_lxc.h"

// A deny list: what systemd, Docker and language runtimes use stays. EPERM (1) where a program must
// see a refusal, ENOSYS (38) where it then falls back to something else.
const char lxc_seccomp_profile[] =
    "2\n"
    "denylist\n"
    "reject_force_umount\n"
    "[all]\n"
    // Other kernels and modules, file handles that cross mounts.
    "kexec_load errno 1\n"
    "kexec_file_load errno 1\n"
    "init_module errno 1\n"
    "finit_module errno 1\n"
    "delete_module errno 1\n"
    "open_by_handle_at errno 1\n"
    // What is the host's alone: its swap, its process accounting, its log.
    "swapon errno 1\n"
    "swapoff errno 1\n"
    "acct errno 1\n"
    "syslog errno 1\n"
    // Large kernel surface that guests of a hosting node do without.
    "perf_event_open errno 1\n"
    "userfaultfd errno 1\n"
    "bpf errno 1\n"
    "io_uring_setup errno 38\n"
    "io_uring_enter errno 38\n"
    "io_uring_register errno 38\n"
    // Subvolumes and snapshots made by the guest would escape its quota group: SNAP_CREATE,
    // SUBVOL_CREATE and both second versions. The kernel looks at 32 bits of the request only, so
    // the comparison masks the rest (CVE-2019-7303, CVE-2019-10063).
    "ioctl errno 1 [1,0x50009401,SCMP_CMP_MASKED_EQ,0xffffffff]\n"
    "ioctl errno 1 [1,0x5000940e,SCMP_CMP_MASKED_EQ,0xffffffff]\n"
    "ioctl errno 1 [1,0x50009417,SCMP_CMP_MASKED_EQ,0xffffffff]\n"
    "ioctl errno 1 [1,0x50009418,SCMP_CMP_MASKED_EQ,0xffffffff]\n"
    // TIOCSTI and TIOCLINUX: typing into a terminal that somebody else reads.
    "ioctl errno 1 [1,0x5412,SCMP_CMP_MASKED_EQ,0xffffffff]\n"
    "ioctl errno 1 [1,0x541c,SCMP_CMP_MASKED_EQ,0xffffffff]\n";
