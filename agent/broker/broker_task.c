// The life of a task in the broker: journalled, queued, run, run again when its worker dies, given up
// after some time, settled, repeated until confirmed.
#include "args.h"
#include "broker.h"
#include "disk.h"
#include "json.h"
#include "log.h"
#include "message.h"

#include <string.h>

enum {
    CRASHES_MAX = 5,
    TIMEOUTS_MAX = 1, // a task at its deadline gets one more run
    PAUSE_MS = 200, // after a crash, doubling
    UNDO_DEADLINE_S = 120,
    INTERNAL_DEADLINE_S = 300,
    SETTLE_RETRY_MS = 2000,
};

static void send_result(struct broker *broker, const char *task, json_t *result)
{
    json_t *message = json_copy(result);
    json_object_set_new(message, "type", json_string("task_result"));
    json_object_set_new(message, "task", json_string(task));
    broker_send(broker, message);
}

static void send_progress(struct broker *broker, const struct job *job)
{
    broker_send(broker, json_pack("{s:s, s:s, s:i, s:s}", "type", "task_progress", "task",
                                  job->task, "progress", job->progress, "step", job->step));
}

static json_t *make_result(const char *status, const char *vps, int64_t generation,
                           const char *observed)
{
    return json_pack("{s:s, s:s, s:I, s:s}", "status", status, "vps", vps, "generation",
                     (json_int_t)generation, "observed", observed);
}

static json_t *failed_result(const struct broker *broker, const char *vps, const struct err *err)
{
    const struct vps_entry *entry = vps_table_find(broker->vps, vps);
    json_t *result = make_result("failed", vps, entry ? entry->state.generation : 0,
                                 observed_name(entry ? entry->observed : OBSERVED_ABSENT));
    json_object_set_new(result, "error", message_error(err));
    return result;
}

static void log_result(const struct job *job, const json_t *result)
{
    const json_t *error = json_object_get(result, "error");
    const char *status = json_get_string(result, "status", "");
    log_info("task_ended", "task=%s kind=%s vps=%s status=%s detail=%s", job->task, job->kind->name,
             job->vps, status, LOGQ(json_get_string(error, "detail", "")));
}

// Writes the result down, sends it, and forgets the job. While the journal cannot be written (a full
// disk) the job stays; the result is sent all the same: were it lost and the task run again, the
// server's later tasks of this vps would still come after it.
void broker_task_settle(struct broker *broker, struct job *job, json_t *result)
{
    struct err err = {0};
    if (job->state != JOB_ENDED) {
        log_result(job, result);
        send_result(broker, job->task, result);
    }
    int r = journal_settle(broker->journal, job->task, result, &err);
    if (r == 0) {
        queue_remove(broker->queue, job);
        broker_wake(broker);
        return;
    }
    log_error("journal", "task=%s error=%s", job->task, LOGQ(err.text));
    broker_disk_failed(broker, err.code);
    if (job->state != JOB_ENDED) {
        job->result = json_incref(result);
        job->state = JOB_ENDED;
    }
    broker_arm(broker->settle, SETTLE_RETRY_MS);
}

// job->error says why.
void broker_task_fail(struct broker *broker, struct job *job)
{
    _cleanup_json_ json_t *result = failed_result(broker, job->vps, &job->error);
    broker_task_settle(broker, job, result);
}

void broker_task_retry_settle(struct broker *broker)
{
    for (struct job *job = queue_first(broker->queue); job;) {
        struct job *next = TAILQ_NEXT(job, link);
        if (job->state == JOB_ENDED) {
            _cleanup_json_ json_t *result = json_incref(job->result);
            broker_task_settle(broker, job, result);
        }
        job = next;
    }
}

static struct job *make_job(const struct task_kind *kind, const char *vps, json_t *message)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        abort();
    }
    job->kind = kind;
    snprintf(job->vps, sizeof(job->vps), "%s", vps);
    snprintf(job->step, sizeof(job->step), "%s", kind->steps[0].name);
    job->message = json_incref(message);
    return job;
}

