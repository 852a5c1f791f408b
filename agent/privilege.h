// Giving up root for good.
#pragma once

#include "err.h"

#include <sys/types.h>

// The account's ids. ERR_NOT_FOUND: there is none of that name.
int privilege_lookup(const char *user, uid_t *ret_uid, gid_t *ret_gid,
                     struct err *err) _must_check_;

// Becomes that account: no supplementary groups, no capabilities (bounding set included), nothing can
// bring them back (no_new_privs). For a process that is not root only no_new_privs is set.
int privilege_drop(const char *user, struct err *err) _must_check_;
