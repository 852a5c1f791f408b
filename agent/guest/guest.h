// Writing into a guest's file system before its first start. Every path is resolved inside the root
// (openat2 RESOLVE_IN_ROOT), so that no link of the image or the guest leads out of it.
#pragma once

#include "drivers.h"

// Sets host name, hosts, resolv.conf, root's authorized_keys, an empty machine-id and removes SSH
// host keys, as files of the guest's root (id 0 in an id-mapped root, else spec->id_base).
// Repeatable as long as the guest has not run yet; the container must be stopped. Never blocks on
// what it finds.
int guest_prepare(const struct agent_config *config, const struct vps_spec *spec,
                  const struct volume_root *root, struct err *err) _must_check_;

// Removes what the next boot's random numbers would begin with: of a disk that may have begun with it before. Best
// effort.
void guest_forget_seeds(const struct vps_spec *spec, const struct volume_root *root);
