#include "task.h"

static const struct task_step steps[] = {
    {"present", ensure_present, NULL},         {"state", ensure_state, NULL},
    {"stop", ensure_down_once, NULL},          {"limit", ensure_limit, NULL},
    {"define", ensure_defined, NULL},          {"identity", ensure_identity, NULL},
    {"network", ensure_network, undo_network}, {"start", ensure_started, undo_started},
    {"attach", ensure_attached, NULL},         {"verify", verify_power, NULL},
};

const struct task_kind task_reboot = {"vps_reboot", steps, ARRAY_LEN(steps), TASK_STOPS};
