#include "vps_state.h"

#include "config.h"
#include "file.h"
#include "json.h"
#include "uuid.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static enum observed observed_parse(const char *name)
{
    for (enum observed i = OBSERVED_ABSENT; i < OBSERVED_ERROR; i++) {
        if (strcmp(observed_name(i), name) == 0) {
            return i;
        }
    }
    return OBSERVED_ERROR;
}

static void path_of(const struct agent_config *config, const char *vps, const char *file,
                    char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/vps/%s%s", config->state_dir, vps, file);
}

int vps_state_load(const struct agent_config *config, const char *vps, struct vps_state *ret_state,
                   struct err *err)
{
    char path[PATH_MAX];
    path_of(config, vps, "/state.json", path);
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = file_read(path, FILE_SMALL_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    _cleanup_json_ json_t *json = NULL;
    r = json_read(text, len, JSON_DEPTH_MAX, &json, err);
    if (r < 0) {
        return err_wrap(err, "%s", path);
    }
    struct vps_state state = {
        .generation = json_get_int(json, "generation", 0),
        .observed = observed_parse(json_get_string(json, "observed", "error")),
        .created = json_is_true(json_object_get(json, "created")),
        .prepared = json_is_true(json_object_get(json, "prepared")),
        .exchanged = json_get_int(json, "exchanged", 0),
        .asked_by = json_get_int(json, "asked_by", 0),
        .rebooted = json_get_int(json, "rebooted", 0),
        .spec = json_incref(json_object_get(json, "spec")),
    };
    snprintf(state.vps, sizeof(state.vps), "%s", vps);
    snprintf(state.start, sizeof(state.start), "%.36s", json_get_string(json, "start", ""));
    snprintf(state.hostname, sizeof(state.hostname), "%.63s",
             json_get_string(json, "hostname", ""));
    snprintf(state.keys, sizeof(state.keys), "%.64s", json_get_string(json, "keys", ""));
    snprintf(state.asked, sizeof(state.asked), "%.64s", json_get_string(json, "asked", ""));
    *ret_state = state;
    return 0;
}

static json_t *to_json(const struct vps_state *state)
{
    json_t *json = json_pack("{s:s, s:I, s:s, s:b, s:b, s:s, s:O?}", "vps", state->vps,
                             "generation", (json_int_t)state->generation, "observed",
                             observed_name(state->observed), "created", state->created, "prepared",
                             state->prepared, "start", state->start, "spec", state->spec);
    json_t *more =
        json_pack("{s:I, s:I, s:s, s:s, s:s, s:I}", "exchanged", (json_int_t)state->exchanged,
                  "rebooted", (json_int_t)state->rebooted, "hostname", state->hostname, "keys",
                  state->keys, "asked", state->asked, "asked_by", (json_int_t)state->asked_by);
    json_object_update_new(json, more);
    return json;
}

int vps_state_save(const struct agent_config *config, const struct vps_state *state,
                   struct err *err)
{
    char path[PATH_MAX];
    path_of(config, state->vps, "", path);
    // The guest's mapped root passes through here: lxcpath is this folder's parent.
    int r = file_make_dir(path, 0711, err);
    if (r < 0) {
        return r;
    }
    _cleanup_json_ json_t *json = to_json(state);
    _cleanup_free_ char *text = json_write(json);
    path_of(config, state->vps, "/state.json", path);
    return file_write_atomic(path, text, strlen(text), 0600, err);
}

static bool is_record(const char *name)
{
    return strcmp(name, "state.json") == 0;
}

// Removes what the container driver may have left in the folder (config, logs): plain files, nothing
// below.
static int remove_others(const char *path, struct err *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return errno == ENOENT ? 0 : err_errno(err, errno, "listing %s", path);
    }
    int r = 0;
    for (const struct dirent *item; r == 0 && (item = readdir(dir));) {
        const char *name = item->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_record(name)) {
            continue;
        }
        if (unlinkat(dirfd(dir), name, 0) < 0 && errno != ENOENT) {
            r = err_errno(err, errno, "removing %s/%s", path, name);
        }
    }
    closedir(dir);
    return r;
}

int vps_state_remove(const struct agent_config *config, const char *vps, struct err *err)
{
    char folder[PATH_MAX];
    char record[PATH_MAX];
    path_of(config, vps, "", folder);
    path_of(config, vps, "/state.json", record);
    int r = remove_others(folder, err);
    if (r == 0 && unlink(record) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", record);
    }
    if (r == 0 && rmdir(folder) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", folder);
    }
    return r < 0 ? r : file_sync_dir(folder, err);
}

void vps_state_finish(struct vps_state *state)
{
    json_decref(state->spec);
    *state = (struct vps_state){0};
}

static int is_vps(const struct dirent *entry)
{
    return uuid_is(entry->d_name);
}

int vps_state_list(const struct agent_config *config, char (**ret_ids)[37], size_t *ret_count,
                   struct err *err)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/vps", config->state_dir);
    struct dirent **names = NULL;
    int count = scandir(path, &names, is_vps, alphasort);
    if (count < 0) {
        return err_errno(err, errno, "listing %s", path);
    }
    char(*ids)[37] = calloc((size_t)count + 1, sizeof(*ids));
    if (!ids) {
        abort();
    }
    for (int i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%.36s", names[i]->d_name);
        free(names[i]);
    }
    free(names);
    *ret_ids = ids;
    *ret_count = (size_t)count;
    return 0;
}
