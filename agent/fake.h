// Where the fake drivers keep their state: files under state_dir/fake, so that separate processes and
// the next start see the same node. They serve tests and the simulation of a fleet.
#pragma once

#include "drivers.h"

enum { FAKE_PATH_MAX = 320 };

// state_dir/fake/<kind>/<name>; name NULL: the folder. Makes the folders.
int fake_path(const struct agent_config *config, const char *kind, const char *name,
              char ret_path[FAKE_PATH_MAX], struct err *err) _must_check_;

// container_fake_console.c: a terminal that says what is typed into it.
int fake_console(const struct agent_config *config, const struct vps_spec *spec,
                 enum console_kind kind, struct terminal *ret_terminal,
                 struct err *err) _must_check_;

// Nanoseconds that the container has been running; 0 when it is not.
uint64_t fake_running_ns(const struct agent_config *config, const char *vps);
