// A guest that takes what it can of memory and disk, in ways that are not plain: it is stopped by its own limit, what it has is
// counted, its neighbour and the node go on.
#include "rig.h"
#include "sampler.h"
#include "test_drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

enum { MIB = 1 << 20, FILES = 20000, COPIES = 2000, LOG_MAX = 2 * 320 * 1024, CRASHES = 400 };

static struct vps_spec one, two;

static void create(void)
{
    rig_container = &container_lxc;
    rig_host("ip link del crv1 2>/dev/null; ip link del crv2 2>/dev/null");
    rig_spec(&one, 1);
    rig_spec(&two, 2);
    rig_create(&one);
    rig_create(&two);
}

static void destroy(void)
{
    rig_destroy(&one);
    rig_destroy(&two);
}

static char block[MIB];

// ---- What it does; 0: it went as it should

static int memory_by_tmpfs(void *arg)
{
    int fd = open("/dev/shm/fill", O_WRONLY | O_CREAT, 0600);
    if (fd < 0 && (mount("tmpfs", "/tmp", "tmpfs", 0, "size=1g") < 0 ||
                   (fd = open("/tmp/fill", O_WRONLY | O_CREAT, 0600)) < 0)) {
        _exit(2);
    }
    memset(block, 1, sizeof(block));
    for (int i = 0; i < 512; i++) {
        if (write(fd, block, sizeof(block)) < 0) {
            _exit(0);
        }
    }
    _exit(1); // it got eight times its memory
}

// Ends with its descriptors, with its memory, or killed.
static int memory_by_sockets(void *arg)
{
    int pair[2];
    while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0) {
        while (write(pair[0], block, 65536) > 0) {
        }
    }
    _exit(0);
}

static int memory_by_cache(void *arg)
{
    int fd = open("/cached", O_RDWR | O_CREAT, 0600);
    for (int i = 0; i < 40; i++) {
        memset(block, i + 1, sizeof(block));
        if (write(fd, block, sizeof(block)) < 0) {
            _exit(1);
        }
    }
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < 40; i++) {
            if (pread(fd, block, sizeof(block), (off_t)i * MIB) < 0) {
                _exit(2);
            }
        }
    }
    _exit(0);
}

static int many_empty_files(void *arg)
{
    char name[32];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/empty-%d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        if (fd < 0) {
            _exit(errno == EDQUOT || errno == ENOSPC ? 0 : 1);
        }
        close(fd);
    }
    _exit(0);
}

static bool is_full(void)
{
    return errno == EDQUOT || errno == ENOSPC;
}

static int disk_by_attributes(void *arg)
{
    char name[32];
    for (int i = 0; i < 65536; i++) {
        snprintf(name, sizeof(name), "/with-%d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        bool failed = fd < 0 || fsetxattr(fd, "user.much", block, 3800, 0) < 0;
        if (failed) {
            _exit(is_full() ? 0 : 1);
        }
        close(fd);
    }
    _exit(2); // 240 MiB of 64
}

// Each file has no name any more while it is written.
static int disk_by_files_without_name(void *arg)
{
    for (int i = 0; i < 8; i++) {
        int fd = open("/gone", O_WRONLY | O_CREAT | O_EXCL, 0600);
        unlink("/gone");
        for (int n = 0; n < 16; n++) {
            memset(block, i * 16 + n + 1, sizeof(block));
            if (fd < 0 || write(fd, block, sizeof(block)) < 0 || fsync(fd) < 0) {
                _exit(is_full() ? 0 : 1);
            }
        }
    }
    _exit(2); // 128 MiB of 64
}

static int disk_by_holes(void *arg)
{
    int fd = open("/giant", O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, INT64_C(1) << 50) < 0) {
        _exit(1);
    }
    _exit(pwrite(fd, "end", 3, (INT64_C(1) << 50) - 3) == 3 ? 0 : 2);
}

