// What a vps_publish has packed: link uploads it; the task has ended when the control plane has it.
#include "broker.h"
#include "json.h"
#include "log.h"
#include "message.h"
#include "outgoing.h"

#include <dirent.h>
#include <string.h>

enum { PUSHES_MAX = 8, PUSH_PAUSE_MS = 1000 };

static const char *image_of(const struct job *job)
{
    return json_get_string(json_object_get(job->message, "args"), "image", "");
}

void broker_upload(struct broker *broker, struct job *job)
{
    json_t *packed = json_object_get(job->packed, "packed");
    const char *sha256 = json_get_string(packed, "sha256", "");
    json_int_t size = json_get_int(packed, "size", 0);
    log_info("image_push", "image=%s sha256=%s size=%lld", image_of(job), sha256, (long long)size);
    broker_send_link(broker, json_pack("{s:s, s:s, s:s, s:I}", "type", "push", "image",
                                       image_of(job), "sha256", sha256, "size", size));
    job->state = JOB_PUSHING;
}

bool broker_upload_holds(struct broker *broker, struct job *job, json_t *result)
{
    if (job->kind != &task_publish || !json_object_get(result, "packed")) {
        return false;
    }
    job->packed = json_incref(result);
    broker_upload(broker, job);
    return true;
}

static struct job *find_pushing(struct broker *broker, const char *image)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (job->state == JOB_PUSHING && strcmp(image_of(job), image) == 0) {
            return job;
        }
    }
    return NULL;
}

// Its worker has seen the vps before the upload: meanwhile it may have been stopped.
static void add_observed(struct broker *broker, const struct job *job, json_t *result)
{
    const struct vps_entry *entry = vps_table_find(broker->vps, job->vps);
    json_object_set_new(result, "observed",
                        json_string(observed_name(entry ? entry->observed : OBSERVED_ABSENT)));
    json_object_set_new(result, "generation",
                        json_integer(entry ? (json_int_t)entry->state.generation : 0));
}

static void done(struct broker *broker, struct job *job)
{
    struct err err = {0};
    if (outgoing_remove(broker->config, image_of(job), &err) < 0) {
        log_warn("image_pushed", "error=%s", LOGQ(err.text)); // taken away at the next start
    }
    _cleanup_json_ json_t *result = STEAL(job->packed);
    json_object_del(result, "packed"); // the server has seen it
    add_observed(broker, job, result);
    broker_task_settle(broker, job, result);
}

static void failed(struct broker *broker, struct job *job, const struct pushed_message *pushed)
{
    enum err_code code = err_code_from_slug(pushed->code);
    job->state = JOB_WAITING;
    if (code == ERR_UNAVAILABLE && (!broker->up || ++job->fetches < PUSHES_MAX)) {
        job->not_before_ms = broker_now_ms() + ((int64_t)PUSH_PAUSE_MS << job->fetches);
        return;
    }
    err_set(&job->error, code, "uploading the image: %s", pushed->detail);
    broker_task_take_back(broker, job);
}

void broker_upload_ended(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct pushed_message pushed;
    if (message_pushed(message, &pushed, &err) < 0) {
        log_warn("pushed", "error=%s", LOGQ(err.text));
        return;
    }
    struct job *job = find_pushing(broker, pushed.image);
    if (job && pushed.code) {
        failed(broker, job, &pushed);
    } else if (job) {
        done(broker, job);
    }
    broker_wake(broker);
}

static bool is_ordered(struct broker *broker, const char *image)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        if (job->kind == &task_publish && strcmp(image_of(job), image) == 0) {
            return true;
        }
    }
    return false;
}

void broker_upload_tidy(struct broker *broker)
{
    char path[OUTGOING_PATH_MAX];
    if (outgoing_path(broker->config, "", path, NULL) < 0) {
        return;
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *image = entry->d_name + (entry->d_name[0] == '.');
        if (entry->d_type == DT_REG && !is_ordered(broker, image)) {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder) {
        closedir(folder);
    }
}
