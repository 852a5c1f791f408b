// Escapes: what a hostile root inside tries, with values that would do no harm if they worked. Run inside a guest by its
// root; each must be refused.
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

// 0: refused, with errno; else it went through.
struct attempt {
    const char *name;
    bool (*try)(void);
};

static bool call(long r)
{
    return r >= 0;
}

static bool load_module(void)
{
    return call(syscall(SYS_init_module, "", 0, ""));
}

static bool load_module_file(void)
{
    return call(syscall(SYS_finit_module, 0, "", 0));
}

static bool unload_module(void)
{
    // The name that no module has: allowed it would be ENOENT.
    return call(syscall(SYS_delete_module, "croft_no_such_module", O_NONBLOCK)) || errno == ENOENT;
}

static bool other_kernel(void)
{
    return call(syscall(SYS_kexec_load, 0, 0, NULL, 0)) || errno != EPERM;
}

static bool other_kernel_file(void)
{
    return call(syscall(SYS_kexec_file_load, -1, -1, 0, "", 0)) || errno != EPERM;
}

static bool by_handle(void)
{
    struct {
        struct file_handle handle;
        unsigned char bytes[8];
    } root = {.handle = {.handle_bytes = 8, .handle_type = 1}};
    return call(open_by_handle_at(AT_FDCWD, &root.handle, O_RDONLY)) || errno != EPERM;
}

static bool bpf(void)
{
    return call(syscall(SYS_bpf, 0, NULL, 0)) || errno != EPERM;
}

static bool perf(void)
{
    return call(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)) || errno != EPERM;
}

static bool faults(void)
{
    return call(syscall(SYS_userfaultfd, 0));
}

static bool ring(void)
{
    return call(syscall(SYS_io_uring_setup, 1, NULL)) || errno != ENOSYS;
}

static bool process_accounting(void)
{
    return call(acct(NULL));
}

static bool swap(void)
{
    return call(swapoff("/nonexistent")) || errno != EPERM;
}

static bool kernel_log(void)
{
    char text[64];
    return call(klogctl(3, text, sizeof(text)));
}

static bool clock_set(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); // at worst some microseconds late
    return call(clock_settime(CLOCK_REALTIME, &now));
}

static bool clock_adjust(void)
{
    struct timex change = {.modes = ADJ_TICK, .tick = 10000};
    return call(adjtimex(&change));
}

static bool io_ports(void)
{
    return call(syscall(SYS_iopl, 0)) ? call(syscall(SYS_ioperm, 0x80, 1, 1)) : false;
}

static bool write_any(const char *const paths[], const char *text)
{
    for (; *paths; paths++) {
        int fd = open(*paths, O_WRONLY | O_CLOEXEC);
        bool written = fd >= 0 && write(fd, text, strlen(text)) >= 0;
        if (fd >= 0) {
            close(fd);
        }
        if (written) {
            return true;
        }
    }
    return false;
}

static bool core_handler(void)
{
    static const char *const paths[] = {"/proc/sys/kernel/core_pattern", NULL};
    return write_any(paths, "core");
}

static bool module_helper(void)
{
    static const char *const paths[] = {"/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
                                        "/sys/kernel/uevent_helper",
                                        "/proc/sys/kernel/usermodehelper/bset", NULL};
    return write_any(paths, "");
}

static bool sysrq(void)
{
    static const char *const paths[] = {"/proc/sysrq-trigger", NULL};
    return write_any(paths, "h"); // prints a help text
}

static bool host_settings(void)
{
    static const char *const paths[] = {"/proc/sys/kernel/panic", "/proc/sys/vm/overcommit_memory",
                                        "/proc/sys/fs/file-max",
                                        "/sys/kernel/mm/transparent_hugepage/enabled", NULL};
    return write_any(paths, "");
}

static bool own_limits(void)
{
    static const char *const paths[] = {
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/cpu.max",
        "/sys/fs/cgroup/pids.max",
        "/sys/fs/cgroup/io.max",
        "/sys/fs/cgroup/cgroup.freeze",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
        "/sys/fs/cgroup/cpuset/cpuset.cpus",
        "/sys/fs/cgroup/pids/pids.max",
        "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device",
        "/sys/fs/cgroup/devices/devices.allow",
        "/sys/fs/cgroup/freezer/freezer.state",
        NULL,
    };
    return write_any(paths, "max");
}

