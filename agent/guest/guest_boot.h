// What a customer wants done at the first boot.
#pragma once

#include "drivers.h"

// Into an image with cloud-init: the seed of its NoCloud source. Into any other a script beginning with #!, which
// runs once, as root, at the end of the boot: by a unit of systemd, or by an image that runs /etc/croft/first-boot. Anything
// else for such an image is ERR_INVALID. Before the first start; repeatable.
int guest_set_user_data(const struct vps_spec *spec, const struct volume_root *root,
                        const char *text, struct err *err) _must_check_;
