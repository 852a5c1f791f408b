// How many connections the kernel tracks of each guest: a walk over all that it tracks in this network namespace. Workers
// only: the table may be long.
#pragma once

#include "err.h"

#include <jansson.h>

struct agent_config;

// {<vps>: [in, out]} of every vps with a record; in: that lead to one of its addresses, out: that it opened. What is closed and only
// remembered is not counted, nor does it count against the limit. The caller frees *ret_counts.
int conntrack_count(const struct agent_config *config, json_t **ret_counts,
                    struct err *err) _must_check_;
