// A root made of two layers: an image that many guests read, and what one guest changed of it (overlayfs). It is mounted in a
// mount namespace of its own, which ends with the last process or descriptor in it: nothing of it is ever to be seen on the
// host, or left there. docs/decisions/0059-one-image-under-many-guests.md
#pragma once

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct layer {
    const char *image; // folder of the image; its files are owned from id 0
    const char *own; // folder with upper/ and work/, of the same file system; owned from id 0
    const char *at; // the folder that the whole is put over
    uint32_t id_base; // what id 0 of both is in the whole
    bool read_only; // to be read by us: owned from id 0, own is not touched
};

// Descriptors; the caller closes both.
struct layer_view {
    int space; // the mount namespace in which the whole lies at `at`
    int tree; // the whole itself
};

// ERR_UNAVAILABLE: the kernel has no overlayfs.
int layer_check(struct err *err) _must_check_;

// The calling process stays where it is. Blocks.
int layer_mount(const struct layer *layer, struct layer_view *ret_view,
                struct err *err) _must_check_;

// The whole as a process that lives in its namespace has it. ERR_CONFLICT: nothing of ours lies there.
int layer_join(pid_t pid, const char *at, struct layer_view *ret_view,
               struct err *err) _must_check_;
// The same of a namespace that is held.
int layer_look(int space, const char *at, int *ret_tree, struct err *err) _must_check_;

// Moves the calling process, which has one thread, into a namespace, and back. One that cannot come back ends there and
// then: every path would mean something else to it.
int layer_enter(int space, int *ret_home, struct err *err) _must_check_;
void layer_leave(int home);

// What is made from now on belongs to this id of the host and its group, with all of root's rights; 0: to root again.
int layer_own_as(uint32_t id, struct err *err) _must_check_;
