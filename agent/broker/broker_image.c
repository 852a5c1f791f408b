// Images that an order needs and the pool does not have: link fetches each once, however many tasks wait.
#include "broker.h"
#include "disk.h"
#include "image_cache.h"
#include "json.h"
#include "log.h"
#include "message.h"

#include <limits.h>
#include <string.h>

enum { FETCHES_MAX = 4, FETCH_PAUSE_MS = 1000 };

struct wanted_image {
    char sha256[65];
    int64_t size;
};

// The spec was checked when the task was accepted.
static bool wanted_by(const struct broker *broker, const struct job *job,
                      struct wanted_image *ret_image)
{
    struct vps_spec spec;
    json_t *json = json_object_get(job->message, "spec");
    if (spec_decode(broker->config, job->vps, job->generation, json, &spec, NULL) < 0) {
        return false;
    }
    const struct spec_image *image = job->kind == &task_rescue ? &spec.rescue : &spec.image;
    snprintf(ret_image->sha256, sizeof(ret_image->sha256), "%s", image->sha256);
    ret_image->size = image->size;
    spec_finish(&spec);
    return true;
}

static bool is_fetching(const struct broker *broker, const char *sha256)
{
    for (struct job *job = queue_first(broker->queue); job; job = TAILQ_NEXT(job, link)) {
        struct wanted_image image;
        if (job->state == JOB_FETCHING && wanted_by(broker, job, &image) &&
            strcmp(image.sha256, sha256) == 0) {
            return true;
        }
    }
    return false;
}

// A vps that was created once is not made from its image again, but by a reinstall.
static bool needs_no_image(const struct broker *broker, const struct job *job)
{
    if (job->kind != &task_create) {
        return job->kind != &task_reinstall && job->kind != &task_rescue;
    }
    const struct vps_entry *entry = vps_table_find(broker->vps, job->vps);
    return entry && entry->state.created;
}

bool broker_image_ready(struct broker *broker, struct job *job)
{
    struct wanted_image image;
    if (needs_no_image(broker, job) || !wanted_by(broker, job, &image) || !*image.sha256) {
        return true;
    }
    image_cache_use(broker->config, image.sha256); // it stays until the worker is there
    if (broker->drivers.volume->has_image(broker->config, image.sha256) > 0) {
        return true;
    }
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/incoming/%s", broker->config->state_dir, image.sha256);
    if (access(path, F_OK) == 0) {
        return true; // the worker checks and unpacks it
    }
    if (!is_fetching(broker, image.sha256)) {
        log_info("image_fetch", "sha256=%s size=%lld", image.sha256, (long long)image.size);
        broker_send_link(broker, json_pack("{s:s, s:s, s:I}", "type", "fetch", "sha256",
                                           image.sha256, "size", (json_int_t)image.size));
    }
    job->state = JOB_FETCHING;
    return false;
}

// Only a server that is away is worth waiting for; how long it is away does not count.
static void fetch_failed(struct broker *broker, struct job *job,
                         const struct fetched_message *fetched)
{
    enum err_code code = err_code_from_slug(fetched->code);
    if (code == ERR_UNAVAILABLE && (!broker->up || ++job->fetches < FETCHES_MAX)) {
        job->not_before_ms = broker_now_ms() + ((int64_t)FETCH_PAUSE_MS << job->fetches);
        return;
    }
    err_set(&job->error, code, "fetching the image: %s", fetched->detail);
    if (code == ERR_DISK_FULL) {
        err_wrap(&job->error, DISK_STATE_FULL); // where downloads lie
    }
    broker_disk_failed(broker, code);
    broker_task_fail(broker, job);
}

void broker_image_fetched(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct fetched_message fetched;
    if (message_fetched(message, &fetched, &err) < 0) {
        log_warn("fetched", "error=%s", LOGQ(err.text));
        return;
    }
    for (struct job *job = queue_first(broker->queue); job;) {
        struct job *next = TAILQ_NEXT(job, link);
        struct wanted_image image;
        if (job->state == JOB_FETCHING && wanted_by(broker, job, &image) &&
            strcmp(image.sha256, fetched.sha256) == 0) {
            job->state = JOB_WAITING;
            if (fetched.code) {
                fetch_failed(broker, job, &fetched);
            }
        }
        job = next;
    }
    broker_wake(broker);
}
