// What a task says beside the desired state: how to do it, or what is done once and kept nowhere. Each kind
// of task has a field table; what no table names is not taken over. The second gate beside spec.h.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { ARGS_TIMEOUT_MAX_S = 600, ARGS_USER_DATA_MAX = 64 * 1024 };

// Strings are borrowed from the JSON tree.
struct task_args {
    bool force; // without asking the guest first
    int64_t timeout_s; // what a clean shutdown may take; -1: as the node is configured
    bool keep_power; // a guest that is off stays off
    bool fit; // a disk smaller than what is used is refused
    const char *password_hash; // crypt(5), for the guest's /etc/shadow
    const char *user_data; // run once at the guest's first boot; NULL: none
    const char *snapshot; // which one; NULL: none is named
    const char *source; // the vps that is cloned
    const char *image; // the id that a published image gets
    int64_t max_bytes; // that it may have, packed
};

// args may be NULL, which is an empty object. ERR_INVALID names the field.
int args_decode(const char *kind, json_t *args, struct task_args *ret_args,
                struct err *err) _must_check_;
