// Fault points, in test builds only (-Dfaults=true). The file state_dir/fault holds lines `<who> <step>`:
// the first one of this step is taken out and carried out.
#pragma once

#include "err.h"

struct agent_config;

#ifdef CROFT_FAULTS
// who is `worker`, `broker` or `link`: that process is killed with SIGKILL; `fail`: the step fails;
// `hang`: it never ends; `fill`: the state folder's disk is filled up.
int fault_point(const struct agent_config *config, const char *kind, const char *step,
                struct err *err) _must_check_;
#else
static inline int fault_point(const struct agent_config *config, const char *kind, const char *step,
                              struct err *err)
{
    return 0;
}
#endif
