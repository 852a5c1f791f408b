// What the tests of the real drivers stand on: a state folder, a pool in a loop file, a network
// namespace and a mount namespace of their own, a signed busybox image. Needs root.
#pragma once

#include "config.h"
#include "drivers.h"

#include <lxc/lxccontainer.h>

// One entry of an image made for a test.
struct rig_entry {
    const char *name;
    char type; // 'f' file, 'd' folder, 'l' symbolic link, 'h' hard link, 'c' character device
    const char *content; // text of a file, target of a link
    unsigned mode;
};

extern struct agent_config rig_config;
extern const struct drivers rig_drivers;
// What runs the guests: liblxc unless a test says otherwise.
extern const struct container_driver *rig_container;
// By which starts are counted; NULL, until a test says otherwise: they are not.
extern const char *rig_boot;

// Makes everything; exits with a message when the machine cannot do it. rig_clean() removes all of it
// and may be called at any time, also by another process than the one that set it up.
void rig_setup(const char *state_dir);
void rig_clean(const char *state_dir);

// Puts an archive of these entries (ended by a NULL name) into incoming/ and describes it in *spec:
// hash, size, signature. with_busybox adds a bootable system.
void rig_image(struct vps_spec *spec, const struct rig_entry *entries, int with_busybox);

// The same of an archive that somebody else made.
void rig_image_file(struct vps_spec *spec, const char *path);

// A valid description of vps number n, with an address of each family.
void rig_spec(struct vps_spec *spec, unsigned n);

// Starts it in a short-lived process, as a worker does (liblxc leaves the caller in the guest's
// monitor cgroup); returns what the driver said.
int rig_start(const struct vps_spec *spec);
// The same in this process, which must be one.
int rig_start_here(const struct vps_spec *spec, struct err *err);

// Image, volume, files, definition, filters, start; checks that each succeeds.
void rig_create(struct vps_spec *spec);
// The same backwards.
void rig_destroy(const struct vps_spec *spec);

// Runs a shell command in the guest; returns its exit status, 128 + n for signal n, -1 when it could
// not be run. What it printed is in out (may be NULL).
int rig_exec(const struct vps_spec *spec, const char *command, char *out, size_t size);
// As rig_exec, for a function of ours that runs inside the guest; liblxc's guests only.
int rig_call(const struct vps_spec *spec, int (*function)(void *), void *arg);

// Runs a shell command on the host in the folder that is the guest's root, as the guest's root user; of a layered disk in its
// mount. Returns its exit status.
int rig_root(const struct vps_spec *spec, const char *fmt, ...) _printf_(2, 3);
// Gives a file there to ids of the guest.
void rig_chown(const struct vps_spec *spec, const char *name, unsigned uid, unsigned gid);

// Runs a shell command on the host; returns its exit status.
int rig_host(const char *fmt, ...) _printf_(1, 2);

// Writes the file state_dir/<path>.
void rig_write(const char *path, const void *data, size_t len);