static int check_spec(const struct broker *broker, const struct task_message *task, struct err *err)
{
    if (!task_kind_is_public(task->kind)) {
        return err_at(err, ERR_INVALID, "/kind", "this agent does not know the kind %s",
                      task->kind);
    }
    struct vps_spec spec;
    struct task_args args;
    int r = args_decode(task->kind, task->args, &args, err);
    if (r == 0) {
        r = spec_decode(broker->config, task->vps, task->generation, task->spec, &spec, err);
    }
    if (r == 0) {
        spec_finish(&spec);
    }
    return r;
}

// A task that stands in the journal goes to the queue, or is settled at once when it cannot be meant
// for this node. Checked again here, since a journal may be older than this program.
static void enqueue(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct task_message task;
    if (message_task(message, &task, &err) < 0) {
        log_error("journal_entry", "error=%s", LOGQ(err.text));
        return;
    }
    int r = check_spec(broker, &task, &err);
    const struct task_kind *kind = task_kind_find(task.kind);
    struct job *job = make_job(r == 0 ? kind : &task_delete, task.vps, message);
    snprintf(job->task, sizeof(job->task), "%s", task.task);
    job->seq = task.seq;
    job->generation = task.generation;
    job->deadline_s = task.deadline_s;
    queue_add(broker->queue, job);
    if (r < 0) {
        job->error = err;
        broker_task_fail(broker, job);
        return;
    }
    send_progress(broker, job);
    broker_wake(broker);
}

static void repeat_known(struct broker *broker, const struct journal_entry *entry)
{
    const struct job *job = queue_find(broker->queue, entry->task);
    json_t *result = entry->result ? entry->result : job ? job->result : NULL;
    if (result) {
        send_result(broker, entry->task, result);
    } else if (job) {
        send_progress(broker, job);
    }
}

static int take_on(struct broker *broker, json_t *message, const struct task_message *task,
                   struct err *err)
{
    int r = journal_add(broker->journal, message, err);
    if (r < 0) {
        // Not taken on: nothing was done, so there is nothing to remember either.
        if (r == ERR_DISK_FULL) {
            err_wrap(err, DISK_STATE_FULL);
        }
        broker_disk_failed(broker, r);
        _cleanup_json_ json_t *result = failed_result(broker, task->vps, err);
        send_result(broker, task->task, result);
        return r;
    }
    enqueue(broker, message);
    return 0;
}

void broker_task_message(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct task_message task;
    int r = message_task(message, &task, &err);
    if (r == 0 && task.epoch != broker->epoch) {
        r = err_set(&err, ERR_PROTOCOL, "a task of epoch %lld", (long long)task.epoch);
    }
    if (r == 0) {
        const struct journal_entry *entry = journal_find(broker->journal, task.task);
        if (entry) {
            repeat_known(broker, entry);
            return;
        }
        r = take_on(broker, message, &task, &err);
    }
    if (r < 0) {
        log_warn("task_refused", "at=%s error=%s", LOGQ(err.pointer), LOGQ(err.text));
    }
}

void broker_task_confirm(struct broker *broker, json_t *message)
{
    struct err err = {0};
    const char *task;
    int r = message_task_id(message, &task, &err);
    if (r == 0) {
        r = journal_confirm(broker->journal, task, &err);
    }
    if (r < 0) {
        log_warn("task_confirm", "error=%s", LOGQ(err.text));
    }
}

// A publish may be ended at any time: what it has made is taken back, and its worker, or link, hears no more of it.
static void stop_publish(struct broker *broker, struct job *job, const struct err *why)
{
    job->error = *why;
    if (job->state == JOB_RUNNING) {
        job->cancelled = true;
        worker_process_kill(job);
    } else {
        broker_task_take_back(broker, job);
    }
}

