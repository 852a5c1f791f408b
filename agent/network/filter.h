// The node's nftables table: rules that hold for all guests and know none by name, and beside them what single
// guests need (filter_guest.c). Whatever is changed is one transaction, so that running guests stay filtered
// throughout. A file in the guest's folder holds its commands, written before they are run: the table can be made
// anew without any task, and what a killed worker did is taken back by the next. One lock holds for files and table.
#pragma once

#include "spec.h"

struct agent_config;

// Makes the table what it should be, whatever somebody else did to it.
int filter_open(const struct agent_config *config, struct err *err) _must_check_;

// What the spec asks for this guest; running or not.
int filter_set(const struct agent_config *config, const struct vps_spec *spec,
               struct err *err) _must_check_;

// Nothing of this guest any more. Absent is success.
int filter_remove(const struct agent_config *config, const struct vps_spec *spec,
                  struct err *err) _must_check_;
