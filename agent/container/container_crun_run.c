#include "container_crun.h"

#include "cgroup.h"
#include "container_live.h"
#include "idmap.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { PATH_SIZE = 512, WORDS_MAX = 12, SAID_SIZE = 2048, NOT_FOUND_STATUS = 127 };

// A copy of the host's mounts, which ends with crun and the guest's first moments. crun (1.8) refuses hosts that have version 2 of
// cgroups beside version 1: here it sees the one that counts.
static int part_mounts(struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return err_errno(err, errno, "parting from the host's mounts");
    }
    if (!cgroup_is_unified()) {
        umount2("/sys/fs/cgroup/unified", MNT_DETACH);
    }
    return 0;
}

// crun makes namespaces as root: it gets the guest's own by a path, which is there for it alone (ns_owner.h).
static int give_ids(const struct crun_place *place, struct err *err)
{
    char from[64], at[PATH_SIZE];
    int fd;
    int r = sysfile_path(at, sizeof(at), err, "%s/ids", place->folder);
    if (r == 0) {
        r = sysfile_replace(at, 0600, "", err);
    }
    if (r == 0) {
        r = idmap_open(place->id_base, &fd, err);
    }
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int ids = fd;
    snprintf(from, sizeof(from), "/proc/self/fd/%d", ids);
    return mount(from, at, NULL, MS_BIND, NULL) < 0
               ? err_errno(err, errno, "giving crun a user namespace")
               : 0;
}

static int furnish(const struct crun_place *place, struct err *err)
{
    const struct volume_root *root = &place->root;
    char at[PATH_SIZE];
    int r = give_ids(place, err);
    if (r < 0) {
        return r;
    }
    r = root->id_mapped ? idmap_cover(root->path, place->id_base, err) : 0;
    if (r == 0 && root->beside[0]) {
        r = sysfile_path(at, sizeof(at), err, "%s/mnt", root->path);
        r = r < 0 ? r : idmap_mount(root->beside, at, place->id_base, err);
    }
    return r < 0 ? r : cgroup_enter(place->vps, err);
}

_noreturn_ static void become(const struct crun_place *place, bool create, char *const argv[],
                              int out)
{
    struct err err = {0};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = part_mounts(&err);
    if (r == 0 && create) {
        r = furnish(place, &err);
    }
    if (r < 0) {
        dprintf(out, "%s\n", err.text);
        _exit(1);
    }
    // What crun leaves open its guest would have, the place of its words too.
    if (dup2(null, 0) >= 0 && dup2(create ? null : out, 1) >= 0 &&
        dup2(create ? null : out, 2) >= 0) {
        execvp(argv[0], argv);
    }
    _exit(NOT_FOUND_STATUS);
}

// The last line.
static void last_said(int fd, char said[SAID_SIZE])
{
    ssize_t n = pread(fd, said, SAID_SIZE - 1, 0);
    size_t len = n > 0 ? (size_t)n : 0;
    while (len > 0 && said[len - 1] == '\n') {
        len--;
    }
    said[len] = '\0';
    char *line = memrchr(said, '\n', len);
    if (line) {
        memmove(said, line + 1, strlen(line));
    }
    for (char *c = said; *c; c++) {
        *c = *c >= ' ' && *c < 0x7f ? *c : '?';
    }
}

static int run(const struct crun_place *place, bool create, char *const argv[], struct err *err)
{
    char path[PATH_SIZE], said[SAID_SIZE];
    int status;
    int r = sysfile_path(path, sizeof(path), err, "%s/log", place->folder);
    if (r < 0) {
        return r;
    }
    _cleanup_fd_ int out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(place, create, argv, out);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0) {
        return err_errno(err, errno, "starting crun");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND_STATUS) {
        return err_set(err, ERR_UNAVAILABLE, "crun is not installed on this node");
    }
    last_said(out, said);
    return err_set(err, ERR_SYSTEM, "crun could not start vps %s: %.300s", place->vps,
                   *said ? said : "it gave no reason");
}

int crun_create(const struct crun_place *place, struct err *err)
{
    char log[PATH_SIZE], pid_file[PATH_SIZE];
    int r = sysfile_path(log, sizeof(log), err, "--log=%s/log", place->folder);
    if (r == 0) {
        r = sysfile_path(pid_file, sizeof(pid_file), err, "--pid-file=%s/pid", place->folder);
    }
    char *const argv[] = {(char *)"crun",
                          (char *)"--root=" CRUN_ROOT,
                          (char *)"--cgroup-manager=disabled",
                          log,
                          (char *)"create",
                          (char *)"--bundle",
                          (char *)place->folder,
                          pid_file,
                          (char *)place->vps,
                          NULL};
    return r < 0 ? r : run(place, true, argv, err);
}

int crun_start(const struct crun_place *place, struct err *err)
{
    char *const argv[] = {
        (char *)"crun",  (char *)"--root=" CRUN_ROOT, (char *)"--cgroup-manager=disabled",
        (char *)"start", (char *)place->vps,          NULL};
    return run(place, false, argv, err);
}

void crun_forget(const char *vps)
{
    char path[PATH_SIZE];
    struct err ignored = {0};
    if (sysfile_path(path, sizeof(path), &ignored, CRUN_ROOT "/%s", vps) == 0) {
        (void)!container_remove_folder(path, &ignored);
    }
}
