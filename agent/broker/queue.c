#include "queue.h"

#include <string.h>

TAILQ_HEAD(job_list, job);

struct queue {
    struct job_list jobs; // by seq
    unsigned running_max;
};

struct queue *queue_create(unsigned running_max)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue) {
        abort();
    }
    TAILQ_INIT(&queue->jobs);
    queue->running_max = running_max;
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (!queue) {
        return;
    }
    while (!TAILQ_EMPTY(&queue->jobs)) {
        queue_remove(queue, TAILQ_FIRST(&queue->jobs));
    }
    free(queue);
}

void queue_add(struct queue *queue, struct job *job)
{
    struct job *other;
    TAILQ_FOREACH (other, &queue->jobs, link) {
        if (other->seq > job->seq) {
            TAILQ_INSERT_BEFORE(other, job, link);
            return;
        }
    }
    TAILQ_INSERT_TAIL(&queue->jobs, job, link);
}

void queue_remove(struct queue *queue, struct job *job)
{
    TAILQ_REMOVE(&queue->jobs, job, link);
    json_decref(job->message);
    json_decref(job->result);
    json_decref(job->packed);
    free(job);
}

unsigned queue_running(const struct queue *queue)
{
    unsigned running = 0;
    const struct job *job;
    TAILQ_FOREACH (job, &queue->jobs, link) {
        running += job->state == JOB_RUNNING && !job->aside;
    }
    return running;
}

// Nobody starts before the node is open; else only those of one vps are in each other's way.
static bool is_related(const struct job *job, const struct job *other)
{
    return !other->aside &&
           (strcmp(other->vps, job->vps) == 0 || other->kind->flags & TASK_EXCLUSIVE);
}

// Another job of the same vps is before this one, or was begun although it comes later (it arrived
// first).
static bool is_blocked(const struct queue *queue, const struct job *job)
{
    bool before = true;
    const struct job *other;
    TAILQ_FOREACH (other, &queue->jobs, link) {
        if (other == job) {
            before = false;
            continue;
        }
        if (is_related(job, other) && (before || other->state == JOB_RUNNING)) {
            return true;
        }
    }
    return false;
}

struct job *queue_next(const struct queue *queue, int64_t now_ms)
{
    if (queue_running(queue) >= queue->running_max) {
        return NULL;
    }
    struct job *job;
    TAILQ_FOREACH (job, &queue->jobs, link) {
        if (job->state == JOB_WAITING && job->not_before_ms <= now_ms && !is_blocked(queue, job)) {
            return job;
        }
    }
    return NULL;
}

int64_t queue_pause_ms(const struct queue *queue, int64_t now_ms)
{
    int64_t pause = -1;
    const struct job *job;
    TAILQ_FOREACH (job, &queue->jobs, link) {
        int64_t left = job->not_before_ms - now_ms;
        if (job->state == JOB_WAITING && left > 0 && (pause < 0 || left < pause)) {
            pause = left;
        }
    }
    return pause;
}

struct job *queue_find(const struct queue *queue, const char *task)
{
    struct job *job;
    TAILQ_FOREACH (job, &queue->jobs, link) {
        if (strcmp(job->task, task) == 0) {
            return job;
        }
    }
    return NULL;
}

bool queue_has_vps(const struct queue *queue, const char *vps)
{
    const struct job *job;
    TAILQ_FOREACH (job, &queue->jobs, link) {
        if (strcmp(job->vps, vps) == 0 && !job->aside) {
            return true;
        }
    }
    return false;
}

struct job *queue_first(const struct queue *queue)
{
    return TAILQ_FIRST(&queue->jobs);
}
