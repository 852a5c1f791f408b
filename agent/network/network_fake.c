#include "config.h"
#include "drivers.h"
#include "fake.h"
#include "file.h"
#include "vps_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A vps with a network has a file named after its slot that holds its id.
static int slot_path(const struct agent_config *config, const struct vps_spec *spec,
                     char ret_path[FAKE_PATH_MAX], struct err *err)
{
    char name[16];
    snprintf(name, sizeof(name), "crv%u", spec->slot);
    return fake_path(config, "network", name, ret_path, err);
}

static int open_network(const struct agent_config *config, struct err *err)
{
    char path[FAKE_PATH_MAX];
    return fake_path(config, "network", NULL, path, err);
}

static int prepare(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = slot_path(config, spec, path, err);
    return r < 0 ? r : file_write_atomic(path, spec->vps, strlen(spec->vps), 0600, err);
}

static int attach(const struct agent_config *config, const struct vps_spec *spec, struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = slot_path(config, spec, path, err);
    if (r == 0 && access(path, F_OK) < 0) {
        r = err_set(err, ERR_CONFLICT, "the network is not prepared");
    }
    return r;
}

static int readdress(const struct agent_config *config, const struct vps_spec *spec, pid_t init,
                     struct err *err)
{
    return 0;
}

static int remove_network(const struct agent_config *config, const struct vps_spec *spec,
                          struct err *err)
{
    char path[FAKE_PATH_MAX];
    int r = slot_path(config, spec, path, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        r = err_errno(err, errno, "removing %s", path);
    }
    return r;
}

static int sample(const struct agent_config *config, const struct vps_spec *spec,
                  struct usage_counters *counters, struct err *err)
{
    uint64_t ms = fake_running_ns(config, spec->vps) / 1000000;
    counters->net_rx_bytes = ms * 1024;
    counters->net_tx_bytes = ms * 2048;
    counters->net_rx_packets = ms;
    counters->net_tx_packets = ms * 2;
    counters->net_device = counters->net_table = 1;
    counters->net_rx_inside_bytes = ms * 256;
    counters->net_tx_inside_bytes = ms * 512;
    counters->net_rx_outside_bytes = ms * 768;
    counters->net_tx_outside_bytes = ms * 1536;
    return 0;
}

static int limits_met(const struct agent_config *config, const struct vps_spec *spec,
                      struct limits_met *met, struct err *err)
{
    met->connections_in.counted = met->connections_out.counted = true;
    return 0;
}

// One in and two out of everybody.
static int count_connections(const struct agent_config *config, json_t **ret_counts,
                             struct err *err)
{
    char(*ids)[37] = NULL;
    size_t count = 0;
    int r = vps_state_list(config, &ids, &count, err);
    if (r < 0) {
        return r;
    }
    *ret_counts = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(*ret_counts, ids[i], json_pack("[i, i]", 1, 2));
    }
    free(ids);
    return 0;
}

const struct network_driver network_fake = {
    .name = "fake",
    .open = open_network,
    .prepare = prepare,
    .attach = attach,
    .readdress = readdress,
    .remove = remove_network,
    .sample = sample,
    .limits_met = limits_met,
    .count_connections = count_connections,
};