// A task that the server ended before we began it. One that has begun goes its way, but for a publish; its result is known to
// the server as that of a task that has ended. Every cancel is answered with a result, also for a task that never came.
void broker_task_cancel(struct broker *broker, json_t *message)
{
    struct err err = {0};
    struct cancel_message cancel;
    if (message_cancel(message, &cancel, &err) < 0) {
        log_warn("task_cancel", "error=%s", LOGQ(err.text));
        return;
    }
    struct job *job = queue_find(broker->queue, cancel.task);
    const struct journal_entry *entry = journal_find(broker->journal, cancel.task);
    err_set(&err, ERR_CANCELLED, "it was cancelled before it began");
    if (!job && !entry) {
        _cleanup_json_ json_t *result = failed_result(broker, cancel.vps, &err);
        send_result(broker, cancel.task, result);
    } else if (job && (job->state == JOB_WAITING || job->state == JOB_FETCHING) &&
               job->mode == JOB_DO && !job->begun) {
        job->error = err;
        broker_task_fail(broker, job);
    } else if (job && job->kind == &task_publish && job->mode == JOB_DO &&
               job->state != JOB_ENDED && !job->cancelled) {
        err_set(&err, ERR_CANCELLED, "it was cancelled");
        stop_publish(broker, job, &err);
    } else if (entry) {
        repeat_known(broker, entry);
    }
}

void broker_task_resume(struct broker *broker)
{
    // enqueue() may settle, which changes the entry but not the order.
    const struct journal_entry *entry;
    for (size_t i = 0; (entry = journal_at(broker->journal, i)); i++) {
        if (!entry->result) {
            enqueue(broker, entry->message);
        }
    }
}

void broker_task_repeat(struct broker *broker)
{
    const struct journal_entry *entry;
    for (size_t i = 0; (entry = journal_at(broker->journal, i)); i++) {
        if (!entry->confirmed) {
            repeat_known(broker, entry);
        }
    }
}

void broker_task_internal(struct broker *broker, const struct task_kind *kind, const char *vps,
                          json_t *spec, int64_t generation)
{
    _cleanup_json_ json_t *message = spec ? json_pack("{s:O}", "spec", spec) : json_object();
    struct job *job = make_job(kind, vps, message);
    job->seq = *vps ? 0 : -1; // before every order, and the node before its guests
    job->generation = generation;
    job->deadline_s = INTERNAL_DEADLINE_S;
    queue_add(broker->queue, job);
    broker_wake(broker);
}

// An order that a later one has overtaken is done without effect.
static bool is_overtaken(const struct broker *broker, const struct job *job)
{
    const struct vps_entry *entry = vps_table_find(broker->vps, job->vps);
    return *job->task && job->mode == JOB_DO && !(job->kind->flags & TASK_BESIDE) && entry &&
           job->generation < entry->state.generation;
}

static void settle_overtaken(struct broker *broker, struct job *job)
{
    const struct vps_entry *entry = vps_table_find(broker->vps, job->vps);
    _cleanup_json_ json_t *result =
        make_result("done", job->vps, entry->state.generation, observed_name(entry->observed));
    broker_task_settle(broker, job, result);
}

static void pause_job(struct broker *broker, struct job *job, unsigned times)
{
    job->state = JOB_WAITING;
    job->not_before_ms = broker_now_ms() + ((int64_t)PAUSE_MS << (times < 6 ? times : 6));
    broker_wake(broker);
}

static void start(struct broker *broker, struct job *job)
{
    struct err err = {0};
    if (is_overtaken(broker, job)) {
        settle_overtaken(broker, job);
        return;
    }
    if (job->mode == JOB_DO && job->packed) {
        broker_upload(broker, job);
        return;
    }
    if (job->mode == JOB_DO && !broker_image_ready(broker, job)) {
        return;
    }
    if (job->kind->flags & TASK_STOPS) {
        broker_usage_final(broker, job->vps);
    }
    job->begun = true;
    if (worker_process_start(broker, job, &err) < 0) {
        log_error("worker_start", "task=%s error=%s", job->task, LOGQ(err.text));
        pause_job(broker, job, 4);
    }
}

void broker_task_schedule(struct broker *broker)
{
    struct job *job;
    while (!broker->stopping && (job = queue_next(broker->queue, broker_now_ms()))) {
        start(broker, job);
    }
    int64_t pause = queue_pause_ms(broker->queue, broker_now_ms());
    if (pause >= 0) {
        broker_arm(broker->wake, pause + 1);
    }
}

void broker_task_take_back(struct broker *broker, struct job *job)
{
    json_decref(STEAL(job->packed));
    job->mode = JOB_UNDO;
    job->aside = false;
    job->crashes = job->timeouts = 0;
    job->deadline_s = UNDO_DEADLINE_S;
    pause_job(broker, job, 0);
}

