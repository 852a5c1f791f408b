#include "drivers.h"

#include "config.h"

#include <string.h>

static const struct container_driver *const containers[] = {&container_lxc, &container_crun,
                                                            &container_fake};
static const struct volume_driver *const volumes[] = {&volume_btrfs, &volume_fake};
static const struct network_driver *const networks[] = {&network_routed, &network_fake};

const char *observed_name(enum observed observed)
{
    static const char *const names[] = {
        [OBSERVED_ABSENT] = "absent",
        [OBSERVED_STOPPED] = "stopped",
        [OBSERVED_RUNNING] = "running",
        [OBSERVED_ERROR] = "error",
    };
    return (size_t)observed < ARRAY_LEN(names) ? names[observed] : "error";
}

// Sets result to the entry of table whose name is wanted, or to NULL.
#define FIND(result, table, wanted)                                                                \
    do {                                                                                           \
        (result) = NULL;                                                                           \
        for (size_t i_ = 0; i_ < ARRAY_LEN(table); i_++) {                                         \
            if (strcmp((table)[i_]->name, (wanted)) == 0) {                                        \
                (result) = (table)[i_];                                                            \
            }                                                                                      \
        }                                                                                          \
    } while (0)

int drivers_select(const struct agent_config *config, struct drivers *ret_drivers, struct err *err)
{
    const struct container_driver *container;
    const struct volume_driver *volume;
    const struct network_driver *network;
    FIND(container, containers, config->drivers.container);
    FIND(volume, volumes, config->drivers.volume);
    FIND(network, networks, config->drivers.network);
    if (!container) {
        return err_at(err, ERR_INVALID, "/drivers/container", "no container driver '%s'",
                      config->drivers.container);
    }
    if (!volume) {
        return err_at(err, ERR_INVALID, "/drivers/volume", "no volume driver '%s'",
                      config->drivers.volume);
    }
    if (!network) {
        return err_at(err, ERR_INVALID, "/drivers/network", "no network driver '%s'",
                      config->drivers.network);
    }
    *ret_drivers = (struct drivers){
        .container = container,
        .volume = volume,
        .network = network,
    };
    return 0;
}
