// The process that workers are made from: croft-agent-worker, loaded and linked once, which holds no
// task and forks for each. A worker made that way is a child of the broker, as if it had started it itself.
#pragma once

#include "err.h"

#include <sys/types.h>

struct agent_config;

// The template itself: forks on request until the broker is gone. Returns the exit status.
int template_main(const struct agent_config *config, int channel);

// The broker's end of it. The process starts with the first fork and again whenever it was lost.
struct template;

struct template *template_create(void);
void template_destroy(struct template *template);

// A new worker_main() with these as standard input and output, a child of the caller. Takes as long as
// a fork; ERR_SYSTEM or ERR_TIMEOUT when the template does not answer, also not a second one.
int template_fork(struct template *template, int in, int out, pid_t *ret_pid,
                  struct err *err) _must_check_;
