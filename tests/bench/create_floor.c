// The floor under a create: a bare liblxc program that does by hand what the agent does for one vps,
// and nothing else: a snapshot, its quota limit, the same configuration, start until RUNNING.
//
//   create_floor --image SUBVOLUME --guests FOLDER --lxcpath FOLDER --seccomp FILE
//                [--count N] [--parallel P] [--id-base B]
//
// SUBVOLUME and FOLDER lie on one btrfs with quota on; the network namespace has forwarding on.
// Prints one JSON object: milliseconds of each create, stop and delete, and of the whole.
#include "macro.h"

#include <btrfsutil.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/btrfs.h>
#include <lxc/lxccontainer.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { COUNT_MAX = 1000, STOP_TIMEOUT_S = 30 };

static struct {
    const char *image, *guests, *lxcpath, *seccomp;
    int count, parallel;
    unsigned id_base;
} options = {.count = 20, .parallel = 1, .id_base = 1500000000};

struct result {
    double create_ms, stop_ms, delete_ms;
};

static struct result *results; // shared with the helpers

_noreturn_ static void die(const char *what)
{
    fprintf(stderr, "create_floor: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void guest_path(char out[512], int n, const char *tail)
{
    snprintf(out, 512, "%s/floor-%d%s", options.guests, n, tail);
}

static void make_snapshot(int n)
{
    char path[512];
    guest_path(path, n, "");
    if (mkdir(path, 0711) < 0) {
        die(path);
    }
    guest_path(path, n, "/rootfs");
    if (btrfs_util_create_snapshot(options.image, path, 0, NULL, NULL) != BTRFS_UTIL_OK) {
        die("snapshot");
    }
    struct btrfs_ioctl_qgroup_limit_args limit = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER, .max_rfer = 1ULL << 30}};
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &limit) < 0) {
        die("quota limit");
    }
}

_printf_(3, 4) static void set(struct lxc_container *container, const char *key, const char *fmt,
                               ...)
{
    char value[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (!container->set_config_item(container, key, value)) {
        die(key);
    }
}

static void set_limits(struct lxc_container *container)
{
    static const char *const devices[] = {
        "c *:* m",     "b *:* m",      "c 1:3 rwm",    "c 1:5 rwm", "c 1:7 rwm",
        "c 1:8 rwm",   "c 1:9 rwm",    "c 5:0 rwm",    "c 5:1 rwm", "c 5:2 rwm",
        "c 136:* rwm", "c 10:229 rwm", "c 10:200 rwm",
    };
    set(container, "lxc.cgroup.memory.limit_in_bytes", "268435456");
    set(container, "lxc.cgroup.cpu.cfs_period_us", "100000");
    set(container, "lxc.cgroup.cpu.cfs_quota_us", "100000");
    set(container, "lxc.cgroup.pids.max", "512");
    set(container, "lxc.cgroup2.memory.max", "268435456");
    set(container, "lxc.cgroup2.cpu.max", "100000 100000");
    set(container, "lxc.cgroup2.pids.max", "512");
    set(container, "lxc.cgroup.devices.deny", "a");
    set(container, "lxc.cgroup2.devices.deny", "a");
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        set(container, "lxc.cgroup.devices.allow", "%s", devices[i]);
        set(container, "lxc.cgroup2.devices.allow", "%s", devices[i]);
    }
}

static void set_network(struct lxc_container *container, int n)
{
    set(container, "lxc.net.0.type", "veth");
    set(container, "lxc.net.0.veth.mode", "router");
    set(container, "lxc.net.0.veth.pair", "flr%d", n);
    set(container, "lxc.net.0.name", "eth0");
    set(container, "lxc.net.0.flags", "up");
    set(container, "lxc.net.0.ipv4.address", "10.254.%d.%d/32", n / 250, n % 250 + 1);
    set(container, "lxc.net.0.ipv6.address", "fdfe::%x/128", n + 1);
    set(container, "lxc.net.0.ipv4.gateway", "169.254.0.1");
    set(container, "lxc.net.0.ipv6.gateway", "fe80::1");
}

static struct lxc_container *make_container(int n)
{
    char name[32], root[512];
    snprintf(name, sizeof(name), "floor-%d", n);
    guest_path(root, n, "/rootfs");
    struct lxc_container *container = lxc_container_new(name, options.lxcpath);
    if (!container) {
        die("lxc_container_new");
    }
    set(container, "lxc.rootfs.path", "dir:%s", root);
    set(container, "lxc.rootfs.options", "idmap=container");
    set(container, "lxc.idmap", "u 0 %u 65536", options.id_base + (unsigned)n * 65536);
    set(container, "lxc.idmap", "g 0 %u 65536", options.id_base + (unsigned)n * 65536);
    set(container, "lxc.uts.name", "%s", name);
    set(container, "lxc.cap.drop", "mac_admin mac_override sys_time sys_module sys_rawio");
    set(container, "lxc.seccomp.profile", "%s", options.seccomp);
    set(container, "lxc.mount.auto", "proc:mixed sys:mixed cgroup:mixed");
    set(container, "lxc.tty.max", "1");
    set(container, "lxc.pty.max", "1024");
    set_limits(container);
    set_network(container, n);
    return container;
}

