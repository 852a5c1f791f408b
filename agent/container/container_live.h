// What changes in a container that runs, whichever driver started it.
#pragma once

#include "spec.h"

#include <sys/types.h>

// Gives it the limits of its plan. All that can be set is set, whatever else is refused; the first refusal is returned. Less memory
// than it needs is ERR_CONFLICT. disk: what its file system lies on; 0: unknown.
int container_set_limits(const struct vps_spec *spec, dev_t disk, struct err *err) _must_check_;

// init: its first process.
int container_set_hostname(pid_t init, const char *hostname, struct err *err) _must_check_;

// The signal that init takes for "switch off": systemd's own where init waits for it.
int container_off_signal(pid_t init);

// Removes a folder that only root writes in, with all that is in it; absent is success.
int container_remove_folder(const char *path, struct err *err) _must_check_;
