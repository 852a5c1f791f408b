#include "volume_btrfs.h"

#include "config.h"
#include "loop.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

static bool is_mount_point(const char *path)
{
    char parent[512];
    struct stat self, above;
    return sysfile_path(parent, sizeof(parent), NULL, "%s/..", path) == 0 &&
           stat(path, &self) == 0 && stat(parent, &above) == 0 && self.st_dev != above.st_dev;
}

static int run_mkfs(const char *path, struct err *err)
{
    // Constant but for the path, which is ours; no shell.
    const char *const argv[] = {"mkfs.btrfs", "-q", "-f", "-L", "croft", "--", path, NULL};
    char *const envp[] = {(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    pid_t pid;
    int e = posix_spawnp(&pid, argv[0], &actions, &attr, (char *const *)argv, envp);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (e != 0) {
        return err_errno(err, e, "starting mkfs.btrfs (is btrfs-progs installed?)");
    }
    int status;
    if (waitpid(pid, &status, 0) < 0) {
        return err_errno(err, errno, "waiting for mkfs.btrfs");
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return err_set(err, ERR_SYSTEM, "mkfs.btrfs on %s failed", path);
    }
    return 0;
}

// The file gets its name only after mkfs: a crash in between leaves nothing that looks like a pool.
static int make_loop_file(const char *path, int64_t size, struct err *err)
{
    char fresh[512];
    int r = sysfile_path(fresh, sizeof(fresh), err, "%s.new", path);
    if (r < 0) {
        return r;
    }
    unlink(fresh);
    _cleanup_fd_ int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "creating %s", fresh);
    }
    if (ftruncate(fd, size) < 0) {
        r = err_errno(err, errno, "sizing %s", fresh);
    }
    if (r == 0) {
        r = run_mkfs(fresh, err);
    }
    if (r == 0 && (fsync(fd) < 0 || rename(fresh, path) < 0)) {
        r = err_errno(err, errno, "keeping %s", fresh);
    }
    if (r < 0) {
        unlink(fresh);
    }
    return r;
}

static int open_loop_file(const struct agent_config *config, int *ret_fd, struct err *err)
{
    char path[512];
    int r = sysfile_path(path, sizeof(path), err, "%s/pool.img", config->state_dir);
    if (r < 0) {
        return r;
    }
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        r = make_loop_file(path, config->pool.size_bytes, err);
        if (r < 0) {
            return r;
        }
        fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    *ret_fd = fd;
    return 0;
}

static int mount_device(const char *device, const char *pool, struct err *err)
{
    // Not nosuid: guests' setuid programs must work; the modes of guests/ keep local users away.
    if (mount(device, pool, "btrfs", MS_NOATIME | MS_NODEV, NULL) < 0) {
        return err_errno(err, errno, "mounting %s at %s", device, pool);
    }
    return 0;
}

static int mount_loop_file(const struct agent_config *config, const char *pool, struct err *err)
{
    _cleanup_fd_ int file = -1;
    int r = open_loop_file(config, &file, err);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int device = -1;
    char path[32];
    r = loop_attach(file, path, &device, err);
    return r < 0 ? r : mount_device(path, pool, err);
}

int btrfs_pool_mount(const struct agent_config *config, const char *pool, struct err *err)
{
    int r = is_mount_point(pool) ? 0 : sysfile_mkdir(pool, 0711, err);
    if (r < 0) {
        return r;
    }
    if (!is_mount_point(pool)) {
        r = config->pool.device[0] ? mount_device(config->pool.device, pool, err)
                                   : mount_loop_file(config, pool, err);
        if (r < 0) {
            return r;
        }
    }
    struct statfs fs;
    if (statfs(pool, &fs) < 0) {
        return err_errno(err, errno, "asking about %s", pool);
    }
    if (fs.f_type != BTRFS_SUPER_MAGIC) {
        return err_set(err, ERR_INVALID, "%s is not btrfs", pool);
    }
    return sysfile_mkdir(pool, 0711, err);
}
