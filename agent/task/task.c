#include "task.h"

#include "config.h"
#include "disk.h"
#include "fault.h"
#include "json.h"
#include "uuid.h"

#include <string.h>

static const struct task_kind *const public_kinds[] = {
    &task_create,          &task_start,   &task_update,    &task_stop,
    &task_reboot,          &task_delete,  &task_password,  &task_snapshot,
    &task_snapshot_delete, &task_restore, &task_reinstall, &task_rescue,
    &task_clone,           &task_publish,
};

static const struct task_kind *const node_kinds[] = {&task_node_open, &task_node_check};

static bool is_of_node(const struct task_kind *kind)
{
    return kind == &task_node_open || kind == &task_node_check;
}

const struct task_kind *task_kind_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(public_kinds); i++) {
        if (strcmp(public_kinds[i]->name, name) == 0) {
            return public_kinds[i];
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(node_kinds); i++) {
        if (strcmp(node_kinds[i]->name, name) == 0) {
            return node_kinds[i];
        }
    }
    return NULL;
}

bool task_kind_is_public(const char *name)
{
    const struct task_kind *kind = task_kind_find(name);
    return kind && !is_of_node(kind);
}

void task_print_steps(FILE *to)
{
    for (size_t i = 0; i < ARRAY_LEN(public_kinds); i++) {
        const struct task_kind *kind = public_kinds[i];
        for (size_t s = 0; s < kind->count; s++) {
            fprintf(to, "%s.%s\n", kind->name, kind->steps[s].name);
        }
        for (size_t s = kind->count; s-- > 0;) {
            if (kind->steps[s].undo) {
                fprintf(to, "%s.undo_%s\n", kind->name, kind->steps[s].name);
            }
        }
    }
}

static int load_vps(struct task *task, json_t *input, struct err *err)
{
    const char *vps = json_get_string(input, "vps", "");
    if (!uuid_is(vps)) {
        return err_set(err, ERR_INVALID, "the task names no vps");
    }
    snprintf(task->vps, sizeof(task->vps), "%s", vps);
    task->generation = json_get_int(input, "generation", 0);
    task->spec_json = json_object_get(input, "spec");
    int r = args_decode(task->kind->name, json_object_get(input, "args"), &task->args, err);
    if (r == 0) {
        r = spec_decode(task->config, vps, task->generation, task->spec_json, &task->spec, err);
    }
    if (r < 0) {
        return r;
    }
    r = vps_state_load(task->config, vps, &task->state, err);
    if (r == ERR_NOT_FOUND || r == ERR_MALFORMED) {
        snprintf(task->state.vps, sizeof(task->state.vps), "%s", vps);
        // Behind a record that cannot be read may be a customer's data: nothing is taken back.
        task->state.created = task->state.prepared = r == ERR_MALFORMED;
        err->code = ERR_OK;
        return 0;
    }
    return r;
}

int task_init(struct task *task, const struct agent_config *config, json_t *input, struct err *err)
{
    *task = (struct task){.config = config};
    task->kind = task_kind_find(json_get_string(input, "kind", ""));
    if (!task->kind) {
        return err_set(err, ERR_INVALID, "unknown kind of task");
    }
    int r = drivers_select(config, &task->drivers, err);
    if (r < 0 || is_of_node(task->kind)) {
        task->spec_json = json_object_get(input, "spec");
        return r;
    }
    return load_vps(task, input, err);
}

void task_finish(struct task *task)
{
    spec_finish(&task->spec);
    vps_state_finish(&task->state);
    json_decref(task->found);
    json_decref(task->alarms);
    json_decref(task->connections);
}

int task_observe(struct task *task, struct err *err)
{
    return task->drivers.container->observe(task->config, task->vps, &task->observed, err);
}

static int run_step(struct task *task, const struct task_step *step, struct err *err)
{
    int r = fault_point(task->config, task->kind->name, step->name, err);
    if (r == 0) {
        r = step->ensure(task, err);
    }
    return r < 0 ? err_wrap(err, "%s", step->name) : 0;
}

static int step_aside(struct task *task, const struct task_progress *progress, bool aside,
                      struct err *err)
{
    if (task->aside == aside) {
        return 0;
    }
    task->aside = aside;
    return progress->aside ? progress->aside(aside, progress->arg, err) : 0;
}

static int undo_step(struct task *task, const struct task_step *step, struct err *err)
{
    char name[64];
    snprintf(name, sizeof(name), "undo_%s", step->name);
    int r = fault_point(task->config, task->kind->name, name, err);
    if (r == 0) {
        r = step->undo(task, err);
    }
    return r < 0 ? err_wrap(err, "%s", name) : 0;
}

int task_undo(struct task *task, struct err *err)
{
    int r = 0;
    for (size_t i = task->kind->count; r == 0 && i-- > 0;) {
        const struct task_step *step = &task->kind->steps[i];
        r = step->undo ? undo_step(task, step, err) : 0;
    }
    task->undo_failed = r < 0;
    return r;
}

static bool leaves_no_record(const struct task *task)
{
    return task->kind == &task_delete || is_of_node(task->kind) ||
           (task->kind->flags & TASK_BESIDE);
}

// The generation counts as reached once everything it asks for is there.
static int record_success(struct task *task, struct err *err)
{
    if (leaves_no_record(task)) {
        return 0;
    }
    task->state.created = true;
    task->state.observed = task->observed;
    if (task->generation > task->state.generation) {
        task->state.generation = task->generation;
    }
    return vps_state_save(task->config, &task->state, err);
}

static void record_failure(struct task *task)
{
    if (task_observe(task, NULL) < 0) {
        task->observed = OBSERVED_ERROR;
    }
}

int task_run(struct task *task, const struct task_progress *progress, struct err *err)
{
    const struct task_kind *kind = task->kind;
    int r = 0;
    for (size_t i = 0; i < kind->count && r == 0; i++) {
        r = step_aside(task, progress, kind->steps[i].aside, err);
        if (r == 0) {
            progress->step(kind->steps[i].name, (int)(100 * i / kind->count), progress->arg);
            r = run_step(task, &kind->steps[i], err);
        }
    }
    if (r == 0) {
        r = record_success(task, err);
    }
    if (r < 0 && !is_of_node(kind)) {
        disk_explain(task->config, err); // before the undo makes room
        struct err failure = {0};
        if (step_aside(task, progress, false, &failure) < 0 || task_undo(task, &failure) < 0) {
            size_t used = strlen(err->text);
            snprintf(err->text + used, sizeof(err->text) - used, "; then %s", failure.text);
        }
        record_failure(task);
    }
    return r;
}
