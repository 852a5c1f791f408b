#include "state_dir.h"

#include "file.h"
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    mode_t mode;
    bool of_link;
} folders[] = {
    // The mapped root of each guest passes through the folder itself and vps/.
    {"", 0711, false},       {"/pki", 0700, true},       {"/incoming", 0700, true},
    {"/trust", 0755, false}, {"/vps", 0711, false},      {"/spool", 0700, false},
    {"/run", 0755, false},   {"/outgoing", 0711, false}, {"/ended", 0700, false},
};

static int make_parents(const char *path, struct err *err)
{
    char part[PATH_MAX];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = file_make_dir(part, 0755, err);
        if (r < 0) {
            return r;
        }
        *slash = '/';
    }
    return 0;
}

static int own(const struct agent_config *config, const char *path, struct err *err)
{
    uid_t uid;
    gid_t gid;
    int r = privilege_lookup(config->link_user, &uid, &gid, err);
    if (r == 0 && lchown(path, uid, gid) < 0) {
        r = err_errno(err, errno, "giving %s to %s", path, config->link_user);
    }
    return r;
}

int state_dir_prepare(const struct agent_config *config, struct err *err)
{
    int r = make_parents(config->state_dir, err);
    for (size_t i = 0; i < ARRAY_LEN(folders) && r == 0; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s%s", config->state_dir, folders[i].name);
        r = file_make_dir(path, folders[i].mode, err);
        // Whatever the umask was.
        if (r == 0 && chmod(path, folders[i].mode) < 0) {
            r = err_errno(err, errno, "setting the mode of %s", path);
        }
        if (r == 0 && folders[i].of_link && geteuid() == 0) {
            r = own(config, path, err);
        }
    }
    return r;
}

int state_dir_lock(const struct agent_config *config, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/run/lock", config->state_dir);
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return err_set(err, ERR_CONFLICT, "another agent runs in %s", config->state_dir);
    }
    *ret_fd = STEAL_FD(fd);
    return 0;
}

int state_dir_write_pid(const struct agent_config *config, const char *name, pid_t pid,
                        struct err *err)
{
    char path[PATH_MAX];
    char text[16];
    snprintf(path, sizeof(path), "%s/run/%s.pid", config->state_dir, name);
    snprintf(text, sizeof(text), "%d\n", pid);
    int r = file_write_atomic(path, text, strlen(text), 0644, err);
    if (r < 0) {
        unlink(path); // none is better than one that is wrong
    }
    return r;
}
