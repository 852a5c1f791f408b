// Shared by the files of the LXC driver only.
#pragma once

#include "drivers.h"

// Writes vps/<id>/config and the seccomp profile beside it, whole, from validated values. Every
// value passes one gate that refuses control characters: liblxc would take a newline for a new
// setting.
int lxc_config_write(const struct agent_config *config, const struct vps_spec *spec,
                     const struct volume_root *root, struct err *err) _must_check_;

// The seccomp profile in liblxc's version 2 syntax.
extern const char lxc_seccomp_profile[];
