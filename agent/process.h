// Starting our own binary again in another role.
#pragma once

#include "err.h"

#include <limits.h>
#include <sys/types.h>

struct process_spec {
    const char *title; // the subcommand: "link", "broker", "worker"
    const char *program; // NULL: the one that runs; else see process_program()
    int in, out; // standard input and output; -1: /dev/null and standard error
    int channel; // 0: none; else this descriptor becomes PROCESS_CHANNEL_FD
    int handover; // 0: none; else PROCESS_HANDOVER_FD (handover.h)
    int death_signal; // what the child gets when we die
};

enum { PROCESS_CHANNEL_FD = 3, PROCESS_HANDOVER_FD = 4 };

// The configuration file that every child gets as --config; kept, not copied. Call once from main.
void process_init(const char *config_path);

// The file of another of our programs, which lies beside the one that runs.
int process_program(const char *name, char ret_path[PATH_MAX], struct err *err) _must_check_;

// Tests: where the programs lie instead; kept, not copied.
void process_set_folder(const char *path);

// The child's id, or a negative error. Descriptors without close-on-exec are passed on.
pid_t process_spawn(const struct process_spec *spec, struct err *err) _must_check_;