// The way of CVE-2022-0492: a hierarchy of its own, whose release agent the host would run.
static bool release_agent(void)
{
    static const char *const kinds[] = {"memory", "rdma", "misc", "net_cls", "pids", "devices"};
    static const char *const paths[] = {"/mnt/release_agent", NULL};
    bool reached = false;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && !reached; i++) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == 0 &&
            mount("none", "/mnt", "cgroup", 0, kinds[i]) == 0) {
            reached = write_any(paths, "");
            umount2("/mnt", MNT_DETACH);
        }
    }
    return reached;
}

static bool open_device(mode_t type, unsigned major_, unsigned minor_)
{
    static const char path[] = "/dev/croft-probe";
    unlink(path);
    if (mknod(path, type | 0600, makedev(major_, minor_)) < 0) {
        return false;
    }
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    unlink(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static bool physical_memory(void)
{
    return open_device(S_IFCHR, 1, 1) || open_device(S_IFCHR, 1, 2) || open_device(S_IFCHR, 1, 4);
}

static bool kernel_messages(void)
{
    return open_device(S_IFCHR, 1, 11);
}

static bool host_disks(void)
{
    return open_device(S_IFBLK, 8, 0) || open_device(S_IFBLK, 253, 0) ||
           open_device(S_IFBLK, 254, 0) || open_device(S_IFBLK, 259, 0) ||
           open_device(S_IFBLK, 7, 0);
}

static bool other_devices(void)
{
    // loop-control, kvm, fuse, vhost-net, hpet, rfkill, autofs
    static const unsigned minors[] = {237, 232, 229, 238, 228, 242, 235};
    for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
        if (open_device(S_IFCHR, 10, minors[i])) {
            return true;
        }
    }
    return false;
}

static bool readable(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    bool any = fd >= 0 && read(fd, &byte, 1) > 0;
    if (fd >= 0) {
        close(fd);
    }
    return any;
}

static bool kernel_memory(void)
{
    return readable("/proc/kcore");
}

static bool kernel_names(void)
{
    return readable("/proc/kallsyms") || readable("/proc/slabinfo") || readable("/proc/iomem");
}

static bool host_keys(void)
{
    return readable("/proc/keys");
}

static bool firmware(void)
{
    return readable("/sys/firmware/acpi/tables/DSDT") || readable("/sys/firmware/dmi/tables/DMI") ||
           readable("/sys/kernel/debug/sched/debug") || readable("/sys/kernel/tracing/trace");
}

static bool system_keyring(void)
{
    // The kernel's own, which serials 1 to 64 often are: not even their names.
    char text[128];
    for (int serial = 1; serial <= 64; serial++) {
        if (syscall(SYS_keyctl, KEYCTL_READ, serial, text, sizeof(text)) >= 0) {
            return true;
        }
    }
    return false;
}

static bool real_mount(void)
{
    return call(mount("/dev/vda", "/mnt", "ext4", MS_RDONLY, NULL)) ||
           call(mount("none", "/mnt", "debugfs", 0, NULL)) ||
           call(mount("none", "/mnt", "tracefs", 0, NULL)) ||
           call(mount("none", "/mnt", "securityfs", 0, NULL)) ||
           call(mount("none", "/mnt", "configfs", 0, NULL));
}

static bool writable_proc(void)
{
    return call(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL)) && host_settings();
}

static bool writable_sys(void)
{
    static const char *const paths[] = {"/sys/kernel/mm/ksm/run",
                                        "/sys/block/vda/queue/nr_requests",
                                        "/sys/module/kernel/parameters/panic", NULL};
    (void)mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
    return write_any(paths, "");
}

static bool subvolume(void)
{
    struct btrfs_ioctl_vol_args args = {.name = "escape"};
    int fd = open("/root", O_RDONLY | O_DIRECTORY);
    bool made = call(ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &args)) ||
                call(syscall(SYS_ioctl, fd, (1UL << 40) | BTRFS_IOC_SUBVOL_CREATE, &args));
    close(fd);
    return made;
}

static bool quota_off(void)
{
    struct btrfs_ioctl_quota_ctl_args off = {.cmd = BTRFS_QUOTA_CTL_DISABLE};
    struct btrfs_ioctl_qgroup_limit_args none = {0};
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    bool done = call(ioctl(fd, BTRFS_IOC_QUOTA_CTL, &off)) ||
                call(ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &none));
    close(fd);
    return done;
}

