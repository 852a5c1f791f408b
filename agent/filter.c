#include "filter.h"

#include "config.h"
#include "file.h"
#include "filter_base.h"
#include "filter_guest.h"
#include "helper.h"
#include "vps_state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

// Between a guest's commands and those that take them back.
static const char undo_mark[] = "# undo\n";

static void path_of(const struct agent_config *config, const char *vps, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/vps/%s/filter", config->state_dir, vps);
}

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

// Empty when there is no file.
static int load(const struct agent_config *config, const char *vps, char **ret_text,
                struct err *err)
{
    char path[PATH_MAX];
    path_of(config, vps, path);
    int r = file_read(path, FILE_SMALL_MAX, ret_text, NULL, err);
    if (r == ERR_NOT_FOUND) {
        *ret_text = NULL;
        return 0;
    }
    return r;
}

static const char *undo_of(const char *text)
{
    const char *mark = strstr(text, undo_mark);
    return mark ? mark + strlen(undo_mark) : text + strlen(text);
}

static int run(const char *text, size_t len, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "making room for nftables commands");
    }
    int r = file_write_all(fd, text, len, err);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0) {
        r = err_errno(err, errno, "writing nftables commands");
    }
    return r < 0 ? r : helper_run("nft", NULL, fd, err);
}

// A stream into memory; the caller closes it and then owns *text.
static FILE *compose(char **text, size_t *len)
{
    FILE *commands = open_memstream(text, len);
    if (!commands) {
        abort();
    }
    return commands;
}

static void write_guests(const struct agent_config *config, FILE *commands)
{
    char(*ids)[37] = NULL;
    size_t count = 0;
    if (vps_state_list(config, &ids, &count, NULL) < 0) {
        return; // before the first vps
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *text = NULL;
        if (load(config, ids[i], &text, NULL) == 0 && text) {
            const char *undo = undo_of(text);
            fputs(undo, commands);
            fwrite(text, 1, (size_t)(undo - text), commands);
        }
    }
    free(ids);
}

// What stands in the way of the ruleset, as a chain of another type under one of its names, goes with the table: in
// the same transaction.
static const char anew[] = "add table inet croft\ndelete table inet croft\n";

int filter_open(const struct agent_config *config, struct err *err)
{
    _cleanup_fd_ int held = -1;
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = lock(config, &held, err);
    if (r < 0) {
        return r;
    }
    FILE *commands = compose(&text, &len);
    fputs(anew, commands);
    filter_base_write(config, commands);
    write_guests(config, commands);
    fclose(commands);
    r = run(text + strlen(anew), len - strlen(anew), NULL);
    return r == 0 ? 0 : run(text, len, err);
}

static int save(const struct agent_config *config, const struct vps_spec *spec, const char *todo,
                struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    char path[PATH_MAX];
    FILE *out = compose(&text, &len);
    fputs(todo, out);
    fputs(undo_mark, out);
    filter_guest_undo(spec, out);
    fclose(out);
    path_of(config, spec->vps, path);
    return file_write_atomic(path, text, len, 0600, err);
}

static int forget(const struct agent_config *config, const char *vps, struct err *err)
{
    char path[PATH_MAX];
    path_of(config, vps, path);
    if (unlink(path) < 0 && errno != ENOENT) {
        return err_errno(err, errno, "removing %s", path);
    }
    return 0;
}

// Old is what the file holds (NULL: there is none), todo what is wanted: on disk before it is run, with what takes it
// back, and forgotten only after that. Whatever the slot's former guest left goes too.
static int change(const struct agent_config *config, const struct vps_spec *spec, const char *old,
                  const char *todo, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    FILE *commands = compose(&text, &len);
    if (old) {
        fputs(undo_of(old), commands);
    }
    filter_guest_undo(spec, commands);
    fputs(todo, commands);
    fclose(commands);
    int r = *todo ? save(config, spec, todo, err) : 0;
    if (r == 0) {
        r = run(text, len, err);
    }
    return r < 0 || *todo ? r : forget(config, spec->vps, err);
}

int filter_set(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int held = -1;
    _cleanup_free_ char *todo = NULL;
    _cleanup_free_ char *old = NULL;
    size_t len = 0;
    FILE *commands = compose(&todo, &len);
    filter_guest_write(spec, commands);
    fclose(commands);
    int r = lock(config, &held, err);
    if (r == 0) {
        r = load(config, spec->vps, &old, err);
    }
    if (r < 0 || (len == 0 && !old)) {
        return r;
    }
    r = change(config, spec, old, todo, err);
    return r < 0 ? err_wrap(err, "filters") : 0;
}

int filter_remove(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    _cleanup_fd_ int held = -1;
    _cleanup_free_ char *old = NULL;
    int r = lock(config, &held, err);
    if (r == 0) {
        r = load(config, spec->vps, &old, err);
    }
    if (r == 0 && old) {
        r = change(config, spec, old, "", err);
    }
    return r < 0 ? err_wrap(err, "filters") : 0;
}
