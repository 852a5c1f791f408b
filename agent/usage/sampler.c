#include "sampler.h"

#include <string.h>

int sampler_sample(const struct agent_config *config, const struct drivers *drivers,
                   const struct vps_spec *spec, struct usage_counters *ret_counters,
                   struct err *err)
{
    memset(ret_counters, 0, sizeof(*ret_counters));
    int r = drivers->container->sample(config, spec->vps, &drivers->disks, ret_counters, err);
    if (r < 0) {
        return err_wrap(err, "container counters");
    }
    r = drivers->volume->sample(config, spec->vps, ret_counters, err);
    if (r < 0) {
        return err_wrap(err, "volume counters");
    }
    r = drivers->network->sample(config, spec, ret_counters, err);
    if (r < 0) {
        return err_wrap(err, "network counters");
    }
    return 0;
}
