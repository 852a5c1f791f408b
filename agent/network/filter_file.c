#include "filter_file.h"

#include "config.h"
#include "file.h"
#include "filter_guest.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char slot_mark[] = "# slot ";
// Between a guest's commands and those that take them back.
static const char undo_mark[] = "# undo\n";

static void path_of(const struct agent_config *config, const char *vps, const char *file,
                    char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/vps/%s/%s", config->state_dir, vps, file);
}

static int load(const struct agent_config *config, const char *vps, const char *file,
                char **ret_text, struct err *err)
{
    char path[PATH_MAX];
    path_of(config, vps, file, path);
    int r = file_read(path, FILE_SMALL_MAX, ret_text, NULL, err);
    if (r == ERR_NOT_FOUND) {
        *ret_text = NULL;
        return 0;
    }
    return r;
}

static int save(const struct agent_config *config, const char *vps, const char *file,
                const char *text, struct err *err)
{
    char path[PATH_MAX];
    path_of(config, vps, file, path);
    if (text) {
        return file_write_atomic(path, text, strlen(text), 0600, err);
    }
    return unlink(path) < 0 && errno != ENOENT ? err_errno(err, errno, "removing %s", path) : 0;
}

int filter_file_load(const struct agent_config *config, const char *vps, char **ret_text,
                     struct err *err)
{
    return load(config, vps, "filter", ret_text, err);
}

int filter_file_save(const struct agent_config *config, const char *vps, const char *text,
                     struct err *err)
{
    return save(config, vps, "filter", text, err);
}

int filter_refused_load(const struct agent_config *config, const char *vps, char **ret_why,
                        struct err *err)
{
    return load(config, vps, "filter.refused", ret_why, err);
}

int filter_refused_save(const struct agent_config *config, const char *vps, const char *why,
                        struct err *err)
{
    return save(config, vps, "filter.refused", why, err);
}

char *filter_file_compose(const struct vps_spec *spec, const char *todo)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        abort();
    }
    fprintf(out, "%s%u\n%s%s", slot_mark, spec->slot, todo, undo_mark);
    filter_guest_undo(spec, out);
    fclose(out);
    return text;
}

const char *filter_file_undo(const char *text)
{
    const char *mark = strstr(text, undo_mark);
    return mark ? mark + strlen(undo_mark) : text + strlen(text);
}

int filter_file_slot(const char *text)
{
    unsigned slot;
    return strncmp(text, slot_mark, strlen(slot_mark)) == 0 &&
                   sscanf(text + strlen(slot_mark), "%5u\n", &slot) == 1
               ? (int)slot
               : -1;
}
