// What lies on the node and belongs to no record: found each minute by a worker, told to the server, removed when an operator
// ordered that, and only if it is found once more then.
#pragma once

#include "drivers.h"

#include <jansson.h>

enum { SWEEP_FINDINGS_MAX = 64 }; // of one sweep; what is more is found by the next ones

// The findings, [{kind, name, detail, error?}]; error says why one that `clean` (the same, by kind and name; may be NULL) names is still
// there. The caller frees *ret_found.
int sweep_run(const struct agent_config *config, const struct drivers *drivers, json_t *clean,
              json_t **ret_found, struct err *err) _must_check_;
