// A task is a table of steps. Each observes, then converges, so that a task may be run again from its
// beginning at any time; each may have an undo that takes back what the step makes. Runs in a worker.
#pragma once

#include "args.h"
#include "drivers.h"
#include "vps_state.h"

#include <stdio.h>

struct task {
    const struct agent_config *config;
    struct drivers drivers;
    const struct task_kind *kind;
    char vps[37];
    int64_t generation;
    json_t *spec_json; // borrowed from the input
    struct vps_spec spec;
    struct task_args args; // borrows from the input
    struct vps_state state; // as on disk; zeroed (but for vps) while there is no record
    enum observed observed; // what the task left behind
    bool keep_off; // it was off, and is to stay so
    uint64_t snapshot_bytes; // of the snapshot that was made
    char packed_sha256[65]; // of the image that was packed; empty: none was
    int64_t packed_bytes;
    json_t *found, *alarms, *connections; // of a check of the node; owned
    bool undo_failed; // what it made is still there, in part
    bool aside; // in a step that is
};

typedef int (*task_function)(struct task *task, struct err *err);

struct task_step {
    const char *name;
    task_function ensure;
    task_function undo; // NULL: nothing to take back
    bool aside; // may take long, and touches nothing that another task of the vps does
};

enum task_flags {
    TASK_BESIDE =
        1 << 0, // not about the desired state: reaches no generation and is never overtaken
    TASK_STOPS = 1 << 1, // takes a running guest down
    TASK_EXCLUSIVE = 1 << 2, // of the node: no other starts before it has ended
};

struct task_kind {
    const char *name;
    const struct task_step *steps;
    size_t count;
    unsigned flags;
};

extern const struct task_kind task_create, task_start, task_update, task_stop, task_reboot,
    task_delete, task_password;
extern const struct task_kind task_snapshot, task_snapshot_delete, task_restore, task_reinstall,
    task_rescue, task_clone, task_publish;
// Internal, of the node and no vps: pool and network at the start; each minute the network again, a sweep, and how the node is.
extern const struct task_kind task_node_open, task_node_check;

// NULL: no such kind.
const struct task_kind *task_kind_find(const char *name);

// True for a kind that the server may order.
bool task_kind_is_public(const char *name);

// Every kind.step, one a line, undo steps included.
void task_print_steps(FILE *to);

// input: {kind, vps, generation, spec, args}. Decodes spec and args and loads the vps's state. The task borrows
// input and config.
int task_init(struct task *task, const struct agent_config *config, json_t *input,
              struct err *err) _must_check_;
void task_finish(struct task *task);

struct task_progress {
    void (*step)(const char *name, int percent, void *arg); // before each step
    // Before a step that is aside, and before the first that no longer is, also before an undo. NULL: nothing to do.
    int (*aside)(bool aside, void *arg, struct err *err);
    void *arg;
};

// Runs all steps. On failure it undoes (see task_undo) and returns the error of the step that failed.
int task_run(struct task *task, const struct task_progress *progress, struct err *err) _must_check_;

// Takes back in reverse order, every step whatever was done. Ends at the first undo that fails, since those
// that follow rely on it; called again, it goes on there.
int task_undo(struct task *task, struct err *err) _must_check_;

// task_root.c. Its own root, and the one beside it, to be written to.
int task_open_root(struct task *task, struct volume_root *ret_root, struct err *err) _must_check_;
int task_open_staged(struct task *task, struct volume_root *ret_root, struct err *err) _must_check_;
// What it runs from: its own, or the rescue's.
int task_boot_root(struct task *task, struct volume_root *ret_root, struct err *err) _must_check_;
// Starts it, if task->observed says that it does not run.
int task_start_container(struct task *task, int timeout_s, struct err *err) _must_check_;

// task_end.c. Shuts down and stops it, or removes what is left of one that has ended; what it used is left to be counted.
int task_stop_container(struct task *task, int timeout_s, struct err *err) _must_check_;
// Leaves what a boot used that has ended without anybody who would have left it. It must not run.
void task_leave_last(struct task *task);
// Puts the pool's disks into task->drivers, none if they cannot be told.
void task_find_disks(struct task *task);

// Steps that several kinds share (task_steps.c).
bool task_is_wanted_running(const struct task *task);
int ensure_present(struct task *task, struct err *err);
int ensure_state(struct task *task, struct err *err);
int ensure_defined(struct task *task, struct err *err);
int ensure_limit(struct task *task, struct err *err);
int ensure_network(struct task *task, struct err *err);
int ensure_started(struct task *task, struct err *err);
int ensure_attached(struct task *task, struct err *err);
int ensure_stopped(struct task *task, struct err *err);
int ensure_no_network(struct task *task, struct err *err);
int ensure_identity(struct task *task, struct err *err);
int ensure_identity_of_disk(struct task *task, struct err *err);
int task_write_identity(struct task *task, struct err *err);
int ensure_live(struct task *task, struct err *err);
int ensure_standing(struct task *task, struct err *err);
void task_note_asked(struct task *task); // which order changed name or keys
void task_note_identity(struct task *task); // what guest_prepare() wrote
// Takes back what a rebuild of an earlier order exchanged and could not itself take back (task_rebuild.c).
int task_take_back_rebuild(struct task *task, struct err *err);
int verify_power(struct task *task, struct err *err);
int ensure_down_once(struct task *task, struct err *err); // once for its generation
int ensure_killed(struct task *task, struct err *err); // without asking the guest
// Defines and starts what ran before the task, from the root that the vps has now.
int ensure_as_before(struct task *task, struct err *err);
int undo_started(struct task *task, struct err *err);
int undo_network(struct task *task, struct err *err);

// Observes the container into task->observed.
int task_observe(struct task *task, struct err *err);
