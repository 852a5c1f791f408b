#include "config.h"
#include "health.h"
#include "image_cache.h"
#include "sweep.h"
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

const struct task_kind task_node_open = {"node_open", steps, ARRAY_LEN(steps), TASK_EXCLUSIVE};

// spec: {clean}: what an operator ordered to be removed.
static int ensure_swept(struct task *task, struct err *err)
{
    return sweep_run(task->config, &task->drivers, json_object_get(task->spec_json, "clean"),
                     &task->found, err);
}

static int ensure_observed(struct task *task, struct err *err)
{
    task->alarms = health_observe(task->config, &task->drivers);
    return 0;
}

static int ensure_filters(struct task *task, struct err *err)
{
    health_observe_table(&task->drivers, task->alarms);
    return ensure_network_open(task, err);
}

static int ensure_tidy(struct task *task, struct err *err)
{
    return task->drivers.volume->tidy(task->config, err);
}

// A kernel that does not tell is no trouble of the node's: nobody is shown a number then.
static int ensure_counted(struct task *task, struct err *err)
{
    struct err unheard = {0};
    (void)!task->drivers.network->count_connections(task->config, &task->connections, &unheard);
    return 0;
}

// Once a minute, beside whatever else runs: what guests need of the network may have been taken away, as by `nft flush ruleset`.
static const struct task_step check_steps[] = {
    {"health", ensure_observed, NULL},     {"network", ensure_filters, NULL},
    {"connections", ensure_counted, NULL}, {"sweep", ensure_swept, NULL},
    {"quotas", ensure_tidy, NULL},         {"images", ensure_cache, NULL},
};

const struct task_kind task_node_check = {"node_check", check_steps, ARRAY_LEN(check_steps)};
