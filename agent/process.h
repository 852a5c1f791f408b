// Starting our own binary again in another role.
#pragma once

#include "err.h"

#include <sys/types.h>

struct process_spec {
    const char *title; // the subcommand: "link", "broker", "worker"
    int in, out; // standard input and output; -1: /dev/null and standard error
    int channel; // 0: none; else this descriptor becomes PROCESS_CHANNEL_FD
    int death_signal; // what the child gets when we die
};

enum { PROCESS_CHANNEL_FD = 3 };

// The configuration file that every child gets as --config; kept, not copied. Call once from main.
void process_init(const char *config_path);

// The child's id, or a negative error. Descriptors without close-on-exec are passed on.
pid_t process_spawn(const struct process_spec *spec, struct err *err) _must_check_;
