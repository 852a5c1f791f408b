// What a check leaves when it ends, however it ends: nothing. Mounts, devices and addresses go with its namespaces.
#include "cgroup.h"
#include "site.h"
#include "uuid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char folder[] = "/var/lib", prefix[] = "croft-check.";

enum { REAP_MS = 20000, PATH_SIZE = 256 };

static int visit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path) < 0 && errno != ENOENT && errno != EBUSY ? -1 : 0;
}

// The guests by their folders; then the files. The pool is mounted in a namespace that ended with its last process.
static void clean(const char *state_dir)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/vps", state_dir);
    DIR *dir = opendir(path);
    for (struct dirent *item; dir && (item = readdir(dir));) {
        if (uuid_is(item->d_name)) {
            (void)!cgroup_reap(item->d_name, REAP_MS, NULL);
            cgroup_forget_monitor(item->d_name, REAP_MS);
        }
    }
    if (dir) {
        closedir(dir);
    }
    nftw(state_dir, visit_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    snprintf(path, sizeof(path), "/run/lxc/lock%s", state_dir);
    nftw(path, visit_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

// Held as long as somebody looks after the folder.
static int lock(const char *state_dir)
{
    int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void clean_earlier(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *item; dir && (item = readdir(dir));) {
        char path[PATH_SIZE * 2];
        if (strncmp(item->d_name, prefix, strlen(prefix)) == 0) {
            snprintf(path, sizeof(path), "%s/%s", folder, item->d_name);
            _cleanup_fd_ int fd = lock(path);
            if (fd >= 0) {
                clean(path);
            }
        }
    }
    if (dir) {
        closedir(dir);
    }
}

// Waits for the end of every process that has the other end.
_noreturn_ static void keep(const char *state_dir, int fd)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    char byte;
    setsid();
    prctl(PR_SET_NAME, "croft-check-end");
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        signal(ignored[i], SIG_IGN);
    }
    while (read(fd, &byte, 1) < 0 && errno == EINTR) {
    }
    clean(state_dir);
    _exit(0);
}

int site_keep(struct site *site, struct err *err)
{
    int ends[2];
    clean_earlier();
    snprintf(site->state_dir, sizeof(site->state_dir), "%s/%sXXXXXX", folder, prefix);
    if (!mkdtemp(site->state_dir)) {
        return err_errno(err, errno, "making a folder in %s", folder);
    }
    int held = lock(site->state_dir);
    if (held < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        return err_errno(err, errno, "preparing the end");
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        keep(site->state_dir, ends[0]);
    }
    close(held); // its copy holds the lock
    close(ends[0]);
    site->keeper = ends[1];
    site->keeper_pid = pid;
    return pid < 0 ? err_errno(err, errno, "starting what cleans up") : 0;
}

void site_close(struct site *site)
{
    close(site->keeper);
    while (waitpid(site->keeper_pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
