// A throw-away guest, made and run by the drivers of the agent; and commands in it or, from the same files, on the host.
#pragma once

#include "site.h"

enum { RUN_TEXT_SIZE = 4096 };

struct run_result {
    int status; // of the shell; 128 + n: ended by signal n, which is also how it ends at its time limit
    char text[RUN_TEXT_SIZE]; // the end of both outputs
};

struct subject {
    struct vps_spec spec;
};

// HOST_NODE: the node's network, the node's own programs. HOST_PLAIN: programs of the image, on the processor that the
// subject has, beyond the node's filters. HOST_SENDER: the same in the node's network. HOST_WORLD: the node's programs in the
// world's network.
enum host_place { HOST_NODE, HOST_PLAIN, HOST_SENDER, HOST_WORLD };

// A description with a fresh id: one processor, 512 MiB, 1 GiB of disk, 512 processes, an address of each family.
void subject_describe(struct site *site, struct vps_spec *ret_spec);

// Makes and starts what the description says, and waits until its system has come up.
int subject_create(struct site *site, struct subject *subject, struct err *err) _must_check_;

// Starts it again when it is down: what ends the memory of a guest may end its init, which then is the largest of many
// small processes. On a machine of its own the kernel spares that one.
int subject_ensure(struct site *site, const struct subject *subject, struct err *err) _must_check_;
int subject_restart(struct site *site, const struct subject *subject, struct err *err) _must_check_;

// Whether it is down since it rebooted itself, so that it is to be started again, as the broker does.
int subject_reboots(struct site *site, const struct subject *subject, bool *ret_reboots,
                    struct err *err) _must_check_;

// A shell command as root of the guest, at most so long.
int subject_run(struct site *site, const struct subject *subject, const char *command,
                unsigned timeout_s, struct run_result *ret_result, struct err *err) _must_check_;

// The same that nobody waits for; ended by subject_end(). A negative error, or its process.
pid_t subject_begin(struct site *site, const struct subject *subject, const char *command);
void subject_end(pid_t pid);

// A function of ours in the guest, with its capabilities and its filters. Its exit status, or 128 + the signal.
int subject_call(struct site *site, const struct subject *subject, int (*function)(void *),
                 void *arg);

int subject_run_host(struct site *site, enum host_place place, const char *command,
                     unsigned timeout_s, struct run_result *ret_result,
                     struct err *err) _must_check_;

// A load as HOST_PLAIN has it, which nobody waits for; subject_end() ends it, and so does our own end.
pid_t subject_begin_host(struct site *site, const char *command);

// A server of the image's in the world; it ends with us.
int subject_serve(struct site *site, const char *command, struct err *err) _must_check_;

// Waits for it; out: the file that it writes to.
int subject_finish(pid_t pid, int out, struct run_result *ret_result, struct err *err) _must_check_;