static void give_up(struct broker *broker, struct job *job, enum err_code code, const char *why)
{
    err_set(&job->error, code, "%s", why);
    err_wrap(&job->error, "%s", job->step);
    broker_task_take_back(broker, job);
}

static void internal_ended(struct broker *broker, struct job *job, const json_t *result)
{
    bool done = result && strcmp(json_get_string(result, "status", ""), "done") == 0;
    const json_t *error = json_object_get(result, "error");
    if (job->kind == &task_node_check) {
        broker_check_ended(broker, result);
    }
    if (done && job->kind == &task_node_check) {
        log_debug("internal_task", "kind=%s", job->kind->name);
    } else if (done) {
        log_info("internal_task", "kind=%s vps=%s", job->kind->name, job->vps);
    } else {
        log_error("internal_task", "kind=%s vps=%s error=%s", job->kind->name, job->vps,
                  LOGQ(json_get_string(error, "detail", "its worker died")));
    }
    bool of_node = job->kind == &task_node_open;
    queue_remove(broker->queue, job);
    if (of_node) {
        broker_node_opened(broker, done);
    } else {
        broker_node_booted(broker);
    }
    broker_wake(broker);
}

// No result: the worker was killed. What it had begun is observed by the next one.
static void died(struct broker *broker, struct job *job, bool timed_out)
{
    // What is aside has had an hour: by now the server has given it up.
    bool last =
        timed_out ? ++job->timeouts > TIMEOUTS_MAX || job->aside : ++job->crashes > CRASHES_MAX;
    if (!last) {
        pause_job(broker, job, timed_out ? 0 : job->crashes);
    } else if (job->mode == JOB_UNDO && !*job->task) {
        internal_ended(broker, job, NULL);
    } else if (job->mode == JOB_UNDO) {
        broker_task_fail(broker, job);
    } else if (timed_out) {
        give_up(broker, job, ERR_TIMEOUT, "it did not end in time");
    } else {
        give_up(broker, job, ERR_INTERNAL, "its worker died again and again");
    }
}

// What could not be taken back is tried again: the order is told as failed when it is gone, or is there to stay.
static void undo_again(struct broker *broker, struct job *job, const json_t *error)
{
    if (job->mode == JOB_DO) {
        err_set(&job->error, err_code_from_slug(json_get_string(error, "code", "")), "%s",
                json_get_string(error, "detail", ""));
        job->mode = JOB_UNDO;
        job->aside = false;
        job->crashes = job->timeouts = 0;
        job->deadline_s = UNDO_DEADLINE_S;
    }
    log_warn("undo", "task=%s kind=%s vps=%s error=%s", job->task, job->kind->name, job->vps,
             LOGQ(json_get_string(error, "detail", "")));
    if (++job->crashes > CRASHES_MAX) {
        broker_task_fail(broker, job);
    } else {
        pause_job(broker, job, job->crashes);
    }
}

static void ended_with(struct broker *broker, struct job *job, json_t *result)
{
    const json_t *error = json_object_get(result, "error");
    json_object_set_new(result, "vps", json_string(job->vps));
    if (error) {
        broker_disk_failed(broker, err_code_from_slug(json_get_string(error, "code", "")));
    }
    if (json_is_false(json_object_get(result, "undone"))) {
        undo_again(broker, job, error);
    } else if (job->mode == JOB_UNDO) {
        broker_task_fail(broker, job);
    } else if (!broker_upload_holds(broker, job, result)) {
        json_object_del(result, "undone");
        broker_task_settle(broker, job, result);
    }
}

void broker_task_ended(struct broker *broker, struct job *job, json_t *result, bool timed_out)
{
    char vps[sizeof(job->vps)];
    snprintf(vps, sizeof(vps), "%s", job->vps);
    broker_usage_collect(broker);
    // Another worker may be at its record while this one was aside.
    if (*vps && !job->aside) {
        broker_vps_changed(broker, vps);
    }
    job->state = JOB_WAITING;
    if (job->cancelled && job->mode == JOB_DO) {
        broker_task_take_back(broker, job);
    } else if (!result) {
        died(broker, job, timed_out);
    } else if (!*job->task) {
        internal_ended(broker, job, result);
    } else {
        ended_with(broker, job, result);
    }
}