static bool whole_tree(void)
{
    // The pool's root holds every guest: looking it up would name them all.
    struct btrfs_ioctl_search_args search = {
        .key = {.tree_id = 1,
                .max_objectid = -1ULL,
                .max_type = -1U,
                .max_offset = -1ULL,
                .max_transid = -1ULL,
                .nr_items = 1},
    };
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    bool done = call(ioctl(fd, BTRFS_IOC_TREE_SEARCH, &search));
    close(fd);
    return done;
}

static bool typed_into(void)
{
    char c = ' ';
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    bool done = call(ioctl(fd, TIOCSTI, &c)) || errno != EPERM;
    close(fd);
    return done;
}

static bool foreign_namespace(void)
{
    int fd = open("/proc/1/ns/user", O_RDONLY);
    bool parent = fd >= 0 && call(ioctl(fd, 0xb702 /* NS_GET_PARENT */));
    close(fd);
    return parent;
}

static bool higher_priority(void)
{
    struct sched_param param = {.sched_priority = 1};
    return call(sched_setscheduler(0, SCHED_FIFO, &param));
}

static bool locked_memory(void)
{
    static const char *const paths[] = {"/proc/self/oom_score_adj", NULL};
    return write_any(paths, "-1000");
}

static bool audit(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, 9);
    struct {
        unsigned len;
        unsigned short type, flags;
        unsigned seq, pid;
    } get = {16, 1000, 5, 1, 0};
    struct {
        unsigned head[4];
        int error;
    } answer = {.error = 0};
    bool heard = fd >= 0 && send(fd, &get, sizeof(get), 0) > 0 &&
                 recv(fd, &answer, sizeof(answer), MSG_DONTWAIT) >= (ssize_t)sizeof(answer) &&
                 answer.error == 0;
    close(fd);
    return heard;
}

static const struct attempt attempts[] = {
    {"load a kernel module", load_module},
    {"load a kernel module from a file", load_module_file},
    {"unload a kernel module", unload_module},
    {"boot another kernel", other_kernel},
    {"boot another kernel from a file", other_kernel_file},
    {"open a file by its handle, past every mount", by_handle},
    {"run a program in the kernel (bpf)", bpf},
    {"watch the processor (perf)", perf},
    {"hold the kernel in a page fault (userfaultfd)", faults},
    {"submit work by io_uring", ring},
    {"switch the host's process accounting", process_accounting},
    {"switch the host's swap", swap},
    {"read the kernel's log by syslog(2)", kernel_log},
    {"read the kernel's log by its device", kernel_messages},
    {"set the clock", clock_set},
    {"change the clock's speed", clock_adjust},
    {"reach I/O ports", io_ports},
    {"name a program for core dumps", core_handler},
    {"name a program that the kernel starts", module_helper},
    {"press the magic key", sysrq},
    {"change settings of the host's kernel", host_settings},
    {"raise its own limits", own_limits},
    {"have a cgroup's release agent run", release_agent},
    {"open memory devices", physical_memory},
    {"open the host's disks", host_disks},
    {"open kvm, loop, vhost, fuse", other_devices},
    {"read the kernel's memory", kernel_memory},
    {"read addresses in the kernel", kernel_names},
    {"see keys of the host", host_keys},
    {"read keyrings of the kernel", system_keyring},
    {"read firmware, debug and trace files", firmware},
    {"mount file systems of the host", real_mount},
    {"make /proc/sys writable", writable_proc},
    {"make /sys writable", writable_sys},
    {"make a subvolume beyond its disk limit", subvolume},
    {"switch quota off", quota_off},
    {"read the pool's trees", whole_tree},
    {"type into a terminal (TIOCSTI)", typed_into},
    {"find the host's user namespace", foreign_namespace},
    {"take a real-time priority", higher_priority},
    {"be spared when memory ends", locked_memory},
    {"speak to the kernel's audit", audit},
};

// In the guest.
static int attempt(void *arg)
{
    const struct attempt *one = arg;
    _exit(one->try() ? 1 : 0);
}

int check_escapes(struct check *check, struct err *err)
{
    json_t *found = json_array();
    json_object_set_new(check->report, "escapes", found);
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        struct attempt one = attempts[i];
        int status = subject_call(&check->site, &check->subject, attempt, &one);
        if (status == 125) {
            return err_set(err, ERR_SYSTEM, "the guest cannot be entered");
        }
        // Killed for it is refused as well.
        json_array_append_new(found,
                              json_pack("{s:s, s:b}", "name", one.name, "refused", status != 1));
    }
    return 0;
}
