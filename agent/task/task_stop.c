#include "task.h"

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},   {"state", ensure_state, NULL},
    {"stop", ensure_stopped, NULL},      {"network", ensure_no_network, NULL},
    {"limit", ensure_limit, NULL},       {"define", ensure_defined, NULL},
    {"identity", ensure_identity, NULL}, {"verify", verify_power, NULL},
};

const struct task_kind task_stop = {"vps_stop", steps, ARRAY_LEN(steps), TASK_STOPS};
