// Which task runs next: the tasks of one vps one after another by `seq`, those of different vps in
// parallel up to a limit. A job that is aside (the long part of a publish) is in nobody's way: neither its
// vps nor the limit waits for it. Pure bookkeeping, no processes, no clock of its own.
#pragma once

#include "err.h"
#include "task.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

enum job_state {
    JOB_WAITING, // for its turn, or for not_before_ms
    JOB_FETCHING, // for its image
    JOB_RUNNING, // a worker has it
    JOB_PUSHING, // link uploads what it has packed
    JOB_ENDED, // has a result that is not in the journal yet
};

enum job_mode {
    JOB_DO,
    JOB_UNDO, // given up: a worker takes back, then it has failed with `error`
};

struct worker_process;

struct job {
    TAILQ_ENTRY(job) link;
    char task[37]; // empty: the broker's own, not in the journal
    char vps[37]; // empty: of the whole node
    int64_t seq, generation, deadline_s;
    const struct task_kind *kind;
    json_t *message; // the task's; owned
    json_t *result; // in JOB_ENDED; owned
    json_t *packed; // the result of a worker that waits for its image to be uploaded; owned
    enum job_state state;
    enum job_mode mode;
    int64_t not_before_ms;
    bool begun; // a worker was given it once
    bool aside; // its worker has got to what others need not wait for
    bool cancelled; // the server wants it no more, though it has begun
    unsigned crashes, timeouts, fetches;
    int progress;
    char step[32];
    struct err error; // why it was given up
    struct worker_process *process; // in JOB_RUNNING
};

struct queue;

struct queue *queue_create(unsigned running_max);
void queue_destroy(struct queue *queue);

// The queue owns the job (from calloc).
void queue_add(struct queue *queue, struct job *job);
void queue_remove(struct queue *queue, struct job *job); // frees it

// The next job to be started at now_ms, or NULL. It is still JOB_WAITING.
struct job *queue_next(const struct queue *queue, int64_t now_ms);

// Milliseconds until a waiting job's pause is over; -1 if none pauses.
int64_t queue_pause_ms(const struct queue *queue, int64_t now_ms);

struct job *queue_find(const struct queue *queue, const char *task);
bool queue_has_vps(const struct queue *queue, const char *vps); // but for what is aside
struct job *queue_first(const struct queue *queue);
unsigned queue_running(const struct queue *queue); // the same
