// Shared by the files of the crun driver only.
#pragma once

#include "drivers.h"

#include <jansson.h>

#define CRUN_ROOT "/run/croft-crun" // where crun keeps what it knows of containers that run

// container_crun_config.c: the container as an OCI runtime's configuration, version 1.0.
int crun_config(const char *folder, const struct vps_spec *spec, const struct volume_root *root,
                json_t **ret_config, struct err *err) _must_check_;

// container_crun_run.c: crun in a mount namespace of its own, where a root with the guest's ids covers the root.
struct crun_place {
    const char *vps;
    const char *folder; // with config.json; absolute
    uint32_t id_base;
    struct volume_root root;
};

// Until it has ended. create: in the container's cgroups, with the root in place. ERR_SYSTEM with the last thing that it said.
int crun_create(const struct crun_place *place, struct err *err) _must_check_;
int crun_start(const struct crun_place *place, struct err *err) _must_check_;
// Of a container without a process; that there is none is success.
void crun_forget(const char *vps);