static int disk_by_shared_blocks(void *arg)
{
    char name[32];
    int from = open("/first", O_RDWR | O_CREAT, 0600);
    if (from < 0 || write(from, block, sizeof(block)) < 0 || fsync(from) < 0) {
        _exit(1);
    }
    for (int i = 0; i < COPIES; i++) {
        snprintf(name, sizeof(name), "/copy-%d", i);
        int fd = open(name, O_WRONLY | O_CREAT, 0600);
        if (fd < 0 || ioctl(fd, FICLONE, from) < 0) {
            _exit(is_full() ? 0 : 2);
        }
        close(fd);
    }
    _exit(0);
}

static int console_flood(void *arg)
{
    int fd = open("/dev/console", O_WRONLY | O_NOCTTY);
    memset(block, 'x', sizeof(block));
    for (int i = 0; fd >= 0 && i < 8; i++) {
        if (write(fd, block, sizeof(block)) < 0) {
            break;
        }
    }
    _exit(fd < 0);
}

// Each leaves what it had in memory on the disk, as far as its limits and its disk let it.
static int crash_loop(void *arg)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &all);
    for (int i = 0; i < CRASHES; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            signal(SIGSEGV, SIG_DFL);
            memset(block, i + 1, sizeof(block));
            kill(getpid(), SIGSEGV);
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSIGNALED(status)) {
            _exit(1);
        }
    }
    _exit(0);
}

static const struct attack {
    const char *name;
    int (*function)(void *);
    bool may_be_killed; // when memory ends
} attacks[] = {
    {"memory by tmpfs", memory_by_tmpfs, true},
    {"memory by sockets", memory_by_sockets, true},
    {"memory by cached files", memory_by_cache, false},
    {"empty files", many_empty_files, false},
    {"disk by attributes", disk_by_attributes, false},
    {"disk by files without a name", disk_by_files_without_name, false},
    {"disk by holes", disk_by_holes, false},
    {"disk by shared blocks", disk_by_shared_blocks, false},
    {"flood of the console", console_flood, false},
    {"crash loop", crash_loop, false},
};

// ---- What holds whatever it did

static long console_bytes(void)
{
    struct stat st;
    char path[512];
    long sum = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/vps/%s/console.log%s", rig_config.state_dir, one.vps,
                 i ? ".1" : "");
        sum += stat(path, &st) == 0 ? (long)st.st_size : 0;
    }
    return sum;
}

static struct usage_counters counted(const struct vps_spec *spec)
{
    struct usage_counters counters = {0};
    CALL(0, sampler_sample(&rig_config, &rig_drivers, spec, &counters, err));
    return counters;
}

START_TEST(a_hog_is_stopped_by_its_own_limit)
{
    const struct attack *attack = &attacks[_i];
    int status = rig_call(&one, attack->function, NULL);
    ck_assert_msg(status == 0 || (attack->may_be_killed && status == 137), "%s: %d", attack->name,
                  status);
    rig_host("sync -f %s/pool", rig_config.state_dir);
    struct usage_counters now = counted(&one);
    ck_assert_msg(now.memory_bytes <= (uint64_t)one.limits.memory_bytes, "%s: %llu of memory",
                  attack->name, (unsigned long long)now.memory_bytes);
    ck_assert_msg(now.disk_bytes <= (uint64_t)one.limits.disk_bytes / 100 * 101, "%s: %llu of disk",
                  attack->name, (unsigned long long)now.disk_bytes);
    ck_assert_int_le(console_bytes(), LOG_MAX);
    // Its neighbour writes, reads and starts anew.
    ck_assert_int_eq(rig_exec(&two, "dd if=/dev/zero of=/mine bs=1M count=8 && rm /mine", NULL, 0),
                     0);
    CALL(0, rig_container->stop(&rig_config, two.vps, 5, err));
    ck_assert_int_eq(rig_start(&two), 0);
}
END_TEST

Suite *suite_hostile(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tcase = tcase_create("hogs");
    tcase_add_checked_fixture(tcase, create, destroy);
    tcase_set_timeout(tcase, 90);
    tcase_add_loop_test(tcase, a_hog_is_stopped_by_its_own_limit, 0, ARRAY_LEN(attacks));
    suite_add_tcase(suite, tcase);
    return suite;
}
