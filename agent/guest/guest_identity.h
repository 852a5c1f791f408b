// What of a guest's files stays ours after its first start: host name, root's keys and password. The guest may run,
// and may be hostile: guest_files.h. ERR_IMAGE and ERR_NOT_FOUND: its files are not what they should be.
#pragma once

#include "guest_files.h"

// /etc/hostname, and the line of /etc/hosts that names it.
int guest_set_hostname(const struct vps_spec *spec, const struct volume_root *root,
                       struct err *err) _must_check_;

// spec->ssh_keys as a block of root's authorized_keys; lines outside the block are the guest's own and stay.
int guest_set_keys(const struct vps_spec *spec, const struct volume_root *root,
                   struct err *err) _must_check_;

// The same for a guest that is open; part of guest_prepare().
int guest_write_keys(const struct guest *guest, const struct vps_spec *spec) _must_check_;

// root's line of /etc/shadow. hash: as crypt(5) writes it, checked by args_decode().
int guest_set_password(const struct vps_spec *spec, const struct volume_root *root,
                       const char *hash, struct err *err) _must_check_;
