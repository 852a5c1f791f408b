#include "idmap.h"

#include "ns_owner.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_SIZE = 96 };

static int write_map(pid_t pid, const char *file, uint32_t base, struct err *err)
{
    char path[TEXT_SIZE], text[TEXT_SIZE];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    int len = snprintf(text, sizeof(text), "0 %u %d\n", base, IDS_PER_VPS);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, (size_t)len) == len;
    return ok ? 0 : err_errno(err, errno, "mapping ids");
}

static int map_ids(pid_t pid, uint32_t base, int *ret_fd, struct err *err)
{
    char path[TEXT_SIZE];
    int r = write_map(pid, "uid_map", base, err);
    if (r == 0) {
        r = write_map(pid, "gid_map", base, err);
    }
    if (r < 0) {
        return r;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? err_errno(err, errno, "opening a user namespace") : 0;
}

// A user namespace is made by a process in it, which is needed for that moment only.
int idmap_open(uint32_t base, int *ret_fd, struct err *err)
{
    struct err ignored = {0};
    int ready[2];
    char byte = 0;
    if (pipe2(ready, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "making a pipe");
    }
    _cleanup_fd_ int from = ready[0];
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ns_owner_become(base, &ignored) == 0 && unshare(CLONE_NEWUSER) == 0 &&
            write(ready[1], &byte, 1) == 1) {
            pause();
        }
        _exit(1);
    }
    close(ready[1]);
    if (pid < 0) {
        return err_errno(err, errno, "starting a process");
    }
    int r = read(from, &byte, 1) == 1
                ? map_ids(pid, base, ret_fd, err)
                : err_set(err, ERR_SYSTEM, "the kernel gives no user namespace");
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return r;
}

static int place(int at, const char *folder, const char *at_path, uint32_t base, struct err *err)
{
    _cleanup_fd_ int ids = -1;
    int r = idmap_open(base, &ids, err);
    if (r < 0) {
        return r;
    }
    struct mount_attr attr = {
        .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV,
        .userns_fd = (uint64_t)ids,
    };
    _cleanup_fd_ int tree =
        open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        return err_errno(err, errno, "giving %s the ids of the guest", folder);
    }
    int moved =
        at >= 0 ? move_mount(tree, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
                : move_mount(tree, "", AT_FDCWD, at_path, MOVE_MOUNT_F_EMPTY_PATH);
    return moved < 0 ? err_errno(err, errno, "mounting at %s", at_path) : 0;
}

int idmap_cover(const char *folder, uint32_t base, struct err *err)
{
    return place(-1, folder, folder, base, err);
}

int idmap_mount(const char *folder, const char *at, uint32_t base, struct err *err)
{
    _cleanup_fd_ int fd = open(at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? err_errno(err, errno, "opening %s", at) : place(fd, folder, at, base, err);
}
