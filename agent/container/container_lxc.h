// Shared by the files of the LXC driver only.
#pragma once

#include "drivers.h"

#include <lxc/lxccontainer.h>

static inline void cleanup_container(struct lxc_container **container)
{
    if (*container) {
        lxc_container_put(*container);
    }
}
#define _cleanup_container_ _cleanup_(cleanup_container)

// Loads vps/<id>/config; the caller puts the container.
int lxc_load(const struct agent_config *config, const char *vps, struct lxc_container **ret,
             struct err *err) _must_check_;

// container_lxc_live.c: of struct container_driver.
int lxc_apply(const struct agent_config *config, const struct vps_spec *spec,
              const struct volume_root *root, struct err *err) _must_check_;
int lxc_freeze(const struct agent_config *config, const char *vps, struct err *err) _must_check_;
int lxc_thaw(const struct agent_config *config, const char *vps, struct err *err) _must_check_;
int lxc_monitor_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                    struct err *err) _must_check_;
int lxc_init_pid(const struct agent_config *config, const char *vps, pid_t *ret_pid,
                 struct err *err) _must_check_;

// container_lxc_console.c: of struct container_driver.
int lxc_console(const struct agent_config *config, const struct vps_spec *spec,
                enum console_kind kind, struct terminal *ret_terminal,
                struct err *err) _must_check_;

// Whether the guest stopped to be started again; it is forgotten when that, or a stop, is done. A note of a reboot after
// `before` stays: the guest was quicker than us.
bool lxc_config_rebooted(const char *vps);
void lxc_config_forget_reboot(const char *vps, const struct timespec *before);

// Writes vps/<id>/config and the seccomp profile beside it, whole, from validated values. Every
// value passes one gate that refuses control characters: liblxc would take a newline for a new
// setting.
int lxc_config_write(const struct agent_config *config, const struct vps_spec *spec,
                     const struct volume_root *root, struct err *err) _must_check_;

// Has liblxc run croft-agent-last when the container ends, after its last process and before its device and its cgroups go: in this
// start alone, since it is told which one it is.
int lxc_config_count_end(struct lxc_container *container, const struct agent_config *config,
                         const struct vps_spec *spec, const struct container_start *how,
                         struct err *err) _must_check_;

// container_lxc_seccomp.c: what guests may not call (surface.h), in liblxc's syntax.
int lxc_seccomp_profile(char *out, size_t size, struct err *err) _must_check_;
