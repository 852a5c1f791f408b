// vps/<id>/state.json: what this node knows of a vps. It is made before anything else of the vps and
// removed after everything else, so that nothing on the node is without a record. Written by the vps's
// worker while one runs, else by the broker.
#pragma once

#include "drivers.h"

#include <jansson.h>
#include <stdbool.h>

struct vps_state {
    char vps[37];
    int64_t generation; // reached: of the last task that ended well
    enum observed observed; // last seen
    bool created; // the creation was completed once: from then on nothing is taken back
    bool prepared; // the guest's files were written
    char start
        [37]; // UUID of the container's last start: `boot` of its usage; empty before the first
    int64_t
        exchanged; // generation of a rebuild that may have exchanged roots and is not settled; 0: none
    int64_t rebooted; // generation of the last reboot that has stopped the guest
    char hostname[64]; // that was written into the guest; empty: none yet
    char keys[65]; // the same: hash of root's keys; empty: none yet
    char asked[65]; // hash of the name and keys that the last order wants
    int64_t asked_by; // generation of the order that first wanted them
    json_t *spec; // as it came; owned
};

// ERR_NOT_FOUND: there is no record. ERR_MALFORMED: there is, but it cannot be read.
int vps_state_load(const struct agent_config *config, const char *vps, struct vps_state *ret_state,
                   struct err *err) _must_check_;

// Atomic and synced. Makes the folder.
int vps_state_save(const struct agent_config *config, const struct vps_state *state,
                   struct err *err) _must_check_;

// Removes the record, then the folder with what the container driver left there. Absent is success.
int vps_state_remove(const struct agent_config *config, const char *vps,
                     struct err *err) _must_check_;

void vps_state_finish(struct vps_state *state);

// Ids of all folders under vps/, with or without a record; the caller frees the array.
int vps_state_list(const struct agent_config *config, char (**ret_ids)[37], size_t *ret_count,
                   struct err *err) _must_check_;