static void create(int n)
{
    double from = now_ms();
    make_snapshot(n);
    struct lxc_container *container = make_container(n);
    container->want_daemonize(container, true);
    container->want_close_all_fds(container, true);
    if (!container->start(container, 0, NULL) || !container->is_running(container)) {
        die("start");
    }
    results[n].create_ms = now_ms() - from;
}

// Every second guest is shut down, as the agent stops one, before it is deleted; the others are killed
// and deleted, as the agent deletes one that runs. What was not measured stays negative.
static void remove_one(int n)
{
    char name[32], path[512];
    snprintf(name, sizeof(name), "floor-%d", n);
    bool clean = n % 2 == 0;
    double from = now_ms();
    struct lxc_container *container = make_container(n);
    if (!clean || !container->shutdown(container, STOP_TIMEOUT_S)) {
        container->stop(container);
    }
    results[n].stop_ms = clean ? now_ms() - from : -1;
    guest_path(path, n, "/rootfs");
    if (btrfs_util_delete_subvolume(path, 0) != BTRFS_UTIL_OK) {
        die("deleting the snapshot");
    }
    guest_path(path, n, "");
    rmdir(path);
    snprintf(path, sizeof(path), "%s/%s", options.lxcpath, name);
    rmdir(path);
    results[n].delete_ms = clean ? -1 : now_ms() - from;
}

// One helper process for each call, at most `parallel` at a time; returns milliseconds of the whole.
static double run_all(void (*function)(int))
{
    double from = now_ms();
    int running = 0, failed = 0;
    for (int n = 0; n < options.count || running > 0;) {
        if (n < options.count && running < options.parallel) {
            pid_t pid = fork();
            if (pid == 0) {
                function(n);
                _exit(0);
            }
            if (pid < 0) {
                die("fork");
            }
            n++;
            running++;
            continue;
        }
        int status;
        if (wait(&status) > 0) {
            running--;
            failed += status != 0;
        }
    }
    if (failed) {
        fprintf(stderr, "create_floor: %d helpers failed\n", failed);
        exit(1);
    }
    return now_ms() - from;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_column(const char *name, size_t offset)
{
    double values[COUNT_MAX] = {0};
    size_t count = 0;
    printf("\"%s\":{\"ms\":[", name);
    for (int i = 0; i < options.count; i++) {
        double value = *(double *)((char *)&results[i] + offset);
        if (value >= 0) {
            printf("%s%.3f", count ? "," : "", value);
            values[count++] = value;
        }
    }
    qsort(values, count, sizeof(values[0]), compare);
    printf("],\"median_ms\":%.3f}", values[count / 2]);
}

static void parse(int argc, char **argv)
{
    static const struct option names[] = {
        {"image", 1, NULL, 'i'},   {"guests", 1, NULL, 'g'},
        {"lxcpath", 1, NULL, 'l'}, {"seccomp", 1, NULL, 's'},
        {"count", 1, NULL, 'n'},   {"parallel", 1, NULL, 'p'},
        {"id-base", 1, NULL, 'b'}, {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'i':
            options.image = optarg;
            break;
        case 'g':
            options.guests = optarg;
            break;
        case 'l':
            options.lxcpath = optarg;
            break;
        case 's':
            options.seccomp = optarg;
            break;
        case 'n':
            options.count = atoi(optarg);
            break;
        case 'p':
            options.parallel = atoi(optarg);
            break;
        case 'b':
            options.id_base = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    if (!options.image || !options.guests || !options.lxcpath || !options.seccomp ||
        options.count < 1 || options.count > COUNT_MAX || options.parallel < 1) {
        fprintf(stderr, "usage: create_floor --image SUBVOLUME --guests FOLDER --lxcpath FOLDER "
                        "--seccomp FILE [--count N] [--parallel P] [--id-base B]\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    // Without newuidmap on the PATH root writes the id maps itself, which is faster.
    setenv("PATH", "/usr/sbin:/sbin", 1);
    results = mmap(NULL, sizeof(*results) * COUNT_MAX, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED) {
        die("mmap");
    }
    double created = run_all(create);
    double removed = run_all(remove_one);
    printf("{\"count\":%d,\"parallel\":%d,\"create_total_ms\":%.3f,\"remove_total_ms\":%.3f,",
           options.count, options.parallel, created, removed);
    print_column("create", offsetof(struct result, create_ms));
    printf(",");
    print_column("stop", offsetof(struct result, stop_ms));
    printf(",");
    print_column("delete", offsetof(struct result, delete_ms));
    printf("}\n");
    return 0;
}
