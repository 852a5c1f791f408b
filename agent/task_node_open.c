#include "config.h"
#include "image_cache.h"
#include "task.h"

static int ensure_pool(struct task *task, struct err *err)
{
    return task->drivers.volume->open_pool(task->config, err);
}

static int ensure_network_open(struct task *task, struct err *err)
{
    return task->drivers.network->open(task->config, err);
}

static int ensure_cache(struct task *task, struct err *err)
{
    return image_cache_trim(task->config, &task->drivers, err);
}

static const struct task_step steps[] = {
    {"pool", ensure_pool, NULL},
    {"network", ensure_network_open, NULL},
};

const struct task_kind task_node_open = {"node_open", steps, ARRAY_LEN(steps)};

// Once a minute: what guests need of the network may have been taken away, as by `nft flush ruleset`.
static const struct task_step check_steps[] = {
    {"network", ensure_network_open, NULL},
    {"images", ensure_cache, NULL},
};

const struct task_kind task_node_check = {"node_check", check_steps, ARRAY_LEN(check_steps)};
