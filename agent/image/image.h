// Images: a downloaded file in incoming/ becomes a read-only image of the pool, or is refused.
// What lies in incoming/ was written by the unprivileged link process and is believed by nobody.
#pragma once

#include "drivers.h"

// Makes spec->image present on the volume: copies incoming/<sha256> to a file of our own while
// hashing, checks size, SHA-256 and the control plane's signature (trust/image.pub), then unpacks in
// a child that is chrooted into the new image. Already present is success. Concurrent calls for one
// image wait for each other. ERR_NOT_FOUND: not in incoming/ (fetch it first); ERR_IMAGE: it does
// not verify or unpack, and the bad file is gone from incoming/; ERR_DISK_FULL. Blocks; workers
// only.
int image_install(const struct agent_config *config, const struct drivers *drivers,
                  const struct vps_spec *spec, struct err *err) _must_check_;
