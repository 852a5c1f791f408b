// The files of a guest, which may run and be hostile while we look: every path is resolved inside its root, what is
// opened is a plain file or folder, nothing waits. Used by guest*.c alone.
#pragma once

#include "drivers.h"

// Every path starts at root and stays below it.
struct guest {
    int root;
    uid_t owner; // host id that the guest sees as 0
    struct err *err;
    bool acting; // what we make belongs to owner
};

struct guest_owner {
    uid_t uid;
    gid_t gid;
    mode_t mode;
};

// err must be there. root: mounted.
int guest_open(const struct vps_spec *spec, const struct volume_root *root, struct err *err,
               struct guest *ret_guest) _must_check_;
void guest_close(struct guest *guest);

// A folder of the guest; links are followed inside the root only. A descriptor, or an error code.
int guest_open_folder(const struct guest *guest, const char *path) _must_check_;

// The whole text of a plain file of at most max bytes; ERR_NOT_FOUND for anything else of that name. The caller
// frees the text.
int guest_read_file(const struct guest *guest, const char *folder, const char *name, size_t max,
                    char **ret_text, struct guest_owner *ret_owner) _must_check_;

// A new file in the place of whatever has the name; of the guest's root, or of owner.
int guest_replace_file(const struct guest *guest, const char *folder, const char *name, mode_t mode,
                       const char *text) _must_check_;
int guest_replace_file_as(const struct guest *guest, const char *folder, const char *name,
                          const struct guest_owner *owner, const char *text) _must_check_;

// A folder of the guest's root; one that is there stays as it is.
int guest_make_folder(const struct guest *guest, const char *parent, const char *name,
                      mode_t mode) _must_check_;
