#include "image_sweep.h"

#include "config.h"
#include "db.h"
#include "json.h"
#include "log.h"
#include "uuid.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

// An image's file is there before its row: so long a file that came lately may wait for it.
enum {
    INTERVAL_S = 15,
    DEADLINE_MS = 30000,
    SHA256_HEX = 64,
    FILES_MAX = 10000,
    REST_S = 3600,
};

#define UPLOAD_PREFIX ".upload-"

struct image_sweep {
    struct db *db;
    const struct server_config *config;
    struct event *timer;
    struct db_query *query; // the run that is under way
};

static bool is_image(const char *name)
{
    return strlen(name) == SHA256_HEX && strspn(name, "0123456789abcdef") == SHA256_HEX;
}

static const char *upload_of(const char *name)
{
    size_t len = strlen(UPLOAD_PREFIX);
    return strncmp(name, UPLOAD_PREFIX, len) == 0 && uuid_is(name + len) ? name + len : NULL;
}

// Who stores an image makes its time that of now.
static bool has_rested(int folder, const char *name)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_mtime <= time(NULL) - REST_S;
}

// {"images":[sha256…],"uploads":[image id…]}; NULL: there is none.
static json_t *list_files(const char *path)
{
    DIR *folder = opendir(path);
    json_t *images = json_array(), *uploads = json_array();
    size_t count = 0;
    for (struct dirent *entry; folder && count < FILES_MAX && (entry = readdir(folder));) {
        const char *upload = upload_of(entry->d_name);
        if (upload) {
            json_array_append_new(uploads, json_string(upload));
        } else if (is_image(entry->d_name) && has_rested(dirfd(folder), entry->d_name)) {
            json_array_append_new(images, json_string(entry->d_name));
        }
        count = json_array_size(images) + json_array_size(uploads);
    }
    if (folder) {
        closedir(folder);
    }
    json_t *files = json_pack("{s:o, s:o}", "images", images, "uploads", uploads);
    if (count == 0) {
        json_decref(files);
        return NULL;
    }
    return files;
}

// An image may have been stored anew since the database was asked; an upload that nobody waits for never is.
static void remove_all(int folder, const char *prefix, json_t *names)
{
    size_t index;
    json_t *name;
    json_array_foreach (names, index, name) {
        char file[128];
        snprintf(file, sizeof(file), "%s%s", prefix, json_string_value(name));
        if ((*prefix || has_rested(folder, file)) && unlinkat(folder, file, 0) == 0) {
            log_info("image_swept", "file=%s", LOGQ(file));
        }
    }
}

static void on_done(const struct db_outcome *outcome, void *arg)
{
    struct image_sweep *sweep = arg;
    _cleanup_json_ json_t *reply = NULL;
    sweep->query = NULL;
    if (outcome->err) {
        log_warn("image_sweep", "code=%s detail=%s", err_info(outcome->err->code)->slug,
                 LOGQ(outcome->err->text));
        return;
    }
    const char *text = db_rows_get(outcome->rows, 0, "reply");
    _cleanup_fd_ int folder = open(sweep->config->image_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || json_read(text, strlen(text), JSON_DEPTH_MAX, &reply, NULL) < 0) {
        return;
    }
    remove_all(folder, "", json_object_get(reply, "images"));
    remove_all(folder, UPLOAD_PREFIX, json_object_get(reply, "uploads"));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct image_sweep *sweep = arg;
    if (sweep->query || !db_ready(sweep->db)) {
        return;
    }
    _cleanup_json_ json_t *files = list_files(sweep->config->image_dir);
    if (!files) {
        return;
    }
    _cleanup_free_ char *text = json_write(files);
    struct db_request request = {
        .steps =
            {{.sql = SQL_IMAGE_FILES, .role = DB_ROLE_LOGIN, .param_count = 1, .params = {text}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(sweep->db, &request, on_done, sweep, &sweep->query, NULL) < 0) {
        sweep->query = NULL; // the pool is full; the next tick comes soon
    }
}

struct image_sweep *image_sweep_start(struct event_base *base, struct db *db,
                                      const struct server_config *config)
{
    struct image_sweep *sweep = calloc(1, sizeof(*sweep));
    if (!sweep || !(sweep->timer = event_new(base, -1, EV_PERSIST, on_timer, sweep))) {
        abort();
    }
    sweep->db = db;
    sweep->config = config;
    evtimer_add(sweep->timer, &(struct timeval){.tv_sec = INTERVAL_S});
    return sweep;
}

void image_sweep_stop(struct image_sweep *sweep)
{
    if (!sweep) {
        return;
    }
    if (sweep->query) {
        db_cancel(sweep->query);
    }
    event_free(sweep->timer);
    free(sweep);
}
