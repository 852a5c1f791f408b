#include "filter.h"

#include "config.h"
#include "filter_all.h"
#include "filter_file.h"
#include "filter_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

// Held until the descriptor is closed, also by a worker that dies.
static int lock(const struct agent_config *config, int *ret_fd, struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/filter.lock", config->state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_errno(err, errno, "opening %s", path);
    }
    while (flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR) {
            close(fd);
            return err_errno(err, errno, "locking %s", path);
        }
    }
    *ret_fd = fd;
    return 0;
}

int filter_open(const struct agent_config *config, struct err *err)
{
    _cleanup_fd_ int held = -1;
    int r = lock(config, &held, err);
    return r < 0 ? r : filter_all_run(config, FILTER_ALL_SIFT, err);
}

// Of a stream into memory, which the caller closes.
static FILE *compose(char **text, size_t *len)
{
    FILE *commands = open_memstream(text, len);
    if (!commands) {
        abort();
    }
    return commands;
}

// old NULL: there was nothing of it.
static int run_change(const struct vps_spec *spec, const char *old, const char *todo,
                      struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *commands = compose(&text, &len);
    fputs(old ? filter_file_undo(old) : "", commands);
    filter_guest_undo_slot(spec->slot, commands);
    fputs(todo, commands);
    fclose(commands);
    return filter_run(text, len, FILTER_COMMIT, err);
}

// The file says what is wanted before it is run, and what was before when that was refused: a worker that dies in
// between leaves what the next look makes whole. Where the old cannot be taken back as it says, the whole table is
// written anew, without it. The guest's former file is old, NULL if there was none that could be read.
static int set(const struct agent_config *config, const struct vps_spec *spec, const char *old,
               const char *todo, struct err *err)
{
    _cleanup_free_ char *text = *todo ? filter_file_compose(spec, todo) : NULL;
    int r = filter_file_save(config, spec->vps, text, err);
    if (r == 0) {
        r = filter_refused_save(config, spec->vps, NULL, err);
    }
    if (r < 0) {
        return r;
    }
    r = run_change(spec, old, todo, err);
    if (r < 0 && filter_all_run(config, FILTER_ALL_OR_NOTHING, NULL) == 0) {
        r = 0;
    }
    if (r < 0) {
        struct err unheard = {0};
        (void)!filter_file_save(config, spec->vps, old, &unheard); // or the next look cuts it off
    }
    return r;
}

// What cannot be read is as none: set() begins with what else there may be of the slot, and writes the file anew.
static void load_old(const struct agent_config *config, const char *vps, char **ret_old,
                     bool *ret_known)
{
    struct err unheard = {0};
    _cleanup_free_ char *why = NULL;
    *ret_known = filter_file_load(config, vps, ret_old, &unheard) == 0 &&
                 filter_refused_load(config, vps, &why, &unheard) == 0 && !why;
}

int filter_set(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int held = -1;
    _cleanup_free_ char *todo = NULL;
    _cleanup_free_ char *old = NULL;
    bool known;
    size_t len = 0;
    FILE *commands = compose(&todo, &len);
    filter_guest_write(spec, commands);
    fclose(commands);
    int r = lock(config, &held, err);
    if (r < 0) {
        return r;
    }
    load_old(config, spec->vps, &old, &known);
    if (len == 0 && !old && known) {
        return 0;
    }
    r = set(config, spec, old, todo, err);
    return r < 0 ? err_wrap(err, "filters") : 0;
}

int filter_remove(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int held = -1;
    _cleanup_free_ char *old = NULL;
    bool known;
    int r = lock(config, &held, err);
    if (r < 0) {
        return r;
    }
    load_old(config, spec->vps, &old, &known);
    if (old || !known) {
        r = set(config, spec, old, "", err);
    }
    return r < 0 ? err_wrap(err, "filters") : 0;
}
