#include "container_live.h"

#include "cgroup.h"
#include "host.h"
#include "plan_limits.h"
#include "sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

// In the guest's own UTS namespace, and back: a worker's name is the host's.
int container_set_hostname(pid_t init, const char *hostname, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/uts", init);
    _cleanup_fd_ int own = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
    _cleanup_fd_ int theirs = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0 || theirs < 0 || setns(theirs, CLONE_NEWUTS) < 0) {
        return err_errno(err, errno, "entering the guest's host name");
    }
    int e = sethostname(hostname, strlen(hostname)) < 0 ? errno : 0;
    if (setns(own, CLONE_NEWUTS) < 0) {
        return err_errno(err, errno, "coming back from the guest's host name");
    }
    return e ? err_errno(err, e, "setting the host name") : 0;
}

static void keep_first(struct err *first, const struct err *failure)
{
    if (first->code == ERR_OK) {
        *first = *failure;
    }
}

// What is lowered holds though memory does not fit.
int container_set_limits(const struct vps_spec *spec, dev_t disk, struct err *err)
{
    struct limit limits[LIMITS_MAX];
    struct host_facts facts;
    struct err first = {0};
    host_observe(&facts);
    size_t count = plan_limits_list(spec, facts.cgroup_version, disk, limits);
    bool fits = cgroup_check_memory(spec->vps, (uint64_t)spec->limits.memory_bytes, &first) == 0;
    bool tight = false;
    for (size_t i = 0; i < count; i++) {
        struct err failure = {0};
        if (!fits && strncmp(limits[i].file, "memory.", 7) == 0) {
            continue;
        }
        if (cgroup_set(spec->vps, limits[i].file, limits[i].value, &failure) < 0) {
            // Version 1 wants memory below memory with swap at every moment: growing, that goes first.
            if (i == 0) {
                tight = true;
            } else {
                keep_first(&first, &failure);
            }
        }
    }
    struct err failure = {0};
    if (tight && cgroup_set(spec->vps, limits[0].file, limits[0].value, &failure) < 0) {
        keep_first(&first, &failure);
    }
    if (first.code < 0) {
        *err = first;
        return err_wrap(err, "limits");
    }
    return 0;
}

// systemd blocks its signals and reads them from a descriptor, as liblxc knows, too.
int container_off_signal(pid_t init)
{
    char path[64], text[SYSFILE_MAX];
    unsigned long long blocked;
    struct err ignored = {0};
    int wanted = SIGRTMIN + 3;
    snprintf(path, sizeof(path), "/proc/%d/status", init);
    if (sysfile_read(path, text, sizeof(text), &ignored) == 0) {
        const char *line = strstr(text, "\nSigBlk:");
        if (line && sscanf(line, "\nSigBlk: %llx", &blocked) == 1 &&
            (blocked >> (wanted - 1) & 1)) {
            return wanted;
        }
    }
    return SIGPWR;
}

static int visit_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int container_remove_folder(const char *path, struct err *err)
{
    if (nftw(path, visit_remove, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT) {
        return err_errno(err, errno, "removing %s", path);
    }
    return 0;
}
